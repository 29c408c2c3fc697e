"""Two arms under one score: every figure with its seeds, the paired difference, and both
intervals.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable

import numpy as np

from dcase_denoise_plugin.figures import intervals
from dcase_denoise_plugin.figures.figures_of_merit import (
    AUC_FIGURES,
    F1_FIGURES,
    harmonic_mean,
    section_figures,
)
from dcase_denoise_plugin.figures.intervals import Interval
from dcase_denoise_plugin.figures.score_files import Remark, ScoreFolder

ALL_MACHINES = "all machines"
MEAN_OF_AUCS, MEAN_OF_F1 = "harmonic mean", "F1 harmonic mean"
OFFICIAL_SCORE = "official score"
# The baseline writes what it computes with 16 digits; more than this is another computation.
SAME = 1e-6
# Of a percent. Equal figures that were summed in another order must not differ, least of all by an
# interval that excludes zero.
DECIMALS = 9


@dataclasses.dataclass(frozen=True)
class Row:
    """One figure of one machine type (or of all), in percent.

    Attributes
    ----------
    first, second : by seed, one arm each; a seed may be missing.
    clips : interval of the difference over test clips, of the mean over the paired seeds; None if
        the clips do not allow one.
    clips_by_seed : the same within each paired seed.
    """

    machine: str
    figure: str
    first: dict[int, float]
    second: dict[int, float]
    clips: Interval | None
    clips_by_seed: dict[int, Interval | None]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that both arms have."""
        return tuple(sorted(self.first.keys() & self.second.keys()))

    def shown(self, arm: str) -> list[float]:
        """Values of the arm "first" or "second": of the paired seeds, or of all it has if none is
        paired.
        """
        values = getattr(self, arm)
        return [values[seed] for seed in self.seeds or sorted(values)]

    @property
    def differences(self) -> list[float]:
        """Second less first, one a paired seed."""
        return [round(self.second[seed] - self.first[seed], DECIMALS) for seed in self.seeds]

    @property
    def over_seeds(self) -> Interval | None:
        return intervals.over_seeds(self.differences)

    @property
    def tone(self) -> str:
        """ "gain" or "loss" if every interval that there is excludes zero, else ""."""
        known = [interval for interval in (self.over_seeds, self.clips) if interval]
        if not known or not all(interval.excludes_zero for interval in known):
            return ""
        return "gain" if statistics.mean(self.differences) > 0 else "loss"


@dataclasses.dataclass(frozen=True)
class ScoreComparison:
    """All rows under one score.

    Attributes
    ----------
    folders : the first and the second arm's; None for one that is missing.
    rows : AUCs first, machine by machine, `ALL_MACHINES` last; then F1 in the same way.
    """

    score: str
    folders: tuple[ScoreFolder | None, ScoreFolder | None]
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]

    @property
    def auc_rows(self) -> list[Row]:
        return [row for row in self.rows if row.figure not in (*F1_FIGURES, MEAN_OF_F1)]

    @property
    def f1_rows(self) -> list[Row]:
        return [row for row in self.rows if row.figure in (*F1_FIGURES, MEAN_OF_F1)]

    @property
    def official(self) -> Row | None:
        """The row of the official score, if both arms have one."""
        return next((row for row in self.rows if row.figure == OFFICIAL_SCORE and row.seeds), None)

    @property
    def compared_machines(self) -> list[str]:
        """Those that `official` rests on."""
        return list(
            dict.fromkeys(
                row.machine for row in self.rows if row.seeds and row.machine != ALL_MACHINES
            )
        )

    @property
    def machines(self) -> list[str]:
        return sorted({machine for folder in self.folders if folder for machine, _ in folder.runs})


