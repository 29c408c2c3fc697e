"""The AUCs of a comparison as a table for the screen and as rows for CSV and JSON."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.result_tables import AUC_METRICS
from dcase_denoise_plugin.figures.rows import ALL_MACHINES, OFFICIAL_SCORE, Row
from dcase_denoise_plugin.files import written_whole

SHORT = {"AUC": "AUC", "AUC (source)": "AUC src", "AUC (target)": "AUC tgt", "pAUC": "pAUC"}
OVERALL = "harmonic mean"
DIFFERENCE = "difference"
WIDTH = 100


class Entry(NamedTuple):
    """One metric of one machine type in one arm, or the `DIFFERENCE` of both, in percent by seed.
    The machine type and the metric `OVERALL` stand for the official score.
    """

    machine: str
    arm: str
    metric: str
    by_seed: dict[int, float]

    @property
    def mean(self) -> float:
        return statistics.mean(self.by_seed.values())

    @property
    def deviation(self) -> float | None:
        """Standard deviation over the seeds; None for one."""
        return statistics.stdev(self.by_seed.values()) if len(self.by_seed) > 1 else None


def entries(comparison: Comparison) -> list[Entry]:
    """The AUCs that every machine type has, over the seeds that all arms have: machine by machine,
    the official score last.
    """
    machines = comparison.compared_machines
    metrics = [
        metric
        for metric in AUC_METRICS
        if all(comparison.row(machine, metric) for machine in machines)
    ]
    wanted = [(machine, metric) for machine in machines for metric in metrics]
    found = []
    for machine, metric in (*wanted, (ALL_MACHINES, OFFICIAL_SCORE)):
        row = comparison.row(machine, metric)
        if row is None:
            continue
        name = (OVERALL, OVERALL) if machine == ALL_MACHINES else (machine, metric)
        found += [
            Entry(name[0], arm, name[1], by_seed)
            for arm, by_seed in zip((*comparison.arms, DIFFERENCE), _by_seed(row))
        ]
    return found


def _by_seed(row: Row) -> list[dict[int, float]]:
    """What each arm has of the paired seeds, and the differences of two arms."""
    values = [dict(zip(row.seeds, row.shown(arm))) for arm in range(len(row.values))]
    return values + ([dict(zip(row.seeds, row.differences))] if len(values) > 1 else [])


def screen_table(comparison: Comparison, title: str) -> str:
    """The comparison as text, within 100 columns: arms side by side, or below each other where that
    is too wide.
    """
    found = entries(comparison)
    texts = {(entry.machine, entry.arm, entry.metric): _text(entry) for entry in found}
    arms = list(dict.fromkeys(entry.arm for entry in found))
    metrics = list(dict.fromkeys(entry.metric for entry in found if entry.metric != OVERALL))
    machines = list(dict.fromkeys(entry.machine for entry in found))
    count = len(found[-1].by_seed)
    seeds = (
        f"mean of {count} seeds ± standard deviation"
        if count > 1
        else "one seed, which proves nothing by itself"
    )
    rows = {
        (machine, arm): [texts.get((machine, arm, metric), "") for metric in metrics]
        for machine in machines
        for arm in arms
    }
    for arm in arms:
        rows[OVERALL, arm][0] = texts[OVERALL, arm, OVERALL]
    short = [SHORT[metric] for metric in metrics]
    wide = _side_by_side(rows, machines, arms, short)
    lines = wide if max(map(len, wide)) <= WIDTH else _below_each_other(rows, machines, arms, short)
    return "\n".join([f"{title}, {comparison.score}: percent, {seeds}", *lines])


def _text(entry: Entry) -> str:
    sign = "+" if entry.arm == DIFFERENCE else ""
    if entry.deviation is None:
        return f"{entry.mean:{sign}.2f}"
    return f"{entry.mean:{sign}.1f}±{entry.deviation:.1f}"


Cells = dict[tuple[str, str], list[str]]  # a text for each metric, by (machine type, arm)


def _side_by_side(
    cells: Cells, machines: Sequence[str], arms: Sequence[str], metrics: Sequence[str]
) -> list[str]:
    rows = [["machine", *(name for _ in arms for name in metrics)]]
    rows += [
        [machine, *(text for arm in arms for text in cells[machine, arm])] for machine in machines
    ]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = []
    for row in rows:
        texts = [f"{text:>{width}}" for text, width in zip(row[1:], widths[1:])]
        groups = [
            texts[start : start + len(metrics)] for start in range(0, len(texts), len(metrics))
        ]
        line = [f"{row[0]:<{widths[0]}}", *map(" ".join, groups)]
        lines.append("  ".join(line).rstrip())
    heading = " " * widths[0]
    for index, arm in enumerate(arms):
        own = widths[1 + index * len(metrics) : 1 + (index + 1) * len(metrics)]
        heading += f"  {arm:<{sum(own) + len(own) - 1}}"
    return [heading.rstrip(), *lines]


def _below_each_other(
    cells: Cells, machines: Sequence[str], arms: Sequence[str], metrics: Sequence[str]
) -> list[str]:
    rows = [["machine", "arm", *metrics]]
    for machine in machines:
        rows += [[machine if arm == arms[0] else "", arm, *cells[machine, arm]] for arm in arms]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        "  ".join(
            f"{text:{'<' if column < 2 else '>'}{width}}"
            for column, (text, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]


def write_entries(path: Path, comparisons: Iterable[Comparison]) -> None:
    """Writes all comparisons into one CSV, unrounded; aside first."""
    with written_whole(path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["score", "machine", "arm", "metric", "mean", "standard deviation", "seeds"]
        )
        for comparison in comparisons:
            for entry in entries(comparison):
                deviation = "" if entry.deviation is None else entry.deviation
                names = (comparison.score, entry.machine, entry.arm, entry.metric)
                writer.writerow([*names, entry.mean, deviation, len(entry.by_seed)])
