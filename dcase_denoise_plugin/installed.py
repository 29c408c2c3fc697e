"""Whose code a file holds: the user's, or an installed library's."""
from __future__ import annotations

import sysconfig
from pathlib import Path

INSTALLED = tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def is_installed(file: Path | str) -> bool:
    """Whether `file`, and what lies beside it, came with Python or an installed package."""
    return any(Path(file).is_relative_to(folder) for folder in INSTALLED)
