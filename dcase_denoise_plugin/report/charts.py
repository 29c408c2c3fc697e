"""Curves and histograms as inline SVG: matplotlib draws them in stand-in colours, which become the
page's own, light or dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import matplotlib
import matplotlib.figure
import matplotlib.ticker
import numpy as np
from markupsafe import Markup, escape

# Drawn with the left, shown with the right.
INK, FAINT, FIRST, SECOND, NORMAL = "#010203", "#010204", "#010205", "#010206", "#010207"
SHOWN_AS = {
    INK: "var(--ink-soft)",
    FAINT: "var(--rule)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
    NORMAL: "var(--normal)",
}
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "xtick.major.width": 0.8,
    "ytick.major.width": 0.8,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.4,
    "axes.labelsize": 9,
}
SIZE_INCHES = (3.7, 2.5)
# Fixed, because measuring the texts to fit them took half the time of the whole page's charts; the
# page shows what reaches beyond a drawing.
MARGINS = {"left": 0.15, "right": 0.98, "bottom": 0.19, "top": 0.96}
HISTOGRAM_BINS = 24
MARK = "."  # before every label, and taken away where it is shown
# highest score over the lowest; beyond it a few outliers would push all other clips into one bar
WIDEST_LINEAR = 20


def _labelled(name: str) -> str:
    """A label for what is to stand in a legend as `name`; matplotlib leaves out what begins with an
    underscore, as a folder may.
    """
    return f"{MARK}{name}"


class Chart:
    """One set of axes; ``svg()`` ends it."""

    def __init__(self, x_label: str, y_label: str):
        with matplotlib.rc_context(STYLE):
            self.figure = matplotlib.figure.Figure(figsize=SIZE_INCHES)
            self.figure.subplots_adjust(**MARGINS)
            self.figure.patch.set_alpha(0)
            self.axes = self.figure.subplots()
            self.axes.patch.set_alpha(0)
            self.axes.set(xlabel=x_label, ylabel=y_label)

    def svg(self, description: str, legend: bool = True) -> Markup:
        """The chart, and `description` for who cannot see it."""
        with matplotlib.rc_context({**STYLE, "svg.hashsalt": description}):
            if legend and self.axes.get_legend_handles_labels()[0]:
                for text in self.axes.legend().get_texts():
                    text.set_text(text.get_text().removeprefix(MARK))
                    text.set_parse_math(False)  # arms are named after folders, in which a $ is a $
            target = io.StringIO()
            self.figure.savefig(
                target,
                format="svg",
                metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            )
        text = target.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
        text = re.sub(
            r"<svg .*?viewBox=\"([^\"]+)\"[^>]*>",
            rf'<svg viewBox="\1" role="img"><title>{escape(description)}</title>',
            text,
            count=1,
            flags=re.S,
        )
        text = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", text)
        text = re.sub(r" xlink:href=", " href=", text)
        text = re.sub(
            r" id=\"(?:figure|patch|axes|matplotlib\.axis|xtick|ytick|line2d|text|legend"
            r"|\w+Collection)_\d+\"",
            "",
            text,
        )
        for drawn, shown in SHOWN_AS.items():
            text = text.replace(drawn, shown)
        return Markup(re.sub(r">\s+<", "><", text))


def score_histogram(scores: np.ndarray, labels: np.ndarray, color: str, description: str) -> Markup:
    """Scores (clips,) of normal and anomalous clips (labels 0, 1, or -1 for unknown)."""
    chart = Chart("anomaly score", "clips")
    low, high = scores.min(), scores.max()
    logarithmic = low > 0 and high / low > WIDEST_LINEAR
    edges = (
        np.geomspace(low, high, HISTOGRAM_BINS + 1)
        if logarithmic
        else np.histogram_bin_edges(scores, HISTOGRAM_BINS)
    )
    for label, name, fill, alpha in (
        (0, "normal", NORMAL, 0.75),
        (1, "anomaly", color, 0.6),
        (-1, "not known", color, 0.6),
    ):
        own = scores[labels == label]
        if len(own):
            counts, _ = np.histogram(own, edges)
            chart.axes.stairs(
                counts,
                edges,
                fill=True,
                facecolor=fill,
                edgecolor=fill,
                alpha=alpha,
                label=_labelled(name),
                linewidth=1,
            )
    chart.axes.yaxis.get_major_locator().set_params(integer=True)
    if logarithmic:
        chart.axes.set_xscale("log")
        _plain_ticks(chart.axes.xaxis)
    return chart.svg(description)


def roc_curves(
    curves: Sequence[tuple[str, str, np.ndarray, np.ndarray]], max_fpr: float, description: str
) -> Markup:
    """`curves`: (arm, colour, false-positive rates, true-positive rates), one a seed; the share
    that pAUC looks at is shaded.
    """
    chart = Chart("false-positive rate", "true-positive rate")
    chart.axes.axvspan(0, max_fpr, color=FAINT, alpha=0.35, linewidth=0)
    chart.axes.plot([0, 1], [0, 1], color=FAINT, linewidth=1)
    named = set()
    for arm, color, false_rates, true_rates in curves:
        chart.axes.plot(
            false_rates,
            true_rates,
            color=color,
            alpha=0.75,
            linewidth=1.1,
            label=None if arm in named else _labelled(arm),
        )
        named.add(arm)
    chart.axes.set(xlim=(0, 1), ylim=(0, 1.01), xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
    return chart.svg(description)


def loss_curves(
    curves: Sequence[tuple[str, str, str, Sequence[float]]], y_label: str, description: str
) -> Markup:
    """`curves`: (name, colour, line style, loss by epoch)."""
    chart = Chart("epoch", y_label)
    named = set()
    for name, color, line, losses in curves:
        epochs = np.arange(1, len(losses) + 1)
        marker = "o" if len(losses) == 1 else ""
        chart.axes.plot(
            epochs,
            losses,
            line,
            color=color,
            alpha=0.8,
            linewidth=1.1,
            label=None if name in named else _labelled(name),
            marker=marker,
        )
        named.add(name)
    lowest = min(min(losses) for *_, losses in curves)
    if lowest > 0 and max(max(losses) for *_, losses in curves) > 10 * lowest:
        chart.axes.set_yscale("log")
        _plain_ticks(chart.axes.yaxis)
    chart.axes.xaxis.get_major_locator().set_params(integer=True)
    return chart.svg(description)


def removed_per_band(
    frequencies_hz: np.ndarray, removed_db: dict[str, np.ndarray], description: str
) -> Markup:
    """What was taken away by band: for each kind of clip, (clips, bands) dB; a line for the median,
    a shade for the middle 80 % of clips.
    """
    chart = Chart("frequency [kHz]", "removed [dB]")
    for (name, removed), color in zip(removed_db.items(), (FIRST, SECOND, INK)):
        low, middle, high = np.quantile(removed, [0.1, 0.5, 0.9], axis=0)
        chart.axes.fill_between(
            frequencies_hz / 1000, low, high, color=color, alpha=0.18, linewidth=0
        )
        chart.axes.plot(frequencies_hz / 1000, middle, color=color, label=_labelled(name))
    chart.axes.axhline(0, color=FAINT, linewidth=0.8)
    chart.axes.set_xlim(0, frequencies_hz[-1] / 1000)
    return chart.svg(description)


def _plain_ticks(axis) -> None:
    """1, 2, 5, 10 … instead of powers of ten, of which a short axis would show one."""
    axis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(matplotlib.ticker.NullLocator())
