"""Which clips the denoiser moves: ranks by anomaly score within a machine type, one arm against the
other.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy

from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.results import SectionScores

SHOWN = 3


@dataclasses.dataclass(frozen=True)
class Moved:
    """A clip whose mean rank over the paired seeds changed; rank 1 is the highest score.

    Attributes
    ----------
    label : 1 for an anomaly, 0 for normal, -1 where the name does not tell.
    """

    machine: str
    section: str
    clip: str
    label: int
    domain: str
    first: float
    second: float
    clips: int

    @property
    def rise(self) -> float:
        """Places that the clip rose towards rank 1."""
        return self.first - self.second

    @property
    def tone(self) -> str:
        """An anomaly should rise, a normal clip should sink."""
        if self.label < 0 or not self.rise:
            return ""
        return "better" if (self.rise > 0) == (self.label == 1) else "worse"


def most_moved(comparison: Comparison, shown: int = SHOWN) -> list[Moved]:
    """For each section the clips that rose most and those that sank most, as far as both arms
    scored the same clips; ordered by machine, then rise.
    """
    moved = []
    for (machine, name), pairs in _pairs_by_section(comparison).items():
        pairs = [pair for pair in pairs if pair[0].clips == pairs[0][0].clips]
        section = pairs[0][0]
        before, after = (
            np.mean([scipy.stats.rankdata(-pair[arm].scores) for pair in pairs], axis=0)
            for arm in (0, 1)
        )
        every = [
            Moved(machine, name, *clip, len(section.clips))
            for clip in zip(
                section.clips,
                section.labels.tolist(),
                section.domains.tolist(),
                before.tolist(),
                after.tolist(),
            )
        ]
        every.sort(key=lambda clip: (-clip.rise, clip.clip))
        moved += [clip for clip in every[:shown] if clip.rise > 0]
        moved += [clip for clip in every[-shown:] if clip.rise < 0]
    return moved


def _pairs_by_section(
    comparison: Comparison,
) -> dict[tuple[str, str], list[tuple[SectionScores, SectionScores]]]:
    """What both arms scored alike: by machine type and section, a pair a seed."""
    found: dict[tuple[str, str], list[tuple[SectionScores, SectionScores]]] = {}
    first, second = comparison.results
    if first is None or second is None:
        return found
    for run in sorted(first.sections.keys() & second.sections.keys()):
        for name in sorted(first.sections[run].keys() & second.sections[run].keys()):
            pair = first.sections[run][name], second.sections[run][name]
            if pair[0].clips == pair[1].clips:
                found.setdefault((run[0], name), []).append(pair)
    return found
