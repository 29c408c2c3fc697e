"""A study in one picture: what each cell gains over the plain baseline, under each score, and how
sure that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dcase_denoise_plugin.figures.tables import Table
from dcase_denoise_plugin.files import written_whole

COLOURS = ("#1f77b4", "#d62728")
PANEL_INCHES, CELL_INCHES = 4.2, 0.3
ABOVE_AND_BELOW_INCHES = 1.6
# As on the report's page: thin is over seeds, thick over clips.
OVER_SEEDS = {"linewidth": 1.0}
OVER_CLIPS = {"linewidth": 4.0, "alpha": 0.35, "solid_capstyle": "butt"}
HALF_WIDTH_MOST = 25.0  # points; wider intervals, of two seeds, would leave nothing else to see


def draw_study(tables: Mapping[str, Sequence[Table]], path: Path) -> None:
    """Writes a PNG: one panel a machine type, one line a cell; dots are mean differences in points,
    thin lines 95 % over seeds, thick ones 95 % over clips. A thin line ends at `HALF_WIDTH_MOST`.
    Nothing is written where nothing is finished.

    Parameters
    ----------
    tables : those of `study_tables` under each score.
    """
    figure = study_figure(tables)
    if figure:
        with written_whole(path) as aside:
            figure.savefig(aside, dpi=90, format="png")


def study_figure(tables: Mapping[str, Sequence[Table]]) -> Figure | None:
    """The picture of `draw_study`, or None where nothing is finished."""
    panels: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for score, of_score in tables.items():
        for table in of_score:
            gains = [gain for gain in map(_gain, _records(table)) if gain]
            if gains:
                panels.setdefault(table.title.rsplit(",", 2)[0], {})[score] = gains
    if not panels:
        return None
    colours = dict(zip(tables, COLOURS))
    cells = list(
        dict.fromkeys(
            gain["cell"]
            for scores in panels.values()
            for gains in scores.values()
            for gain in gains
        )
    )
    figure = Figure(
        figsize=(2 + PANEL_INCHES * len(panels), ABOVE_AND_BELOW_INCHES + CELL_INCHES * len(cells)),
        layout="constrained",
    )
    for axes, (machine, scores) in zip(
        figure.subplots(1, len(panels), sharey=True, squeeze=False)[0], panels.items()
    ):
        axes.axvline(0, color="0.4", linewidth=0.8)
        for score, gains in scores.items():
            place, colour = list(tables).index(score), colours[score]
            for gain in gains:
                y = cells.index(gain["cell"]) + 0.24 * (place - 0.5)
                if None not in gain["clips"]:
                    axes.plot(gain["clips"], [y, y], color=colour, **OVER_CLIPS)
                if gain["half"] is not None:
                    half = min(gain["half"], HALF_WIDTH_MOST)
                    axes.plot(
                        [gain["mean"] - half, gain["mean"] + half],
                        [y, y],
                        color=colour,
                        **OVER_SEEDS,
                    )
                axes.plot(gain["mean"], y, "o", color=colour, markersize=4)
        axes.set(
            title=machine,
            xlabel="difference to plain, points",
            yticks=range(len(cells)),
            yticklabels=cells,
            ylim=(len(cells) - 0.5, -0.5),
        )
        axes.grid(axis="x", color="0.9")
    key = [
        Line2D([], [], color=colour, marker="o", markersize=4, linestyle="", label=score)
        for score, colour in colours.items()
    ]
    key += [
        Line2D([], [], color="0.2", label=label, **style)
        for label, style in (("95 % over seeds", OVER_SEEDS), ("95 % over clips", OVER_CLIPS))
    ]
    figure.legend(
        handles=key, loc="outside lower center", ncols=len(key), frameon=False, fontsize="small"
    )
    return figure


def _records(table):
    """Each row as a mapping of its columns' names to unrounded values."""
    for row in table.rows:
        yield {
            name: value
            for column, cell in zip(table.columns, row)
            for name, value in zip(column.names, cell.values)
        }


def _gain(record):
    """Difference of the harmonic mean and its two intervals; None for the plain baseline's row."""
    means = [
        name for name in record if name.startswith("difference of ") and name.endswith(" mean")
    ]
    if not means:
        return None
    name = means[-1].removesuffix(" mean")
    return {
        "cell": record["cell"],
        "mean": record[f"{name} mean"],
        "half": record[f"{name} half width of 95 % over seeds"],
        "clips": (record["over clips low"], record["over clips high"]),
    }
