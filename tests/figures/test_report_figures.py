"""Figures for many weightings at once are scikit-learn's, clip by clip."""

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from dcase_denoise_plugin.figures import intervals
from dcase_denoise_plugin.figures.figures_of_merit import (
    auc,
    f1,
    harmonic_mean,
    partial_auc,
    section_figures,
)
from dcase_denoise_plugin.figures.intervals import (
    REPLICATES,
    Interval,
    clip_weights,
    over_clips,
    over_seeds,
)
from dcase_denoise_plugin.figures.results import SectionScores


def section(count=20, decimals=1, domains=("source", "target"), seed=0):
    """`count` clips of each domain and label; one decimal makes ties."""
    rng = np.random.default_rng(seed)
    domain = np.repeat(domains, 2 * count)
    labels = np.tile(np.repeat([0, 1], count), len(domains))
    scores = (rng.normal(size=len(labels)) + 0.7 * labels).round(decimals)
    return SectionScores(
        tuple(map(str, range(len(labels)))), scores, (scores > 0.5).astype(int), labels, domain
    )


@pytest.fixture(params=[(20, 1, 0), (20, 6, 1), (1, 6, 2), (50, 0, 3)])
def weighted(request):
    """A section, some weights of its clips, and each weighting as a longer list of clips."""
    count, decimals, seed = request.param
    one = section(count, decimals, seed=seed)
    weights = clip_weights(one, "fan")[:8]
    return one, weights, [np.repeat(np.arange(len(one.clips)), row.astype(int)) for row in weights]


def test_auc_is_that_of_the_clips_repeated(weighted):
    one, weights, clips = weighted
    normal = one.labels == 0
    expected = [
        sklearn.metrics.roc_auc_score(one.labels[index], one.scores[index]) for index in clips
    ]
    np.testing.assert_allclose(
        auc(one.scores[normal], one.scores[~normal], weights[:, normal], weights[:, ~normal]),
        expected,
        atol=1e-12,
    )


@pytest.mark.parametrize("max_fpr", [0.05, 0.1, 0.5])
def test_partial_auc_is_that_of_the_clips_repeated(weighted, max_fpr):
    one, weights, clips = weighted
    expected = [
        sklearn.metrics.roc_auc_score(one.labels[index], one.scores[index], max_fpr=max_fpr)
        for index in clips
    ]
    np.testing.assert_allclose(
        partial_auc(one.scores, one.labels == 1, weights, max_fpr), expected, atol=1e-12
    )


def test_f1_is_that_of_the_clips_repeated(weighted):
    one, weights, clips = weighted
    expected = [
        sklearn.metrics.f1_score(one.labels[index], one.decisions[index], zero_division=0)
        for index in clips
    ]
    np.testing.assert_allclose(f1(one.decisions, one.labels == 1, weights), expected, atol=1e-12)


def test_a_domain_takes_its_own_normal_clips_and_the_anomalies_of_both():
    one = section()
    figures = section_figures(one, np.ones((1, len(one.clips))), 0.1)
    for domain in ("source", "target"):
        own = (one.domains == domain) | (one.labels == 1)
        assert figures[f"AUC ({domain})"] == pytest.approx(
            sklearn.metrics.roc_auc_score(one.labels[own], one.scores[own])
        )
        own = one.domains == domain
        assert figures[f"F1 ({domain})"] == pytest.approx(
            sklearn.metrics.f1_score(one.labels[own], one.decisions[own])
        )


def test_without_a_target_domain_there_is_one_auc_and_one_f1():
    assert list(section_figures(section(domains=("source",)), np.ones((1, 40)), 0.1)) == [
        "AUC",
        "pAUC",
        "F1",
    ]


def test_one_class_has_no_figures():
    one = section()
    assert (
        section_figures(
            SectionScores(one.clips, one.scores, one.decisions, np.zeros(80, int), one.domains),
            np.ones((1, 80)),
            0.1,
        )
        == {}
    )


def test_harmonic_mean_is_scipys():
    values = np.random.default_rng(0).uniform(0.1, 1, (3, 5))
    np.testing.assert_allclose(harmonic_mean(list(values)), scipy.stats.hmean(values))


def test_the_interval_over_seeds_is_scipys_paired_t():
    before, after = np.random.default_rng(1).normal(size=(2, 5))
    expected = scipy.stats.ttest_rel(after, before).confidence_interval(0.95)
    found = over_seeds(list(after - before))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_one_seed_has_no_interval_and_equal_ones_do_not_exclude_zero():
    assert over_seeds([1.0]) is None
    assert not over_seeds([0.0, 0.0, 0.0]).excludes_zero


@pytest.mark.parametrize(
    "bounds, excludes", [((0.1, 1), True), ((-1, -0.1), True), ((-1, 1), False), ((0, 1), False)]
)
def test_an_interval_excludes_zero_only_if_both_ends_lie_on_one_side(bounds, excludes):
    assert Interval(*bounds).excludes_zero == excludes


def test_bootstrap_draws_keep_every_domain_and_label_at_its_size():
    one = section(7)
    weights = clip_weights(one, "fan section_00")
    assert weights.shape == (1 + REPLICATES, 28) and (weights[0] == 1).all()
    for domain in ("source", "target"):
        for label in (0, 1):
            assert (
                weights[:, (one.domains == domain) & (one.labels == label)].sum(axis=1) == 7
            ).all()
    assert (weights == clip_weights(section(7, seed=5), "fan section_00")).all(), (
        "other scores of the same clips must see the same draws"
    )
    assert (weights != clip_weights(one, "valve section_00")).any()


def test_the_interval_over_clips_of_an_auc_is_about_the_one_in_the_textbook():
    one = section(100, 6)
    replicates = section_figures(one, clip_weights(one, "fan"), 0.1)["AUC (source)"]
    normal, anomaly = (
        one.scores[(one.labels == 0) & (one.domains == "source")],
        one.scores[one.labels == 1],
    )
    # Hanley and McNeil 1982, eq. 1
    area, sizes = replicates[0], (len(normal), len(anomaly))
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    error = np.sqrt(
        (area * (1 - area) + (sizes[1] - 1) * (q1 - area**2) + (sizes[0] - 1) * (q2 - area**2))
        / np.prod(sizes)
    )
    found = over_clips(replicates[1:])
    assert (found.low, found.high) == pytest.approx(
        (area - 1.96 * error, area + 1.96 * error), abs=0.015
    )
    assert intervals.CONFIDENCE == 0.95
