"""At which quantile over time a machine is heard best, told by its training clips and recordings of
the noise or of the machine alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch

from dcase_denoise_plugin.sound.clip_spectrum import rank_of

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# A quantile counts as better than the mean when it is by this many standard errors ...
SURE = 2.0
# ... and by so much. Another speed or load of the machine moves quantiles too, surely but not far;
# and a quantile is a less certain level than the mean: in 4 s of white noise a band's quantile 0.05
# scatters by 0.65 dB from clip to clip, its mean by 0.29 dB (200 clips, middle band).
LEAST_DIFFERENCE_DB = 1.0


class Told(NamedTuple):
    """What recordings tell of a machine.

    Attributes
    ----------
    quantile : the one over time at which the machine is heard most surely; None for the mean.
    difference_db : how far it stands out there beside the mean; the most where None is sure.
    """

    quantile: float | None
    difference_db: float


def standing_out_quantile(
    clips_db: Iterable[torch.Tensor], noise_db: Iterable[torch.Tensor]
) -> Told:
    """The quantile over time at which the machine stands out most surely above the noise.

    How far a quantile lies from the clip's mean depends on how sound and noise fluctuate, not on
    how loud they are. Where it lies higher in the machine's clips than in noise alone, the machine
    is heard there. In steady noise it is heard at no quantile better than at another.

    Parameters
    ----------
    clips_db : training clips, (rows, frames) dB each.
    noise_db : stretches of noise of the same length, likewise.
    """
    return _surest(*_means_and_error(clips_db, noise_db))


def least_noisy_quantile(
    clips_db: Iterable[torch.Tensor], machine_db: Iterable[torch.Tensor]
) -> Told:
    """The quantile over time at which noise raises the clips least above the machine alone.

    `standing_out_quantile` for recordings of the machine instead of noise. Where a quantile lies
    lower, beside the mean, in the clips than in the machine alone, it is noise that raises the
    mean. Parameters as there; `machine_db` are stretches of the machine alone.
    """
    clips, machine, error = _means_and_error(clips_db, machine_db)
    return _surest(machine, clips, error)


def _means_and_error(
    clips_db: Iterable[torch.Tensor], others_db: Iterable[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Mean offsets of the quantiles in either kind of recordings, and the standard error of their
    difference; None for it where a kind has just one.
    """
    clips, others = (
        torch.stack([_offsets(level_db) for level_db in levels]).double()
        for levels in (clips_db, others_db)
    )  # (clips, len(QUANTILES)) dB
    error = None
    if min(len(clips), len(others)) > 1:
        error = (clips.var(0) / len(clips) + others.var(0) / len(others)).sqrt().clamp_min(1e-9)
    return clips.mean(0), others.mean(0), error


def _surest(higher: torch.Tensor, lower: torch.Tensor, error: torch.Tensor | None) -> Told:
    differences_db = higher - lower
    most = Told(None, differences_db.max().item())
    if error is None or most.difference_db < LEAST_DIFFERENCE_DB:
        return most
    sureness = differences_db / error
    best = int(sureness.argmax())
    return Told(QUANTILES[best], differences_db[best].item()) if sureness[best] > SURE else most


def _offsets(level_db: torch.Tensor) -> torch.Tensor:
    """How far each quantile lies above the mean, on average over the rows: (rows, frames) dB ->
    (len(QUANTILES),) dB.
    """
    in_order = level_db.sort(-1).values
    ranks = torch.tensor(
        [rank_of(quantile, level_db.shape[-1]) for quantile in QUANTILES], device=level_db.device
    )
    return (in_order[:, ranks] - level_db.mean(-1, keepdim=True)).mean(0)
