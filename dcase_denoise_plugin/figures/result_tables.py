"""One table of a results folder: where it lies, what it is of, and what stands in it."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path
from typing import NamedTuple

from dcase_denoise_plugin.checkout.result_files import ResultFile
from dcase_denoise_plugin.errors import RunError, first_line
from dcase_denoise_plugin.files import read_table
from dcase_denoise_plugin.quoting import quoted

# Columns of the baseline's table of AUCs. Data sets before 2022 have no domains, and "AUC" alone.
AUC_METRICS = ("AUC", "AUC (source)", "AUC (target)", "pAUC")


class ResultTable(NamedTuple):
    """A table of anomaly scores, of one section, or of AUCs, whose `section` is ""."""

    path: Path
    dataset: str
    machine: str
    seed: int
    section: str
    trained: tuple[int, ...] = ()

    @property
    def run(self) -> tuple[str, int]:
        """Machine type and seed."""
        return self.machine, self.seed


def result_tables(folder: Path, below: bool = False) -> list[ResultTable]:
    """The tables in a folder, or also in those `below` it. Raises OSError without the folder."""
    found = []
    for path in sorted(folder.rglob("*.csv") if below else folder.iterdir()):
        file = ResultFile.from_name(path.name)
        if file and file.kind != "decision_result" and not file.is_foreign:
            name = (file.dataset, file.machine_type, file.seed, file.section, file.trained)
            found.append(ResultTable(path, *name))
    return found


def is_bare(name: str) -> bool:
    """Whether a clip's name is that of a file alone, which leads to no other folder."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def read_pairs(path: Path) -> tuple[list[tuple[str, float]], str]:
    """(clip, number) of each line of a CSV without header, sorted by clip, and "" or what is wrong
    with it.
    """
    try:
        rows = sorted((row[0], float(row[1])) for row in read_table(path))
    except IndexError:
        return [], "a line without a second column"
    except (OSError, ValueError, csv.Error) as error:
        return [], f"expected a clip and a number in each line, got {first_line(error)}"
    if len({name for name, _ in rows}) < len(rows):
        return [], "a clip that stands there twice"
    return rows, "" if rows else "an empty table"


def _numbered(sections: tuple[int, ...]) -> set[str]:
    return {f"{section:02d}" for section in sections}


def read_roc(path: Path) -> dict[str, float]:
    """AUC and pAUC in percent from one of the baseline's ``_roc.csv``: the harmonic mean over the
    machine's sections, or over those that the autoencoder was trained for.

    Raises
    ------
    RunError
        If it is missing or has no such row, or no number in it.
    """
    try:
        header, *rows = read_table(path)
        found = {row["section"]: row for row in (dict(zip(header, row)) for row in rows)}
        mean = found.pop("harmonic mean")
        found.pop("arithmetic mean", None)
        file = ResultFile.from_name(path.name)
        own = [row for name, row in found.items() if file and name in _numbered(file.trained)]
        if not own or len(own) == len(found):
            own = [mean]
        percent = {
            metric: 100 * statistics.harmonic_mean([float(row[metric]) for row in own])
            for metric in AUC_METRICS
            if metric in mean
        }
        if not percent:
            raise ValueError("no column of an AUC")
        return percent
    except (OSError, KeyError, ValueError, TypeError, csv.Error) as error:
        raise RunError(
            f"result: expected AUC and pAUC from the baseline's test, got {quoted(error)} in"
            f" {path}. Remove the file and run again."
        ) from None