def compare(
    score: str,
    first: ScoreFolder | None,
    second: ScoreFolder | None,
    names: tuple[str, str],
    max_fpr: float,
) -> ScoreComparison:
    """Compares two folders under one score; whatever is missing becomes a remark, and the rest
    stands.
    """
    remarks = [remark for folder in (first, second) if folder for remark in folder.remarks]
    remarks += [
        Remark(f"no results of {name} under this score.", score)
        for name, folder in zip(names, (first, second))
        if folder is None
    ]
    folders = [folder for folder in (first, second) if folder]
    values = _Figures(score, folders, max_fpr, remarks)
    arms = [values.of(folder) if folder else {} for folder in (first, second)]
    machines = sorted({machine for arm in arms for machine, _ in arm})
    for machine in sorted({machine for folder in folders for machine, _ in folder.runs}):
        seeds = [{seed for own, seed in arm if own == machine} for arm in arms]
        for name, has, other in zip(names, seeds, reversed(seeds)):
            lacking = sorted(other - has)
            if lacking and folders[1:]:
                remarks.append(
                    Remark(
                        f"{machine}: {name} has no figures for seed {', '.join(map(str, lacking))};"
                        " a comparison takes the seeds that both have.",
                        score,
                        machine,
                    )
                )
    rows = [
        row for machine in machines for row in _rows(machine, arms, values.has_intervals(machine))
    ]
    paired = [
        machine for machine in machines if any(row.seeds for row in rows if row.machine == machine)
    ]
    together = _over_machines(arms, paired)
    rows += _rows(ALL_MACHINES, together, all(values.has_intervals(machine) for machine in paired))
    if paired and not all(together):
        remarks.append(
            Remark(
                f"no figure over all machines: no seed has both arms of {', '.join(paired)}.", score
            )
        )
    left_out = sorted(set(values.machines) - set(paired))
    if left_out and paired:
        remarks.append(
            Remark(
                f"{ALL_MACHINES} leaves out {', '.join(left_out)}, which lacks a figure of one"
                " arm.",
                score,
            )
        )
    order = [
        figure for figure in (*AUC_FIGURES, MEAN_OF_AUCS, OFFICIAL_SCORE, *F1_FIGURES, MEAN_OF_F1)
    ]
    is_f1 = {figure: figure in (*F1_FIGURES, MEAN_OF_F1) for figure in order}
    place = {machine: index for index, machine in enumerate((*machines, ALL_MACHINES))}
    rows.sort(key=lambda row: (is_f1[row.figure], place[row.machine], order.index(row.figure)))
    return ScoreComparison(score, (first, second), tuple(rows), tuple(dict.fromkeys(remarks)))


class _Figures:
    """Figures of a machine type and seed, each (1 + replicates,) or, where the clips of arms and
    seeds differ, (1,).
    """

    def __init__(
        self, score: str, folders: list[ScoreFolder], max_fpr: float, remarks: list[Remark]
    ):
        self.score, self.max_fpr, self.remarks = score, max_fpr, remarks
        self.machines = sorted({machine for folder in folders for machine, _ in folder.runs})
        self._weights: dict[str, dict[str, np.ndarray]] = {
            machine: self._weights_of(machine, folders) for machine in self.machines
        }

    def has_intervals(self, machine: str) -> bool:
        return bool(self._weights[machine])

    def of(self, folder: ScoreFolder) -> dict[tuple[str, int], dict[str, np.ndarray]]:
        """Figures by (machine type, seed) and name."""
        found = {}
        for machine, seed in folder.runs:
            figures = self._computed(folder, machine, seed)
            if figures:
                found[machine, seed] = _with_means(figures)
        return found

    def _weights_of(self, machine, folders):
        tables = [
            sections
            for folder in folders
            for (own, _), sections in folder.sections.items()
            if own == machine
        ]
        if not tables:
            return {}
        clips = {name: section.clips for name, section in tables[0].items()}
        if any(
            {name: section.clips for name, section in table.items()} != clips for table in tables
        ):
            self.remarks.append(
                Remark(
                    f"{machine}: not all arms and seeds scored the same clips, so there is no"
                    " interval over clips.",
                    self.score,
                    machine,
                )
            )
            return {}
        if any(
            run not in folder.sections
            for folder in folders
            for run in folder.runs
            if run[0] == machine
        ):
            return {}
        return {
            name: intervals.clip_weights(section, f"{machine} {name}")
            for name, section in tables[0].items()
        }

    def _computed(self, folder, machine, seed):
        sections = folder.sections.get((machine, seed), {})
        stated = folder.stated.get((machine, seed), {})
        where = f"{machine}, seed {seed}, {folder.path.name}"
        weights = self._weights[machine]
        by_section = [
            section_figures(
                section, weights.get(name, np.ones((1, len(section.clips)))), self.max_fpr
            )
            for name, section in sections.items()
        ]
        figures = {}
        for figure in (*AUC_FIGURES, *F1_FIGURES):
            if by_section and all(figure in one for one in by_section):
                figures[figure] = harmonic_mean([one[figure] for one in by_section])
        if not any(figure in figures for figure in AUC_FIGURES):
            reason = self._why_no_auc(sections)
            if stated and all((section.labels == -1).all() for section in sections.values()):
                self.remarks.append(
                    Remark(
                        f"{where}: {reason}; the AUCs are those of the baseline's own table,"
                        " without F1 and without an interval over clips.",
                        self.score,
                        machine,
                    )
                )
                return {figure: np.array([value]) for figure, value in stated.items()}
            self.remarks.append(
                Remark(f"{where}: {reason}, so there is no AUC.", self.score, machine)
            )
            return {}
        for figure in figures.keys() & stated.keys():
            if abs(figures[figure][0] - stated[figure]) > SAME:
                self.remarks.append(
                    Remark(
                        f"{where}: {figure} is {100 * figures[figure][0]:.2f} by the anomaly scores"
                        f" and {100 * stated[figure]:.2f} by the baseline's own table; the scores"
                        " count.",
                        self.score,
                        machine,
                    )
                )
        return figures

    @staticmethod
    def _why_no_auc(sections):
        labels = {label for section in sections.values() for label in section.labels}
        if not sections:
            return "no anomaly scores"
        if labels == {-1}:
            return "the clips' names do not tell normal from anomaly"
        return "a section has clips of one class only"


