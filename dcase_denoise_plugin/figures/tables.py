"""A table once, for the page, for CSV and for Markdown, so that all three say the same."""

from __future__ import annotations

import csv
import dataclasses
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.intervals import Interval
from dcase_denoise_plugin.figures.rows import ALL_MACHINES, Row
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.quoting import in_markdown

NOTHING = "–"


@dataclasses.dataclass(frozen=True)
class Column:
    """`names` are the columns of the CSV: none for one that is only drawn, several for an
    interval.
    """

    title: str
    names: tuple[str, ...] = ()
    numeric: bool = True


@dataclasses.dataclass(frozen=True)
class Strip:
    """A difference and its intervals as shares of the drawing's width, -1 to 1 around zero; beyond
    it they are cut off.
    """

    difference: float
    seeds: tuple[float, float] | None
    clips: tuple[float, float] | None


@dataclasses.dataclass(frozen=True)
class Cell:
    """`values` are what `text` rests on, unrounded, one for each name of the column; the first one
    is what the table sorts by. `note` stands behind the text, where a number needs a word.
    """

    text: str
    values: tuple = ()
    tone: str = ""
    strip: Strip | None = None
    note: str = ""

    @property
    def sort_value(self) -> Any:
        return self.values[0] if self.values and self.values[0] is not None else ""


