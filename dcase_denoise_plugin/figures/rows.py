"""A row of a comparison: one metric of one machine type, every seed of each arm, the paired
difference and its two intervals.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Mapping, Sequence

import numpy as np

from dcase_denoise_plugin.figures import intervals
from dcase_denoise_plugin.figures.figures_of_merit import F1_METRICS
from dcase_denoise_plugin.figures.intervals import Interval
from dcase_denoise_plugin.figures.result_tables import AUC_METRICS
from dcase_denoise_plugin.figures.run_figures import MEAN_OF_AUCS, MEAN_OF_F1, RunFigures

ALL_MACHINES = "all machines"
OFFICIAL_SCORE = "official score"
OF_F1 = (*F1_METRICS, MEAN_OF_F1)
ORDER = (*AUC_METRICS, MEAN_OF_AUCS, OFFICIAL_SCORE, *OF_F1)
# Of a percent. Equal figures that were summed in another order must not differ, least of all by an
# interval that excludes zero.
DECIMALS = 9


@dataclasses.dataclass(frozen=True)
class Row:
    """One metric of one machine type (or of all), in percent.

    Attributes
    ----------
    values : by arm, then by seed; a seed may be missing.
    over_clips : interval of the difference over test clips, of the mean over the paired seeds; None
        if the clips do not allow one.
    over_clips_by_seed : the same within each paired seed.
    all_called : by arm, the seeds in which every clip was called an anomaly, which an F1 hides.
    """

    machine: str
    metric: str
    values: tuple[Mapping[int, float], ...]
    over_clips: Interval | None = None
    over_clips_by_seed: Mapping[int, Interval] = dataclasses.field(default_factory=dict)
    all_called: tuple[frozenset[int], ...] = (frozenset(), frozenset())

    @property
    def seeds(self) -> tuple[int, ...]:
        """Those that every arm has."""
        return tuple(sorted(set.intersection(*map(set, self.values))))

    def shown_seeds(self, arm: int) -> tuple[int, ...]:
        """The paired seeds, or all that the arm has if none is paired."""
        return self.seeds or tuple(sorted(self.values[arm]))

    def shown(self, arm: int) -> list[float]:
        """The arm's values of `shown_seeds`."""
        return [self.values[arm][seed] for seed in self.shown_seeds(arm)]

    @property
    def differences(self) -> list[float]:
        """Second arm less the first, one a paired seed; none of one arm alone."""
        if len(self.values) < 2:
            return []
        first, second = self.values
        return [round(second[seed] - first[seed], DECIMALS) for seed in self.seeds]

    @property
    def over_seeds(self) -> Interval | None:
        """The interval of the mean difference over seeds; None for fewer than two."""
        return intervals.over_seeds(self.differences)

    @property
    def tone(self) -> str:
        """ "better" or "worse" if every interval that there is excludes zero, else "". One seed has
        no tone, for it proves nothing.
        """
        if not self.over_seeds or not self.over_seeds.excludes_zero:
            return ""
        if self.over_clips and not self.over_clips.excludes_zero:
            return ""
        return "better" if statistics.mean(self.differences) > 0 else "worse"


def rows_of_machine(
    machine: str, arms: Sequence[Mapping[int, RunFigures]], with_intervals: bool
) -> list[Row]:
    """A row for each metric that any arm has.

    Parameters
    ----------
    arms : for each arm, what it has of the machine type by seed.
    with_intervals : whether all runs saw the same draws of the same clips.
    """
    metrics = {metric for arm in arms for figures in arm.values() for metric in figures.by_metric}
    rows = []
    for metric in sorted(metrics, key=ORDER.index):
        values = [
            {
                seed: 100 * figures.by_metric[metric]
                for seed, figures in sorted(arm.items())
                if metric in figures.by_metric
            }
            for arm in arms
        ]
        called = tuple(
            frozenset(seed for seed, figures in arm.items() if metric in figures.all_called)
            for arm in arms
        )
        points = tuple(
            {seed: float(of_seed[0]) for seed, of_seed in of_arm.items()} for of_arm in values
        )
        row = Row(machine, metric, points, all_called=called)
        rows.append(_with_intervals(row, values) if with_intervals else row)
    return rows


def _with_intervals(row: Row, values: Sequence[Mapping[int, np.ndarray]]) -> Row:
    """The row with its intervals over clips, if both arms have replicates in each paired seed.

    Parameters
    ----------
    values : by arm, then by seed, (1 + replicates,).
    """
    if len(values) < 2:
        return row
    first, second = values
    drawn = {seed: np.round(second[seed] - first[seed], DECIMALS)[1:] for seed in row.seeds}
    by_seed = {seed: intervals.over_clips(one) for seed, one in drawn.items() if len(one)}
    if not by_seed or len(by_seed) < len(drawn):
        return dataclasses.replace(row, over_clips_by_seed=by_seed)
    mean = np.mean(list(drawn.values()), axis=0)
    return dataclasses.replace(
        row, over_clips=intervals.over_clips(mean), over_clips_by_seed=by_seed
    )
