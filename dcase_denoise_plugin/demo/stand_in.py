"""Lays the stand-in baseline out as a folder that looks and runs like a checkout of the
real one.
"""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from dcase_denoise_plugin.errors import BaselineError

MARKER = "STAND_IN.md"
WRITTEN_BY_RUNS = ("/data/", "/reference/", "/results/", "/models/", "/logs/", "__pycache__/")


def lay_out(destination: Path) -> Path:
    """Copies the stand-in to `destination`; a stand-in that is there is brought up to date, and
    what its runs wrote stays.

    Returns
    -------
    Path
        `destination`.

    Raises
    ------
    BaselineError
        If `destination` is a file, or a folder with anything but a stand-in in it.
    """
    destination = Path(destination)
    if (
        destination.exists()
        and not is_stand_in(destination)
        and not (destination.is_dir() and not any(destination.iterdir()))
    ):
        raise BaselineError(
            "stand-in baseline: expected a new, an empty or a stand-in's folder, got something"
            f" else in {destination}. Choose another folder."
        )
    with resources.as_file(
        resources.files("dcase_denoise_plugin.demo") / "stand_in_baseline"
    ) as source:
        shutil.copytree(
            source, destination, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    (destination / ".gitignore").write_text(
        "".join(f"{line}\n" for line in WRITTEN_BY_RUNS), encoding="utf-8"
    )
    return destination


def is_stand_in(folder: Path) -> bool:
    """Whether `folder` holds the stand-in, so that no figure from it is taken for one of the real
    baseline.
    """
    return (Path(folder) / MARKER).is_file()
