import re

import numpy as np
import pytest

from dcase_denoise_plugin.report import charts

NAMES = ("_first", "plain", "$2_a$", ".hidden")
RISING = np.linspace(0, 1, 5)


def texts_of(svg):
    return re.findall(r"<text[^>]*>(.*?)</text>", svg)


@pytest.mark.parametrize(
    "chart",
    [
        lambda: charts.roc_curves(
            [(name, charts.FIRST, RISING, RISING) for name in NAMES for _ in range(2)], 0.1, "ROC"
        ),
        lambda: charts.loss_curves(
            [(name, charts.FIRST, "-", [2.0, 1.0]) for name in NAMES for _ in range(2)],
            "loss",
            "losses",
        ),
    ],
    ids=["roc", "losses"],
)
def test_every_curve_stands_in_the_legend_once_whatever_its_folder_is_called(chart):
    texts = texts_of(chart())
    assert [texts.count(name) for name in NAMES] == [1] * len(NAMES), texts


def test_kinds_of_clips_stand_in_the_legends_of_their_charts():
    removed = {"normal": np.ones((3, 4)), "anomaly": np.ones((2, 4))}
    for svg in (
        charts.removed_per_band(np.arange(1, 5), removed, "removed"),
        charts.score_histogram(np.arange(4.0), np.array([0, 0, 1, 1]), charts.SECOND, "scores"),
    ):
        texts = texts_of(svg)
        assert texts.count("normal") == texts.count("anomaly") == 1, texts
