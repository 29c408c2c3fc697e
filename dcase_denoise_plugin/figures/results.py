"""The reader of a results folder: anomaly scores, decisions and AUCs as the baseline left them, by
machine type, section and seed. The truth is in the clips' names.
"""

from __future__ import annotations

import dataclasses
import re
import statistics
from collections.abc import Collection
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.checkout.result_files import decisions_beside
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.result_tables import (
    ResultTable,
    is_bare,
    read_pairs,
    read_roc,
    result_tables,
)
from dcase_denoise_plugin.quoting import quoted

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
    clips : bare file names, sorted.
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
class Results:
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
    dataset: str = ""
    sections: dict[tuple[str, int], dict[str, SectionScores]] = dataclasses.field(
        default_factory=dict
    )
    stated: dict[tuple[str, int], dict[str, float]] = dataclasses.field(default_factory=dict)
    remarks: list[Remark] = dataclasses.field(default_factory=list)
    _aucs: dict[tuple[str, int], dict[tuple[int, ...], dict[str, float]]] = dataclasses.field(
        default_factory=dict
    )

    @property
    def runs(self) -> list[tuple[str, int]]:
        """(machine type, seed) of everything that is there in any form, sorted."""
        return sorted({*self.sections, *self.stated})

    @classmethod
    def read(
        cls, path: Path, score: str, only: Collection[tuple[str, int]] | None = None
    ) -> Results:
        """Reads every table of the folder, or those of the (machine type, seed) in `only`. What
        cannot be read becomes a remark, and the rest stands.

        Raises
        ------
        OSError
            If there is no such folder.
        """
        results = cls(Path(path), score)
        read_from: dict[tuple[str, int, str], Path] = {}
        for table in sorted(result_tables(results.path), key=_age):
            results.dataset = results.dataset or table.dataset
            if only is not None and table.run not in only:
                continue
            key = (*table.run, table.section or str(table.trained))
            if key in read_from:
                results._remark(
                    table,
                    f"two tables of the same kind, {read_from[key].name} and {table.path.name}; the"
                    " newer one counts.",
                )
            read_from[key] = table.path
            if table.section:
                results._take_scores(table)
            else:
                results._take_aucs(table)
        return results

    def _take_scores(self, table: ResultTable) -> None:
        rows, wrong = self._clips(table)
        if not wrong:
            finite = np.isfinite([value for _, value in rows])
            if not finite.all():
                lost = np.count_nonzero(~finite)
                wrong = f"{lost} of {len(rows)} scores are not finite numbers"
        if wrong:
            self._remark(table, f"{wrong} in {table.path.name}. Test this machine type again.")
            return
        names = tuple(name for name, _ in rows)
        words = [re.split(r"[_.]", name) for name in names]
        labels = [next((LABELS[word] for word in name if word in LABELS), -1) for name in words]
        domains = [next((word for word in name if word in DOMAINS), "") for name in words]
        self.sections.setdefault(table.run, {})[table.section] = SectionScores(
            names,
            np.array([value for _, value in rows]),
            self._decisions(table, names),
            np.array(labels),
            np.array(domains),
        )

    def _decisions(self, table: ResultTable, names: tuple[str, ...]) -> np.ndarray | None:
        """The decisions about the clips that were scored; a remark if they cannot be had."""
        path = decisions_beside(table.path)
        rows, wrong = read_pairs(path) if path.is_file() else ([], "the file is missing")
        decided = {name: value for name, value in rows if is_bare(name)}
        if not wrong and (decided.keys() != set(names) or not set(decided.values()) <= {0.0, 1.0}):
            wrong = "expected a 0 or 1 for every scored clip, got something else"
        if wrong:
            self._remark(table, f"no F1: {wrong} in {path.name}.")
            return None
        return np.array([decided[name] for name in names], dtype=int)

    def _clips(self, table: ResultTable) -> tuple[list[tuple[str, float]], str]:
        """As `read_pairs`, without the lines that name anything but a bare file."""
        rows, wrong = read_pairs(table.path)
        strange = [name for name, _ in rows if not is_bare(name)]
        if strange:
            self._remark(
                table,
                f"{len(strange)} of {len(rows)} lines are left out, for they name no file of the"
                f" test clips' folder, the first one {quoted(strange[0])}, in {table.path.name}.",
            )
            rows = [row for row in rows if is_bare(row[0])]
            wrong = wrong or ("" if rows else "no line that names a clip")
        return rows, wrong

    def _take_aucs(self, table: ResultTable) -> None:
        try:
            stated = {metric: percent / 100 for metric, percent in read_roc(table.path).items()}
        except RunError as error:
            self._remark(table, f"no AUC of the baseline's own to check against: {error}")
            return
        tables = self._aucs.setdefault(table.run, {})
        tables[table.trained] = stated
        self.stated[table.run] = {
            metric: statistics.harmonic_mean([one[metric] for one in tables.values()])
            for metric in stated
            if all(metric in one for one in tables.values())
        }
        if not np.isfinite(list(stated.values())).all():
            self._remark(table, f"an AUC that is not a finite number in {table.path.name}.")

    def _remark(self, table: ResultTable, text: str) -> None:
        self.remarks.append(
            Remark(
                f"{table.machine}, seed {table.seed}, {self.path.name}: {text}",
                self.score,
                table.machine,
            )
        )


def _age(table: ResultTable) -> tuple[int, str]:
    return table.path.stat().st_mtime_ns, table.path.name
