"""AUC, pAUC and F1 as the baseline defines them, for many weightings of the clips at once:
bootstrap replicates cost matrix products, not loops.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.figures.results import SectionScores
from dcase_denoise_plugin.quoting import quoted

# "F1" is that of a data set without domains.
F1_METRICS = ("F1", "F1 (source)", "F1 (target)")
# The baseline's floor before a harmonic mean, which a zero would make undefined.
SMALLEST = sys.float_info.epsilon
MAX_FPR = 0.1  # the baseline's default


def max_fpr_in(settings: Mapping[str, Any]) -> float:
    """The false-positive rate up to which pAUC looks, in these settings of the baseline. Raises
    ConfigError if it is none.
    """
    value = settings.get("max_fpr", MAX_FPR)
    try:
        max_fpr = float(value)
    except (TypeError, ValueError, OverflowError):
        max_fpr = math.nan
    if not 0 < max_fpr <= 1:
        raise ConfigError(
            f"max_fpr: expected a number above 0 and up to 1, got {quoted(value)} in the baseline's"
            " settings. Correct the value."
        )
    return max_fpr


def section_figures(
    section: SectionScores, weights: np.ndarray, max_fpr: float
) -> dict[str, np.ndarray]:
    """Figures of one section. Those that the clips do not allow (a class or a domain is missing)
    are left out.

    Parameters
    ----------
    weights : float64 (replicates, clips), how often each clip counts.
    max_fpr : false-positive rate up to which pAUC integrates.

    Returns
    -------
    dict
        metric → (replicates,), shares of 1. A domain's AUC sets its normal clips against the
        anomalies of both domains; pAUC pools the domains; a domain's F1 counts its own clips.
    """
    normal, anomaly = section.labels == 0, section.labels == 1
    if not normal.any() or not anomaly.any():
        return {}
    figures = {}
    for metric, domain in _by_domain(section, "AUC").items():
        own = normal & _is_of(section, domain)
        if own.any():
            figures[metric] = auc(
                section.scores[own], section.scores[anomaly], weights[:, own], weights[:, anomaly]
            )
    labelled = normal | anomaly
    figures["pAUC"] = partial_auc(section.scores, anomaly, weights * labelled, max_fpr)
    if section.decisions is not None:
        for metric, domain in _by_domain(section, "F1").items():
            counted = _is_of(section, domain) & labelled
            figures[metric] = f1(section.decisions, anomaly, weights * counted)
    return figures


def all_called_anomalies(section: SectionScores) -> frozenset[str]:
    """The F1 metrics of a section that count no clip which was not called an anomaly. Such an F1
    says nothing but the share of anomalies: two thirds, where they are half of the clips.
    """
    if section.decisions is None:
        return frozenset()
    found = set()
    for metric, domain in _by_domain(section, "F1").items():
        decisions = section.decisions[_is_of(section, domain) & (section.labels >= 0)]
        if len(decisions) and (decisions == 1).all():
            found.add(metric)
    return frozenset(found)


def _by_domain(section: SectionScores, kind: str) -> dict[str, str]:
    """Metric → domain whose clips it counts; "" for both."""
    if not (section.domains == "target").any():
        return {kind: ""}
    return {f"{kind} ({domain})": domain for domain in ("source", "target")}


def _is_of(section: SectionScores, domain: str) -> np.ndarray:
    """(clips,) bool: whether each is of the domain; "" takes all."""
    return (section.domains == domain) | (not domain)


def auc(
    normal: np.ndarray, anomaly: np.ndarray, normal_weights: np.ndarray, anomaly_weights: np.ndarray
) -> np.ndarray:
    """Probability that an anomaly scores above a normal clip, ties counting half; scores (n,) and
    (m,), weights (replicates, n) and (replicates, m).
    """
    above = (np.sign(anomaly[None, :] - normal[:, None]) + 1) / 2  # (n, m)
    wins = ((normal_weights @ above) * anomaly_weights).sum(-1)
    return wins / (normal_weights.sum(-1) * anomaly_weights.sum(-1))


def partial_auc(
    scores: np.ndarray, anomaly: np.ndarray, weights: np.ndarray, max_fpr: float
) -> np.ndarray:
    """Area under the ROC curve up to `max_fpr`, standardised to 0.5 for chance and 1 for perfect.
    Source: McClish 1989.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_ties = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum((weights * anomaly)[:, order], axis=-1)[:, last_of_ties]
    alarms = np.cumsum((weights * ~anomaly)[:, order], axis=-1)[:, last_of_ties]
    hits, alarms = (np.pad(counts, ((0, 0), (1, 0))) / counts[:, -1:] for counts in (hits, alarms))
    left, right, low, high = alarms[:, :-1], alarms[:, 1:], hits[:, :-1], hits[:, 1:]
    inside = np.clip(max_fpr - left, 0, right - left)  # of each step's width
    slope = np.divide(high - low, right - left, out=np.zeros_like(left), where=right > left)
    area = (inside * (low + slope * inside / 2)).sum(-1)
    chance = max_fpr**2 / 2
    return (1 + (area - chance) / (max_fpr - chance)) / 2


def f1(decisions: np.ndarray, anomaly: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall at the decisions taken; 0 where nothing was found and
    nothing was there.
    """
    found = (weights * (anomaly & (decisions == 1))).sum(-1)
    wrong = (weights * (anomaly != (decisions == 1))).sum(-1)
    return np.divide(
        2 * found, 2 * found + wrong, out=np.zeros_like(found), where=2 * found + wrong > 0
    )


def harmonic_mean(values: list[np.ndarray]) -> np.ndarray:
    """Over the list, element by element."""
    return len(values) / sum((1 / np.maximum(value, SMALLEST) for value in values), np.zeros(1))
