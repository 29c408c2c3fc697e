"""The opt-in start-up file: with it in the active environment, the baseline knows the denoise keys
without PYTHONPATH.
"""

from __future__ import annotations

import sysconfig
from pathlib import Path

from dcase_denoise_plugin.errors import DenoiseError

# One line, because Python runs a .pth line by line; it stays quiet when the package is gone, and
# the baseline then refuses the denoise keys itself.
_LINE = (
    'exec("try:\\n import baseline_patches.import_hook as hook\\nexcept ImportError:\\n'
    ' pass\\nelse:\\n hook.install()")'
)


def startup_file(folder: Path | None = None) -> Path:
    """Where the start-up file of the active environment lies, there or not."""
    return Path(folder or sysconfig.get_path("purelib")) / "dcase_denoise.pth"


def enable(folder: Path | None = None) -> Path:
    """Installs the start-up file and returns its path.

    Raises
    ------
    DenoiseError
        If the environment's folder cannot be written to.
    """
    path = startup_file(folder)
    try:
        path.write_text(f"import sys; {_LINE}\n", encoding="utf-8")
    except OSError as error:
        raise DenoiseError(
            f"start-up file: expected to write {path}, got {error.strerror}. "
            "Activate a virtual environment of your own, or use PYTHONPATH."
        ) from None
    return path


def disable(folder: Path | None = None) -> Path | None:
    """Removes the start-up file; returns its path, or None if there was none."""
    path = startup_file(folder)
    if not path.exists():
        return None
    path.unlink()
    return path
