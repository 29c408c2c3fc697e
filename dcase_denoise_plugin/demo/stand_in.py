"""Lays the stand-in baseline out as a folder that looks and runs like a checkout of the
real one.
"""

from __future__ import annotations

import filecmp
import shutil
from importlib import resources
from pathlib import Path

from dcase_denoise_plugin.errors import BaselineError
from dcase_denoise_plugin.files import PARTIAL, written_whole

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
        and not (destination.is_dir() and _is_empty(destination))
    ):
        raise BaselineError(
            "stand-in baseline: expected a new, an empty or a stand-in's folder, got something"
            f" else in {destination}. Choose another folder."
        )
    with resources.as_file(
        resources.files("dcase_denoise_plugin.demo") / "stand_in_baseline"
    ) as source:
        # First, so that a killed call leaves a stand-in's folder.
        _copy(source / MARKER, destination / MARKER)
        ignored = shutil.ignore_patterns("__pycache__")
        try:
            shutil.copytree(
                source, destination, dirs_exist_ok=True, ignore=ignored, copy_function=_copy
            )
        except shutil.Error as error:  # goes on to the end, and tells of every file
            raise OSError(error.args[0][0][2]) from None
    (destination / ".gitignore").write_text(
        "".join(f"{line}\n" for line in WRITTEN_BY_RUNS), encoding="utf-8"
    )
    return destination


def _is_empty(folder: Path) -> bool:
    return all(path.name.endswith(PARTIAL) for path in folder.iterdir())


def _copy(source: str | Path, destination: str | Path) -> None:
    """Leaves a file alone that is there already: a run may be reading it."""
    destination = Path(destination)
    if not (destination.is_file() and filecmp.cmp(source, destination, shallow=False)):
        with written_whole(destination) as aside:
            shutil.copy2(source, aside)


def is_stand_in(folder: Path) -> bool:
    """Whether `folder` holds the stand-in, so that no figure from it is taken for one of the real
    baseline.
    """
    return (Path(folder) / MARKER).is_file()