def _with_means(figures):
    """`figures` with the harmonic means of the AUCs and of the F1 scores, of as many replicates as
    all of them have.
    """
    aucs = [value for figure, value in figures.items() if figure in AUC_FIGURES]
    f1s = [value for figure, value in figures.items() if figure in F1_FIGURES]
    means = {MEAN_OF_AUCS: harmonic_mean(aucs)}
    if len(f1s) > 1:
        means[MEAN_OF_F1] = harmonic_mean(f1s)
    return {**figures, **means}


def _over_machines(arms, machines):
    """The same for all machine types together, for the seeds that have all of them in both arms; a
    figure that one lacks is left out.
    """
    seeds = {seed for _, seed in arms[0]} & {seed for _, seed in arms[1]}
    seeds = [
        seed
        for seed in sorted(seeds)
        if machines and all((machine, seed) in arm for machine in machines for arm in arms)
    ]
    together = []
    for arm in arms:
        figures = {}
        for seed in seeds:
            tables = [arm[machine, seed] for machine in machines]
            means = {
                figure: harmonic_mean([table[figure] for table in tables])
                for figure in tables[0]
                if all(figure in table for table in tables)
            }
            figures[ALL_MACHINES, seed] = {
                OFFICIAL_SCORE if figure == MEAN_OF_AUCS else figure: value
                for figure, value in means.items()
            }
        together.append(figures)
    return together


def _rows(machine: str, arms: Iterable[dict], with_intervals: bool) -> list[Row]:
    tables = [
        {seed: figures for (own, seed), figures in arm.items() if own == machine} for arm in arms
    ]
    names = list(
        dict.fromkeys(
            figure for table in tables for figures in table.values() for figure in figures
        )
    )
    rows = []
    for figure in names:
        first, second = (
            {seed: 100 * figures[figure] for seed, figures in table.items() if figure in figures}
            for table in tables
        )
        replicates = {
            seed: np.round(second[seed] - first[seed], DECIMALS)
            for seed in sorted(first.keys() & second.keys())
        }
        by_seed = {
            seed: intervals.over_clips(drawn[1:]) if with_intervals and len(drawn) > 1 else None
            for seed, drawn in replicates.items()
        }
        clips = (
            intervals.over_clips(np.mean(list(replicates.values()), axis=0)[1:])
            if by_seed and all(by_seed.values())
            else None
        )
        rows.append(Row(machine, figure, _points(first), _points(second), clips, by_seed))
    return rows


def _points(by_seed):
    return {seed: float(value[0]) for seed, value in by_seed.items()}
