"""The plain baseline's own feature cache, which it never checks: what a killed run left half-written, and what is older than the clips."""
from __future__ import annotations

import fcntl
from pathlib import Path

from dcase_denoise_plugin.errors import RunError


def drop_half_written(processed: Path) -> list[Path]:
    """Deletes the pickles in ``processed/<machine>/<split>/<settings>/`` whose writer was killed, and returns them.

    The baseline holds a lock file while it writes one; a lock file that nobody holds belongs to a run that has died, and the pickle beside
    it would end every later run.
    """
    dropped = []
    for lock_file in processed.glob("*/*/*/*_lockfile"):
        with open(lock_file, "a") as handle:
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            pickle = lock_file.with_name(lock_file.name.removesuffix("_lockfile") + ".pickle")
            if pickle.exists():
                pickle.unlink()
                dropped.append(pickle)
            lock_file.unlink()
    return dropped


def check_fresh(raw: Path, processed: Path) -> None:
    """Refuses features older than a clip they were made of; both folders are those of one machine type.

    Raises
    ------
    RunError
        Naming the pickle, the clip and what to do.
    """
    for pickle in sorted(processed.glob("*/*/*.pickle")):
        made = pickle.stat().st_mtime_ns
        changed = next((clip for clip in sorted((raw / pickle.parent.parent.name).glob("*.wav")) if clip.stat().st_mtime_ns > made), None)
        if changed:
            raise RunError(f"{raw.name}: expected the plain baseline's features to be younger than the clips, got {pickle} from before {changed.name}. "
                           f"The baseline would score clips that are gone; delete {processed} and run again.")
