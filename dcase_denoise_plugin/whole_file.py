"""Files that are there are whole: written aside, then renamed."""
from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Hands out a path beside `path`, in a folder that is there; what was written to it takes the name when the block ends well, and goes when it does not.

    Two writers of one file at a time need a lock besides.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield aside
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
