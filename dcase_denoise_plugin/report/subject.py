"""What a page is about: both arms' results under each score, their comparisons, and the checkouts
around them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from dcase_denoise_plugin.figures.arms import Arm
from dcase_denoise_plugin.figures.comparison import Comparison, compare
from dcase_denoise_plugin.figures.figures_of_merit import MAX_FPR, max_fpr_in
from dcase_denoise_plugin.figures.results import SectionScores
from dcase_denoise_plugin.report.surroundings import Checkout

MODES = {"dev_data": "development data", "eval_data": "evaluation data"}


@dataclasses.dataclass(frozen=True)
class Subject:
    """Two arms under every score that either has.

    Attributes
    ----------
    names : what the arms are called.
    checkouts : of each arm, one a score.
    max_fpr : false-positive rate up to which pAUC looks.
    """

    names: tuple[str, str]
    comparisons: tuple[Comparison, ...]
    checkouts: tuple[tuple[Checkout, ...], tuple[Checkout, ...]]
    max_fpr: float

    @classmethod
    def from_arms(
        cls,
        arms: tuple[Arm, Arm],
        data: Path | None = None,
        reference: Path | None = None,
        baseline: Path | None = None,
    ) -> Subject:
        """Reads and compares both arms; the folders are as for `write_report`. Raises ConfigError
        if a run noted a ``max_fpr`` that is none.
        """
        first, second = arms
        scores = list(dict.fromkeys((*first.folders, *second.folders)))
        results = {score: [arm.results(score) for arm in arms] for score in scores}
        left, right = (
            tuple(
                Checkout(one, data, reference, baseline)
                for one in (results[score][index] for score in scores)
                if one
            )
            for index in (0, 1)
        )
        max_fpr = _max_fpr((*left, *right))
        names = (first.name, second.name)
        comparisons = tuple(compare(score, names, results[score], max_fpr) for score in scores)
        return cls(names, comparisons, (left, right), max_fpr)

    @property
    def runs(self) -> list[tuple[str, int]]:
        """(machine type, seed) of all that either arm left under any score."""
        return sorted({run for comparison in self.comparisons for run in comparison.runs})

    @property
    def machines(self) -> list[str]:
        return list(dict.fromkeys(machine for machine, _ in self.runs))

    @property
    def seeds(self) -> list[int]:
        return sorted({seed for _, seed in self.runs})

    @property
    def title(self) -> str:
        """The data set's name, and which part of it."""
        checkout = next(iter((*self.checkouts[0], *self.checkouts[1])))
        words = (checkout.results.dataset, MODES.get(checkout.mode, ""))
        return " ".join(filter(None, words)) or "Results"

    def sections(self, machine: str) -> Sequence[SectionScores]:
        """The machine's sections under the first score and seed that has any."""
        return next(self._sections(machine), ())

    def _sections(self, machine: str) -> Iterator[Sequence[SectionScores]]:
        for comparison in self.comparisons:
            for results in filter(None, comparison.results):
                for (own, _), sections in sorted(results.sections.items()):
                    if own == machine:
                        yield list(sections.values())


def _max_fpr(checkouts: Iterable[Checkout]) -> float:
    """As the runs noted it, else the baseline's default."""
    for checkout in checkouts:
        for machine, _ in checkout.results.runs:
            if "max_fpr" in checkout.settings(machine):
                return max_fpr_in(checkout.settings(machine))
    return MAX_FPR
