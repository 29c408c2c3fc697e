"""What the baseline leaves in a results folder: anomaly scores, decisions and AUCs per machine
type, section and seed; the truth is in the clips' names.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.checkout.result_files import ResultFile, decisions_beside
from dcase_denoise_plugin.errors import RunError, first_line

# As words of a clip's name; "normal" and "anomaly" are the truth, a data set before 2022 names no
# domain.
LABELS, DOMAINS = {"normal": 0, "anomaly": 1}, ("source", "target")


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something about the input that a reader must know, and the score and machine type whose
    figures it touches ("" for all).
    """

    text: str
    score: str = ""
    machine: str = ""


@dataclasses.dataclass(frozen=True)
class SectionScores:
    """One section of a machine type under one score and seed.

    Attributes
    ----------
    clips : file names, sorted.
    scores : float64 (clips,), finite.
    decisions : int (clips,) at the baseline's threshold, or None if its CSV is missing or damaged.
    labels : int (clips,), 1 for an anomaly, -1 where the name does not tell.
    domains : (clips,) "source", "target" or "".
    """

    clips: tuple[str, ...]
    scores: np.ndarray
    decisions: np.ndarray | None
    labels: np.ndarray
    domains: np.ndarray


@dataclasses.dataclass
class ScoreFolder:
    """A results folder, under one score.

    Attributes
    ----------
    sections : by (machine type, seed), then by section name.
    stated : AUCs out of the ``_roc.csv``, as shares, by (machine type, seed): the means over
        sections that the baseline itself wrote.
    remarks : what was wrong with the files.
    """

    path: Path
    score: str
    dataset: str
    sections: dict[tuple[str, int], dict[str, SectionScores]]
    stated: dict[tuple[str, int], dict[str, float]]
    remarks: list[Remark]

    @property
    def runs(self) -> list[tuple[str, int]]:
        """(machine type, seed) of everything that is there in any form, sorted."""
        return sorted({*self.sections, *self.stated})

    @classmethod
    def read(
        cls, path: Path, score: str, only: Collection[tuple[str, int]] | None = None
    ) -> ScoreFolder:
        """Reads every CSV of the folder, or those of the (machine type, seed) in `only`; what
        cannot be read becomes a remark, and the rest stands.

        Raises
        ------
        OSError
            If there is no such folder.
        """
        folder = cls(Path(path), score, "", {}, {}, [])
        read_from: dict[tuple, Path] = {}
        for file in sorted(
            Path(path).iterdir(), key=lambda file: (file.stat().st_mtime_ns, file.name)
        ):
            table = ResultFile.from_name(file.name)
            if table is None or table.kind == "decision_result":
                continue
            folder.dataset = folder.dataset or table.dataset
            run = (table.machine_type, table.seed)
            if only is not None and run not in only:
                continue
            key = (*run, table.section)
            if key in read_from:
                folder._remark(
                    run,
                    f"two tables of the same kind, {read_from[key].name} and {file.name};"
                    " the newer one counts.",
                )
            read_from[key] = file
            if table.section:
                folder._take_scores(run, table.section, file)
            else:
                folder._take_stated(run, file)
        return folder

    def _take_scores(self, run, section, file):
        rows, wrong = read_pairs(file)
        if not wrong:
            finite = np.isfinite([value for _, value in rows])
            wrong = (
                ""
                if finite.all()
                else f"{np.count_nonzero(~finite)} of {len(rows)} scores are not finite numbers"
            )
        if wrong:
            self._remark(run, f"{wrong} in {file.name}. Test this machine type again.")
            return
        names = tuple(name for name, _ in rows)
        decision_file = decisions_beside(file)
        decided, wrong = (
            read_pairs(decision_file) if decision_file.is_file() else ([], "the file is missing")
        )
        if not wrong and (
            tuple(name for name, _ in decided) != names
            or not {value for _, value in decided} <= {0.0, 1.0}
        ):
            wrong = "expected a 0 or 1 for every scored clip, got something else"
        if wrong:
            self._remark(run, f"no F1: {wrong} in {decision_file.name}.")
        decisions = None if wrong else np.array([value for _, value in decided], dtype=int)
        words = [re.split(r"[_.]", name) for name in names]
        labels = np.array(
            [next((LABELS[word] for word in name if word in LABELS), -1) for name in words]
        )
        domains = np.array([next((word for word in name if word in DOMAINS), "") for name in words])
        self.sections.setdefault(run, {})[section] = SectionScores(
            names, np.array([value for _, value in rows]), decisions, labels, domains
        )

    def _take_stated(self, run, file):
        try:
            stated = {metric: percent / 100 for metric, percent in read_roc(file).items()}
        except RunError as error:
            self._remark(run, f"no AUC of the baseline's own to check against: {error}")
        else:
            if all(np.isfinite(value) for value in stated.values()):
                self.stated[run] = stated
            else:
                self._remark(run, f"an AUC that is not a finite number in {file.name}.")

    def _remark(self, run, text):
        self.remarks.append(
            Remark(f"{run[0]}, seed {run[1]}, {self.path.name}: {text}", self.score, run[0])
        )


def read_pairs(file: Path) -> tuple[list[tuple[str, float]], str]:
    """(clip, number) of each line of a CSV without header, sorted by clip, and "" or what is wrong
    with it.
    """
    try:
        with open(file, newline="", encoding="utf-8") as stream:
            rows = sorted((row[0], float(row[1])) for row in csv.reader(stream) if row)
    except IndexError:
        return [], "a line without a second column"
    except (OSError, ValueError, csv.Error) as error:
        return [], f"expected a clip and a number in each line, got {first_line(error)}"
    if len({name for name, _ in rows}) < len(rows):
        return [], "a clip that stands there twice"
    return rows, "" if rows else "an empty table"


# Columns of the baseline's _roc.csv → as in the table. Data sets before 2022 have no domains.
METRICS = {"AUC": "AUC", "AUC (source)": "AUC src", "AUC (target)": "AUC tgt", "pAUC": "pAUC"}


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
            percent = {metric: 100 * float(row[metric]) for metric in METRICS if metric in row}
        if not percent:
            raise ValueError("no column of an AUC")
        return percent
    except (OSError, StopIteration, KeyError, ValueError, TypeError, csv.Error) as error:
        raise RunError(
            f"result: expected AUC and pAUC from the baseline's test, got {error!r} in {path}."
            " Remove the file and run again."
        ) from None
