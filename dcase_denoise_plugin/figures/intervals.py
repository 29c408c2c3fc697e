"""How far a difference can be trusted: over seeds by Student's t, over test clips by a paired,
stratified bootstrap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy

from dcase_denoise_plugin.figures.results import SectionScores

CONFIDENCE = 0.95
REPLICATES = 2000


@dataclasses.dataclass(frozen=True)
class Interval:
    """Two bounds, in the unit of what they are about."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    @property
    def tone(self) -> str:
        """ "better" or "worse" if it excludes zero, else ""."""
        return "" if not self.excludes_zero else "better" if self.low > 0 else "worse"


def over_seeds(differences: Sequence[float]) -> Interval | None:
    """Student's t for the mean of paired differences, one a seed; None for fewer than two."""
    if len(differences) < 2:
        return None
    mean, error = np.mean(differences), scipy.stats.sem(differences)
    reach = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(differences) - 1) * error
    return Interval(float(mean - reach), float(mean + reach))


def over_clips(replicates: np.ndarray) -> Interval:
    """Percentile interval of bootstrap replicates, (replicates,)."""
    low, high = np.quantile(replicates, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(high))


def clip_weights(section: SectionScores, name: str, replicates: int = REPLICATES) -> np.ndarray:
    """How often each clip counts, (1 + replicates, clips) float64: first every clip once, then each
    draw with replacement within domain and label.

    The draws hang on `name` alone, so that both arms and all seeds of a machine type see the same
    clips.
    """
    rng = np.random.default_rng([*name.encode()])
    weights = np.ones((1 + replicates, len(section.clips)))
    strata = np.array(
        [f"{domain} {label}" for domain, label in zip(section.domains, section.labels)]
    )
    for stratum in np.unique(strata):
        own = np.flatnonzero(strata == stratum)
        weights[1:, own] = rng.multinomial(
            len(own), np.full(len(own), 1 / len(own)), size=replicates
        )
    return weights