@dataclasses.dataclass(frozen=True)
class Table:
    """`rows` sort; `totals` stay below them."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[tuple[Cell, ...], ...] = ()

    def write_csv(self, path: Path) -> None:
        """All values unrounded; nothing for what is not there."""
        with written_whole(path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([name for column in self.columns for name in column.names])
            for row in (*self.rows, *self.totals):
                cells = [
                    value
                    for column, cell in zip(self.columns, row)
                    for value in (*cell.values, *[None] * len(column.names))[: len(column.names)]
                ]
                writer.writerow(["" if value is None else value for value in cells])

    def markdown(self) -> str:
        """The table as on the page, under its title."""
        shown = [index for index, column in enumerate(self.columns) if column.names]
        lines = [
            [in_markdown(self.columns[index].title) for index in shown],
            [("--:" if self.columns[index].numeric else "---") for index in shown],
        ]
        lines += [
            [in_markdown(f"{row[index].text} {row[index].note}".strip()) for index in shown]
            for row in (*self.rows, *self.totals)
        ]
        return "\n".join(
            [f"## {in_markdown(self.title)}", "", *(f"| {' | '.join(line)} |" for line in lines)]
        )


def label(text: str) -> Cell:
    return Cell(text, (text,))


def number(value: float | None, decimals: int = 2, signed: bool = False, tone: str = "") -> Cell:
    return Cell(NOTHING if value is None else written(value, decimals, signed), (value,), tone)


def written(value: float, decimals: int = 2, signed: bool = False) -> str:
    """A number with a true minus sign; a zero has no sign."""
    rounded = round(value, decimals) + 0.0
    return f"{rounded:{'+' if signed and rounded else ''}.{decimals}f}".replace("-", "−")


def mean_and_deviation(values: Sequence[float], signed: bool = False, tone: str = "") -> Cell:
    """ "mean ± standard deviation", the latter from two values on."""
    if not values:
        return Cell(NOTHING, (None, None))
    mean, deviation = statistics.mean(values), statistics.stdev(values) if len(values) > 1 else None
    text = written(mean, signed=signed) + ("" if deviation is None else f" ± {written(deviation)}")
    return Cell(text, (mean, deviation), tone)


def bounds(interval: Interval | None) -> Cell:
    if interval is None:
        return Cell(NOTHING, (None, None))
    return Cell(
        f"{written(interval.low, signed=True)} … {written(interval.high, signed=True)}",
        (interval.low, interval.high),
        interval.tone,
    )


def figures_table(name: str, title: str, rows: Iterable[Row], arms: Sequence[str]) -> Table:
    """Machine by machine: the difference of the two arms, its drawing and both intervals, then what
    it is the difference of.
    """
    rows = list(rows)
    columns = (
        Column("Machine", ("machine",), False),
        Column("Metric", ("metric",), False),
        Column("Difference", ("difference mean", "difference standard deviation")),
        Column("", (), False),
        Column("95 % over seeds", ("over seeds low", "over seeds high")),
        Column("95 % over clips", ("over clips low", "over clips high")),
        *(Column(arm, (f"{arm} mean", f"{arm} standard deviation")) for arm in arms),
        Column("Seeds", ("seeds",)),
    )
    reach = strip_reach(rows)
    lines = [
        (
            label(row.machine),
            label(row.metric),
            mean_and_deviation(row.differences, signed=True, tone=row.tone),
            Cell("", (), row.tone, strip(row, reach)),
            bounds(row.over_seeds),
            bounds(row.over_clips),
            *(_figure(row, arm) for arm in range(len(arms))),
            number(len(row.seeds) or None, 0),
        )
        for row in rows
    ]
    return Table(name, title, columns, *_apart(rows, lines))


def _figure(row: Row, arm: int) -> Cell:
    """What an arm has, and whether an F1 says nothing because every clip was called an anomaly."""
    cell, shown = mean_and_deviation(row.shown(arm)), row.shown_seeds(arm)
    called = row.all_called[arm] & set(shown)
    if not called:
        return cell
    where = "" if len(called) == len(shown) else f" in {len(called)} of {len(shown)} seeds"
    return dataclasses.replace(cell, note=f"(every clip called an anomaly{where})")


def seeds_table(name: str, title: str, comparison: Comparison) -> Table:
    """Every seed by itself, with the interval over test clips within it."""
    columns = (
        Column("Machine", ("machine",), False),
        Column("Metric", ("metric",), False),
        Column("Seed", ("seed",)),
        Column("Difference", ("difference",)),
        Column("95 % over clips", ("over clips low", "over clips high")),
        *(Column(arm, (arm,)) for arm in comparison.arms),
    )
    rows, lines = [], []
    for row in comparison.rows:
        differences = dict(zip(row.seeds, row.differences))
        for seed in sorted(set().union(*row.values)):
            rows.append(row)
            lines.append(
                (
                    label(row.machine),
                    label(row.metric),
                    Cell(str(seed), (seed,)),
                    number(differences.get(seed), signed=True),
                    bounds(row.over_clips_by_seed.get(seed)),
                    *(_figure_of_seed(row, arm, seed) for arm in range(len(comparison.arms))),
                )
            )
    return Table(name, title, columns, *_apart(rows, lines))


def _figure_of_seed(row: Row, arm: int, seed: int) -> Cell:
    cell = number(row.values[arm].get(seed))
    if seed not in row.all_called[arm]:
        return cell
    return dataclasses.replace(cell, note="(every clip called an anomaly)")


Lines = tuple[tuple[Cell, ...], ...]


def _apart(rows: Sequence[Row], lines: Sequence[tuple[Cell, ...]]) -> tuple[Lines, Lines]:
    """The lines of single machine types, and those of all."""
    paired = list(zip(rows, lines))
    return (
        tuple(line for row, line in paired if row.machine != ALL_MACHINES),
        tuple(line for row, line in paired if row.machine == ALL_MACHINES),
    )


def strip_reach(rows: Iterable[Row], cut_seeds: bool = True) -> float:
    """What the drawings of `rows` span either way, in points; with `cut_seeds`, intervals over few
    seeds may be wider, and are cut off.
    """
    ends = []
    for row in (row for row in rows if row.differences):
        shown = (
            [row.over_clips] if cut_seeds and row.over_clips else [row.over_clips, row.over_seeds]
        )
        ends += [
            abs(statistics.mean(row.differences)),
            *(abs(end) for interval in shown if interval for end in (interval.low, interval.high)),
        ]
    return 1.2 * max(ends, default=0) or 1.0


def strip(row: Row, reach: float) -> Strip | None:
    """The drawing of a difference that spans `reach` points either way."""
    if not row.differences:
        return None

    def share(value: float) -> float:
        return min(max(value / reach, -1), 1)

    seeds, clips = (
        (share(interval.low), share(interval.high)) if interval else None
        for interval in (row.over_seeds, row.over_clips)
    )
    return Strip(share(statistics.mean(row.differences)), seeds, clips)
