"""The baseline's AUCs, plain against denoised: read from its CSVs, averaged over seeds, as a table
for the screen and as CSV.
"""

from __future__ import annotations

import csv
import dataclasses
import statistics
from collections.abc import Iterable
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import ARMS, MachineRun
from dcase_denoise_plugin.figures.score_files import METRICS, read_roc
from dcase_denoise_plugin.files import written_whole

OVERALL = "harmonic mean"
DIFFERENCE = "difference"
WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Comparison:
    """AUCs under one score, in percent.

    Attributes
    ----------
    values : (machine type, arm, metric) → one value for each of `seeds`. Arms are those run, and
        "difference" (denoised less plain, seed by seed) if both are. The machine type `OVERALL`
        with the metric "" holds the official score: the harmonic mean of all metrics of all machine
        types.
    """

    score: str
    machines: tuple[str, ...]
    arms: tuple[str, ...]
    metrics: tuple[str, ...]
    values: dict[tuple[str, str, str], list[float]]
    seeds: tuple[int, ...]

    @classmethod
    def read(cls, runs: Iterable[MachineRun], score: str) -> Comparison:
        """Reads the ``_roc.csv`` of every run; all arms and seeds of every machine type are among
        `runs`.

        Raises
        ------
        RunError
            If a CSV is missing or is not the baseline's.
        """
        found = {(run.machine, run.arm, run.seed): read_roc(run.roc(score)) for run in runs}
        machines, arms, seeds = (tuple(dict.fromkeys(column)) for column in zip(*found))
        arms = tuple(arm for arm in ARMS["compare"] if arm in arms)
        metrics = tuple(
            metric for metric in METRICS if all(metric in row for row in found.values())
        )
        values = {
            (machine, arm, metric): [found[machine, arm, seed][metric] for seed in seeds]
            for machine in machines
            for arm in arms
            for metric in metrics
        }
        for arm in arms:
            by_seed = zip(
                *(values[machine, arm, metric] for machine in machines for metric in metrics)
            )
            values[OVERALL, arm, ""] = [statistics.harmonic_mean(of_seed) for of_seed in by_seed]
        if arms == ARMS["compare"]:
            for machine, arm, metric in [key for key in values if key[1] == "plain"]:
                before, after = values[machine, arm, metric], values[machine, "denoised", metric]
                values[machine, DIFFERENCE, metric] = [
                    denoised - plain for plain, denoised in zip(before, after)
                ]
            arms += (DIFFERENCE,)
        return cls(score, machines, arms, metrics, values, seeds)

    def table(self, title: str) -> str:
        """The comparison as text, within 100 columns: arms side by side, or below each other where
        that is too wide.
        """
        heading = f"{title}, {self.score}: percent, {self._seeds()}"
        wide = self._side_by_side()
        return "\n".join(
            [heading, *(wide if max(map(len, wide)) <= WIDTH else self._below_each_other())]
        )

    def _side_by_side(self) -> list[str]:
        short = [METRICS[metric] for metric in self.metrics]
        rows = [["machine", *(name for _ in self.arms for name in short)]]
        rows += [
            [
                machine,
                *(self._cell(machine, arm, metric) for arm in self.arms for metric in self.metrics),
            ]
            for machine in self.machines
        ]
        rows += [
            [
                OVERALL,
                *(
                    cell
                    for arm in self.arms
                    for cell in (self._cell(OVERALL, arm, ""), *[""] * (len(short) - 1))
                ),
            ]
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = [self._line(row, widths) for row in rows]
        groups = [
            " ".join(" " * width for width in widths[1 + i * len(short) : 1 + (i + 1) * len(short)])
            for i in range(len(self.arms))
        ]
        arms = " " * widths[0] + "".join(
            f"  {arm:<{len(group)}}" for arm, group in zip(self.arms, groups)
        )
        return [arms.rstrip(), *lines]

    def _below_each_other(self) -> list[str]:
        rows = [["machine", "arm", *(METRICS[metric] for metric in self.metrics)]]
        rows += [
            [
                machine if arm == self.arms[0] else "",
                arm,
                *(self._cell(machine, arm, metric) for metric in self.metrics),
            ]
            for machine in self.machines
            for arm in self.arms
        ]
        rows += [
            [OVERALL if arm == self.arms[0] else "", arm, self._cell(OVERALL, arm, "")]
            for arm in self.arms
        ]
        widths = [
            max(len(row[column]) for row in rows if column < len(row))
            for column in range(len(rows[0]))
        ]
        return [
            "  ".join(
                f"{cell:{'<' if column < 2 else '>'}{width}}"
                for column, (cell, width) in enumerate(zip(row, widths))
            ).rstrip()
            for row in rows
        ]

    def rows(self) -> list[list]:
        """Rows for a CSV: score, machine, arm, metric, mean, standard deviation (empty for one
        seed), number of seeds.
        """
        return [
            [
                self.score,
                machine,
                arm,
                metric or OVERALL,
                statistics.mean(values),
                statistics.stdev(values) if len(values) > 1 else "",
                len(values),
            ]
            for (machine, arm, metric), values in self.values.items()
        ]

    def _cell(self, machine: str, arm: str, metric: str) -> str:
        values = self.values[machine, arm, metric]
        sign = "+" if arm == DIFFERENCE else ""
        if len(values) == 1:
            return f"{values[0]:{sign}.2f}"
        return f"{statistics.mean(values):{sign}.1f}±{statistics.stdev(values):.1f}"

    def _line(self, row: list[str], widths: list[int]) -> str:
        cells = [f"{cell:>{width}}" for cell, width in zip(row[1:], widths[1:])]
        groups = [
            " ".join(cells[i : i + len(self.metrics)])
            for i in range(0, len(cells), len(self.metrics))
        ]
        return "  ".join([f"{row[0]:<{widths[0]}}", *groups]).rstrip()

    def _seeds(self) -> str:
        count = len(self.values[OVERALL, self.arms[0], ""])
        return (
            f"mean of {count} seeds ± standard deviation"
            if count > 1
            else "one seed, which proves nothing by itself"
        )


def write_rows(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Writes all comparisons into one CSV; aside first."""
    with written_whole(path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["score", "machine", "arm", "metric", "mean", "standard deviation", "seeds"]
        )
        writer.writerows(row for comparison in comparisons for row in comparison.rows())
