"""One file of a results folder: what its name says, and what stands in it.

`parse` alone knows the names of the baseline's tables.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import NamedTuple

from dcase_denoise_plugin.errors import RunError, first_line

SCORES, AUCS = "scores", "aucs"
NAMES = {
    SCORES: re.compile(
        r"anomaly_score_(?P<data>.+?)_(?P<section>(?:section|id)_\d+)_test(?:_\w+?)??"
        r"_seed(?P<seed>\d+)(?P<suffix>.*)\.csv"
    ),
    AUCS: re.compile(
        r"result_(?P<data>.+?)_test(?:_\w+?)??_seed(?P<seed>\d+)(?P<suffix>.*)_roc\.csv"
    ),
}
DATASET = re.compile(r"(DCASE20\d\dT2)(.+)")
# Columns of the baseline's table of AUCs. Data sets before 2022 have no domains, and "AUC" alone.
AUC_METRICS = ("AUC", "AUC (source)", "AUC (target)", "pAUC")


class ResultFile(NamedTuple):
    """A table that the baseline's test left.

    Attributes
    ----------
    kind : `SCORES` or `AUCS`.
    dataset : such as DCASE2025T2; "" where the name does not tell it from the machine type.
    section : such as section_00; "" for AUCs, which are of all sections.
    """

    path: Path
    kind: str
    dataset: str
    machine: str
    seed: int
    section: str

    @property
    def run(self) -> tuple[str, int]:
        """Machine type and seed."""
        return self.machine, self.seed


def parse(path: Path) -> ResultFile | None:
    """What the name of a file says, or None if it is no table of scores or AUCs."""
    for kind, pattern in NAMES.items():
        if found := pattern.fullmatch(path.name):
            known = DATASET.fullmatch(found["data"])
            dataset, machine = known.groups() if known else ("", found["data"])
            section = found["section"] if kind == SCORES else ""
            return ResultFile(path, kind, dataset, machine, int(found["seed"]), section)
    return None


def decision_file(scores: Path) -> Path:
    """Where the decisions about the clips of a table of scores stand."""
    return scores.with_name(scores.name.replace("anomaly_score_", "decision_result_", 1))


def result_files(folder: Path, below: bool = False) -> list[ResultFile]:
    """The tables in a folder, or also in those `below` it. Raises OSError without the folder."""
    paths = folder.rglob("*.csv") if below else folder.iterdir()
    return [file for file in map(parse, sorted(paths)) if file]


def is_bare(name: str) -> bool:
    """Whether a clip's name is that of a file alone, which leads to no other folder."""
    return name not in ("", ".", "..") and not set(name) & {"/", "\\", "\0"}


def read_pairs(path: Path) -> tuple[list[tuple[str, float]], str]:
    """(clip, number) of each line of a CSV without header, sorted by clip, and "" or what is wrong
    with it.
    """
    try:
        with open(path, newline="", encoding="utf-8") as stream:
            rows = sorted((row[0], float(row[1])) for row in csv.reader(stream) if row)
    except IndexError:
        return [], "a line without a second column"
    except (OSError, ValueError, csv.Error) as error:
        return [], f"expected a clip and a number in each line, got {first_line(error)}"
    if len({name for name, _ in rows}) < len(rows):
        return [], "a clip that stands there twice"
    return rows, "" if rows else "an empty table"


def read_roc(path: Path) -> dict[str, float]:
    """AUC and pAUC in percent from one of the baseline's ``_roc.csv``: the harmonic mean over the
    machine's sections.

    Raises
    ------
    RunError
        If it is missing or has no such row, or no number in it.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            row = next(row for row in csv.DictReader(file) if row["section"] == "harmonic mean")
        percent = {metric: 100 * float(row[metric]) for metric in AUC_METRICS if metric in row}
        if not percent:
            raise ValueError("no column of an AUC")
        return percent
    except (OSError, StopIteration, KeyError, ValueError, TypeError, csv.Error) as error:
        raise RunError(
            f"result: expected AUC and pAUC from the baseline's test, got {error!r} in {path}."
            " Remove the file and run again."
        ) from None
