"""Why a clip could not be loaded: by the system, or by the baseline, which catches every error and
calls the clip broken.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dcase_denoise_plugin.errors import AudioError, one_line

KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def check_present(path: Path | str) -> None:
    """Asks the system for a regular file that may be read, before anyone calls the clip broken.

    Raises
    ------
    AudioError
        With what the system says.
    """
    try:
        mode = os.stat(path).st_mode
        found = next((what for is_kind, what in KINDS.items() if is_kind(mode)), "")
        if not found:
            with open(path, "rb"):
                return
        cure = "Take it out of the folder."
    except OSError as error:
        found, cure = error.strerror or type(error).__name__, "Correct the path or its rights."
        if os.path.islink(path):
            found = f"a link to {os.readlink(path)} ({found})"
            cure = "Fetch the file, as with git annex get or dvc pull, or correct its rights."
    raise AudioError(f"clip: expected a regular file, got {found} in {path}. {cure}")


def why_not_loaded(path: str) -> AudioError:
    """The error about a whole, readable file that the baseline did not load, with the cause that it
    has swallowed: by loading the clip as it does.
    """
    try:
        import librosa

        librosa.load(path, sr=None, mono=False)
    except Exception as error:  # whatever the baseline caught
        return AudioError(
            f"librosa: expected it to load {path} for the baseline, got {one_line(error)}. The clip"
            " itself can be read: mend librosa. If it cannot cache, set NUMBA_CACHE_DIR to a folder"
            " that can be written."
        )
    return AudioError(
        f"clip: expected the baseline to load it, got nothing from its file_load for {path}, which"
        " librosa loads. Look at what the baseline says in the log."
    )
