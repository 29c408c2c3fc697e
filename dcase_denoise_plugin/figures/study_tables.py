"""The tables of a study: a row a cell, with every figure over the seeds, its paired difference to
the plain baseline, and that to the study's first cell.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.figures.arms import arm_of_runs
from dcase_denoise_plugin.figures.comparison import Comparison, compare
from dcase_denoise_plugin.figures.figures_of_merit import max_fpr_in
from dcase_denoise_plugin.figures.result_tables import AUC_METRICS
from dcase_denoise_plugin.figures.rows import ALL_MACHINES, OFFICIAL_SCORE, Row
from dcase_denoise_plugin.figures.run_figures import MEAN_OF_AUCS
from dcase_denoise_plugin.figures.tables import (
    Cell,
    Column,
    Table,
    bounds,
    label,
    mean_and_deviation,
    number,
    written,
)
from dcase_denoise_plugin.files import written_whole

BLANK = Cell("", ())


def study_tables(
    plain: Iterable[MachineRun],
    cells: Mapping[str, Iterable[MachineRun]],
    score: str,
    first_cell: str,
) -> list[Table]:
    """A table for each machine type under one score, and for several one over all of them.

    Parameters
    ----------
    plain : finished runs of the plain baseline.
    cells : finished runs of each cell; a cell is compared on the machine types and seeds that plain
        has too.
    first_cell : the one whose harmonic mean the others' is held against, on the seeds that both
        have; a table without it has no such column.
    """
    plain = list(plain)
    max_fpr = max_fpr_in(plain[0].plan.settings)
    of_plain = arm_of_runs("plain", plain).results(score)
    comparisons = {
        cell: compare(
            score,
            ("plain", cell),
            (of_plain, arm_of_runs(cell, list(runs)).results(score)),
            max_fpr,
        )
        for cell, runs in cells.items()
        if runs
    }
    machines = list(dict.fromkeys(run.machine for run in plain))
    tables = [_table(machine, score, comparisons, MEAN_OF_AUCS, first_cell) for machine in machines]
    if len(machines) > 1:
        whole = {
            cell: comparison
            for cell, comparison in comparisons.items()
            if comparison.compared_machines == sorted(machines)
        }
        tables.append(_table(ALL_MACHINES, score, whole, OFFICIAL_SCORE, first_cell))
    return [table for table in tables if table.rows]


def _table(
    machine: str, score: str, comparisons: Mapping[str, Comparison], mean: str, first_cell: str
) -> Table:
    by_cell = {}
    for cell, comparison in comparisons.items():
        rows = {row.metric: row for row in comparison.auc_rows if row.machine == machine}
        if mean in rows and rows[mean].seeds:
            by_cell[cell] = rows
    every = {metric for rows in by_cell.values() for metric in rows}
    metrics = [metric for metric in (*AUC_METRICS, mean) if metric in every]
    first = by_cell[first_cell][mean] if first_cell in by_cell and len(by_cell) > 1 else None
    columns = _columns(metrics, mean, first_cell if first else "")
    lines = []
    if by_cell:
        rows = max(by_cell.values(), key=lambda rows: len(rows[mean].seeds))
        lines.append(("plain", rows, 0))
    lines += [(cell, rows, 1) for cell, rows in by_cell.items()]
    cells = []
    for name, rows, arm in lines:
        line = [label(name), number(len(rows[mean].seeds), 0)]
        line += [mean_and_deviation(rows[metric].shown(arm)) for metric in metrics]
        if arm:
            line += [_difference(rows[metric]) for metric in metrics]
            line.append(bounds(rows[mean].over_clips))
        if arm and first and name != first_cell:
            line.append(_difference(_against(first, rows[mean])))
        cells.append((*line, *[BLANK] * (len(columns) - len(line))))
    return Table(
        f"{machine.replace(' ', '_')}_{score}",
        f"{machine}, {score}, percent",
        columns,
        tuple(cells),
    )


def _columns(metrics: Iterable[str], mean: str, first_cell: str) -> tuple[Column, ...]:
    """Of a study's table; the last one only with a `first_cell` that others are held against."""
    metrics = list(metrics)
    against = [(f"Δ {metric}", f"difference of {metric}") for metric in metrics]
    to_first = [(f"Δ {mean} to {first_cell}", f"difference to {first_cell}")] if first_cell else []
    return (
        Column("Cell", ("cell",), False),
        Column("Seeds", ("seeds",)),
        *(Column(metric, (f"{metric} mean", f"{metric} standard deviation")) for metric in metrics),
        *(_difference_column(*names) for names in against),
        Column(f"Δ {mean}, 95 % over clips", ("over clips low", "over clips high")),
        *(_difference_column(*names) for names in to_first),
    )


def _difference_column(title: str, name: str) -> Column:
    return Column(title, (f"{name} mean", f"{name} half width of 95 % over seeds"))


def _against(first: Row, row: Row) -> Row:
    """A cell's row against that of the first cell instead of plain's; without an interval over
    clips.
    """
    return Row(row.machine, row.metric, (first.values[1], row.values[1]))


def _difference(row: Row) -> Cell:
    """Mean of the paired differences and, in brackets, the half width of its 95 % interval over
    seeds; nothing without a pair.
    """
    if not row.seeds:
        return Cell("", ())
    mean, interval = statistics.mean(row.differences), row.over_seeds
    half = (interval.high - interval.low) / 2 if interval else None
    return Cell(
        written(mean, 1, signed=True) + (f" (±{written(half, 1)})" if half is not None else ""),
        (mean, half),
        row.tone,
    )


def write_tables(folder: Path, tables: Iterable[Table], stem: str) -> list[Path]:
    """Writes all of them into one Markdown file and each as CSV (unrounded); returns the files,
    Markdown first.
    """
    tables = list(tables)
    files = [folder / f"{stem}.md"]
    with written_whole(files[0]) as aside:
        aside.write_text("\n\n".join(table.markdown() for table in tables) + "\n", encoding="utf-8")
    for table in tables:
        files.append(folder / f"{stem}_{table.name}.csv")
        table.write_csv(files[-1])
    return files
