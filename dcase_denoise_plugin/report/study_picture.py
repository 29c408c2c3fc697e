"""A study in one picture: what each cell gains over the plain baseline, under each score, and how
sure that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcase_denoise_plugin.figures.tables import Table
from dcase_denoise_plugin.files import written_whole

COLOURS, MARKERS = ("#1f77b4", "#d62728"), ("o", "s")
DIFFERENCE = re.compile(r"difference of .+ mean")  # of a metric, the harmonic mean last
ONE_SEED = "0.6"  # grey: the difference of one seed proves nothing
PANEL_INCHES, CELL_INCHES = 4.2, 0.3
ABOVE_AND_BELOW_INCHES = 1.6
# As on the report's page: thin is over seeds, thick over clips.
OVER_SEEDS: dict[str, Any] = {"linewidth": 1.0}
OVER_CLIPS: dict[str, Any] = {"linewidth": 4.0, "alpha": 0.35, "solid_capstyle": "butt"}
HALF_WIDTH_MOST = 25.0  # points; wider intervals, of two seeds, would leave nothing else to see


class Gain(NamedTuple):
    """The mean difference of a cell to plain, half the width of its interval over seeds (None for
    one seed), and the bounds of that over clips (None without one), in points.
    """

    cell: str
    mean: float
    half: float | None
    clips: tuple[float, float] | None


def draw_study(tables: Mapping[str, Sequence[Table]], path: Path) -> None:
    """Writes a PNG: one panel a machine type, one line a cell; marks are mean differences in
    points, thin lines 95 % over seeds, thick ones 95 % over clips. A thin line ends at
    `HALF_WIDTH_MOST`. What rests on one seed is grey. Nothing is written where nothing is finished.

    Parameters
    ----------
    tables : those of `study_tables` under each score.
    """
    panels = study_panels(tables)
    if panels:
        with written_whole(path) as aside:
            panels.savefig(aside, dpi=90, format="png")


def study_panels(tables: Mapping[str, Sequence[Table]]) -> Figure | None:
    """The picture of `draw_study`, or None where nothing is finished."""
    panels: dict[str, dict[str, list[Gain]]] = {}
    for score, of_score in tables.items():
        for table in of_score:
            if gains := _gains(table):
                panels.setdefault(table.title.rsplit(",", 2)[0], {})[score] = gains
    if not panels:
        return None
    every = [gain for scores in panels.values() for gains in scores.values() for gain in gains]
    cells = list(dict.fromkeys(gain.cell for gain in every))
    picture = Figure(
        figsize=(2 + PANEL_INCHES * len(panels), ABOVE_AND_BELOW_INCHES + CELL_INCHES * len(cells)),
        layout="constrained",
    )
    places = picture.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (machine, scores) in zip(places, panels.items()):
        axes.axvline(0, color="0.4", linewidth=0.8)
        for place, score in enumerate(tables):
            for gain in scores.get(score, ()):
                _draw(axes, gain, cells.index(gain.cell) + 0.24 * (place - 0.5), place)
        axes.set(
            title=machine,
            xlabel="difference to plain, points",
            yticks=range(len(cells)),
            yticklabels=cells,
            ylim=(len(cells) - 0.5, -0.5),
        )
        axes.grid(axis="x", color="0.9")
    key = _key(list(tables), any(gain.half is None for gain in every))
    picture.legend(
        handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize="small"
    )
    return picture


def _draw(axes: Axes, gain: Gain, y: float, place: int) -> None:
    colour = ONE_SEED if gain.half is None else COLOURS[place]
    if gain.clips:
        axes.plot(gain.clips, [y, y], color=colour, **OVER_CLIPS)
    if gain.half is not None:
        half = min(gain.half, HALF_WIDTH_MOST)
        axes.plot([gain.mean - half, gain.mean + half], [y, y], color=colour, **OVER_SEEDS)
    axes.plot(gain.mean, y, MARKERS[place], color=colour, markersize=4)


def _key(scores: Sequence[str], has_one_seed: bool) -> list[Line2D]:
    mark: dict[str, Any] = {"markersize": 4, "linestyle": ""}
    key = [
        Line2D([], [], color=colour, marker=marker, label=score, **mark)
        for score, colour, marker in zip(scores, COLOURS, MARKERS)
    ]
    for label, style in (("95 % over seeds", OVER_SEEDS), ("95 % over clips", OVER_CLIPS)):
        key.append(Line2D([], [], color="0.2", label=label, **style))
    if has_one_seed:
        label = "one seed, which proves nothing"
        key.append(Line2D([], [], color=ONE_SEED, marker="D", label=label, **mark))
    return key


def _gains(table: Table) -> list[Gain]:
    """Of every cell but plain, which has no difference."""
    found = []
    for row in table.rows:
        record = {
            name: value
            for column, cell in zip(table.columns, row)
            for name, value in zip(column.names, cell.values)
        }
        names = [name.removesuffix(" mean") for name in record if DIFFERENCE.fullmatch(name)]
        if names:
            half = record[f"{names[-1]} half width of 95 % over seeds"]
            low, high = record["over clips low"], record["over clips high"]
            clips = None if low is None else (low, high)
            found.append(Gain(record["cell"], record[f"{names[-1]} mean"], half, clips))
    return found
