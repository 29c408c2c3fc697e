"""A clip's spectrum: one level for each band that stands for the whole clip, where a steady machine is heard best.

Noise that comes and goes leaves pauses. In them a machine that runs steadily is nearly alone, and a low quantile over time shows it; a machine that knocks
or clicks is heard best at a high one. At which quantile a machine type stands out is seen on its training clips and the noise recordings alone.
Source: minimum statistics, Martin 2001, turned around: there the floor is the noise, here it is the machine.
"""
from __future__ import annotations

from typing import Iterable

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.spectrogram import LOWEST_POWER

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# A quantile counts as better than the mean when it is by this many standard errors ...
SURE = 2.0
# ... and by so much. Another speed or load of the machine moves quantiles too, surely but not far; and a quantile is a less certain level than the mean:
# in 4 s of white noise a band's quantile 0.05 scatters by 0.65 dB from clip to clip, its mean by 0.29 dB (200 clips, middle band).
LEAST_DIFFERENCE_DB = 1.0
# Power around a point is the mean over this many rows and as many frames; the power of a single point is too uncertain to divide by.
AROUND = 5


def clip_spectrum(level_db: torch.Tensor, quantile: float | None) -> torch.Tensor:
    """Levels that stand for the clip: their quantile over time, to the nearest frame, or their mean for None; (..., rows, frames) dB -> (..., rows, 1) dB."""
    if quantile is None:
        return level_db.mean(-1, keepdim=True)
    # A fifth of the time of sorting all frames.
    return level_db.topk(_rank(quantile, level_db.shape[-1]) + 1, largest=False).values[..., -1:]


def steady_machine_residual_db(level_db: torch.Tensor, spectrum_db: torch.Tensor) -> torch.Tensor:
    """What a Wiener filter takes from a clip whose machine is steady and has this spectrum: the gain is the machine's share of the power around each point.

    Parameters
    ----------
    level_db : (..., rows, frames) dB.
    spectrum_db : (..., rows, 1) dB, the machine's.

    Returns
    -------
    (..., rows, frames) dB, at least 0. Source: Lim and Oppenheim 1979, eq. 20, with the signal's power known instead of the noise's.
    """
    power = F.pad((10 ** (level_db / 10)).reshape(-1, 1, *level_db.shape[-2:]), [AROUND // 2] * 4, mode="replicate")
    around_db = 10 * F.avg_pool2d(power, AROUND, stride=1).reshape(level_db.shape).clamp_min(LOWEST_POWER).log10()
    return 2 * (around_db - spectrum_db).clamp_min(0)  # a share of power as a gain of amplitude: 20 log10


def heard_in_pauses(quantile: float | None) -> bool:
    """Whether a machine that stands out at this quantile may be taken for steady, and what fluctuates around it for noise.

    One that knocks, or stands out nowhere, may not: most of it would go.
    """
    return quantile is not None and quantile < 0.5


def standing_out_quantile(clips_db: Iterable[torch.Tensor], noise_db: Iterable[torch.Tensor], least_db: float = LEAST_DIFFERENCE_DB) -> float | None:
    """The quantile over time at which the machine stands out most surely above the noise, or None where none does so clearly better than the mean.

    How far a quantile lies from the clip's mean depends on how sound and noise fluctuate, not on how loud they are; where it lies higher in the machine's
    clips than in noise alone, the machine is heard there. In steady noise it is heard at no quantile better than at another.

    Parameters
    ----------
    clips_db : training clips, (rows, frames) dB each.
    noise_db : stretches of noise of the same length, likewise.
    least_db : how far it must stand out at one quantile at least, dB beside the mean.
    """
    return _surest(*_means_and_error(clips_db, noise_db), least_db)


def least_noisy_quantile(clips_db: Iterable[torch.Tensor], machine_db: Iterable[torch.Tensor]) -> float | None:
    """The quantile over time at which noise raises the clips least surely above the machine alone, or None where none is better than the mean.

    `standing_out_quantile` for recordings of the machine instead of noise: where a quantile lies lower, beside the mean, in the clips than in the machine
    alone, it is noise that raises the mean. Parameters as there; `machine_db` are stretches of the machine alone.
    """
    clips, machine, error = _means_and_error(clips_db, machine_db)
    return _surest(machine, clips, error, LEAST_DIFFERENCE_DB)


def _means_and_error(clips_db, others_db):
    """Mean offsets of the quantiles in either kind of recordings, and the standard error of their difference; None for it where a kind has just one."""
    clips, others = (torch.stack([_offsets(level_db) for level_db in levels]).double() for levels in (clips_db, others_db))  # (clips, len(QUANTILES)) dB
    error = (clips.var(0) / len(clips) + others.var(0) / len(others)).sqrt().clamp_min(1e-9) if min(len(clips), len(others)) > 1 else None
    return clips.mean(0), others.mean(0), error


def _surest(higher, lower, error, least_db):
    if error is None or (higher - lower).max() < least_db:
        return None
    sureness = (higher - lower) / error
    best = int(sureness.argmax())
    return QUANTILES[best] if sureness[best] > SURE else None


def _offsets(level_db: torch.Tensor) -> torch.Tensor:
    """How far each quantile lies above the mean, on average over the rows: (rows, frames) dB -> (len(QUANTILES),) dB."""
    in_order = level_db.sort(-1).values
    ranks = torch.tensor([_rank(quantile, level_db.shape[-1]) for quantile in QUANTILES], device=level_db.device)
    return (in_order[:, ranks] - level_db.mean(-1, keepdim=True)).mean(0)


def _rank(quantile: float, frames: int) -> int:
    return round(quantile * (frames - 1))
