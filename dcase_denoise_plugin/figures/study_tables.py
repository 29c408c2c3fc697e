"""The tables of a study: a row a cell, with every figure over the seeds, its paired difference to
the plain baseline, and that to the study's first cell.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.figures.comparison import (
    ALL_MACHINES,
    MEAN_OF_AUCS,
    OFFICIAL_SCORE,
    Row,
    ScoreComparison,
    compare,
)
from dcase_denoise_plugin.figures.figures_of_merit import AUC_FIGURES
from dcase_denoise_plugin.figures.score_files import ScoreFolder
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
    first = _folder(plain, score)
    comparisons = {
        cell: compare(
            score,
            first,
            _folder(list(runs), score),
            ("plain", cell),
            float(plain[0].plan.settings.get("max_fpr", 0.1)),
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


def _folder(runs: list[MachineRun], score: str) -> ScoreFolder:
    return ScoreFolder.read(runs[0].folder(score), score, {(run.machine, run.seed) for run in runs})


def _table(
    machine: str, score: str, comparisons: Mapping[str, ScoreComparison], mean: str, first_cell: str
) -> Table:
    by_cell = {
        cell: {row.figure: row for row in comparison.auc_rows if row.machine == machine}
        for cell, comparison in comparisons.items()
    }
    by_cell = {cell: rows for cell, rows in by_cell.items() if mean in rows and rows[mean].seeds}
    figures = [
        figure
        for figure in (*AUC_FIGURES, mean)
        if any(figure in rows for rows in by_cell.values())
    ]
    columns = (
        Column("Cell", ("cell",), False),
        Column("Seeds", ("seeds",)),
        *(Column(figure, (f"{figure} mean", f"{figure} standard deviation")) for figure in figures),
        *(
            Column(
                f"Δ {figure}",
                (
                    f"difference of {figure} mean",
                    f"difference of {figure} half width of 95 % over seeds",
                ),
            )
            for figure in figures
        ),
        Column(f"Δ {mean}, 95 % over clips", ("over clips low", "over clips high")),
    )
    first = by_cell[first_cell][mean].second if first_cell in by_cell and len(by_cell) > 1 else {}
    if first:
        columns += (
            Column(
                f"Δ {mean} to {first_cell}",
                (
                    f"difference to {first_cell} mean",
                    f"difference to {first_cell} half width of 95 % over seeds",
                ),
            ),
        )
    lines = []
    if by_cell:
        rows = max(by_cell.values(), key=lambda rows: len(rows[mean].seeds))
        lines.append(
            (
                label("plain"),
                number(len(rows[mean].seeds), 0),
                *(mean_and_deviation(rows[figure].shown("first")) for figure in figures),
            )
        )
    for cell, rows in by_cell.items():
        lines.append(
            (
                label(cell),
                number(len(rows[mean].seeds), 0),
                *(mean_and_deviation(rows[figure].shown("second")) for figure in figures),
                *(_difference(rows[figure]) for figure in figures),
                bounds(rows[mean].clips),
                *(
                    [_difference(_against(first, rows[mean]))]
                    if first and cell != first_cell
                    else []
                ),
            )
        )
    width = len(columns)
    lines = [(*line, *[Cell("", ())] * (width - len(line))) for line in lines]
    return Table(
        f"{machine.replace(' ', '_')}_{score}",
        f"{machine}, {score}, percent",
        columns,
        tuple(lines),
    )


def _against(first: Mapping[int, float], row: Row) -> Row:
    """A cell's figure against that of the first cell, by seed, instead of plain's; without an
    interval over clips.
    """
    return dataclasses.replace(row, first=dict(first), clips=None, clips_by_seed={})


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
