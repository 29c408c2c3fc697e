"""At which quantile over time a machine is heard best, told by its training clips and recordings of
the noise or of the machine alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clip_spectrum import _rank
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.noise import Reel

QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
# A quantile counts as better than the mean when it is by this many standard errors ...
SURE = 2.0
# ... and by so much. Another speed or load of the machine moves quantiles too, surely but not far;
# and a quantile is a less certain level than the mean: in 4 s of white noise a band's quantile 0.05
# scatters by 0.65 dB from clip to clip, its mean by 0.29 dB (200 clips, middle band).
LEAST_DIFFERENCE_DB = 1.0


def standing_out_quantile(
    clips_db: Iterable[torch.Tensor],
    noise_db: Iterable[torch.Tensor],
    least_db: float = LEAST_DIFFERENCE_DB,
) -> float | None:
    """The quantile over time at which the machine stands out most surely above the noise, or None
    where none does so clearly better than the mean.

    How far a quantile lies from the clip's mean depends on how sound and noise fluctuate, not on
    how loud they are; where it lies higher in the machine's clips than in noise alone, the machine
    is heard there. In steady noise it is heard at no quantile better than at another.

    Parameters
    ----------
    clips_db : training clips, (rows, frames) dB each.
    noise_db : stretches of noise of the same length, likewise.
    least_db : how far it must stand out at one quantile at least, dB beside the mean.
    """
    return _surest(*_means_and_error(clips_db, noise_db), least_db)


def least_noisy_quantile(
    clips_db: Iterable[torch.Tensor], machine_db: Iterable[torch.Tensor]
) -> float | None:
    """The quantile over time at which noise raises the clips least surely above the machine alone,
    or None where none is better than the mean.

    `standing_out_quantile` for recordings of the machine instead of noise: where a quantile lies
    lower, beside the mean, in the clips than in the machine alone, it is noise that raises the
    mean. Parameters as there; `machine_db` are stretches of the machine alone.
    """
    clips, machine, error = _means_and_error(clips_db, machine_db)
    return _surest(machine, clips, error, LEAST_DIFFERENCE_DB)


def _means_and_error(clips_db, others_db):
    """Mean offsets of the quantiles in either kind of recordings, and the standard error of their
    difference; None for it where a kind has just one.
    """
    clips, others = (
        torch.stack([_offsets(level_db) for level_db in levels]).double()
        for levels in (clips_db, others_db)
    )  # (clips, len(QUANTILES)) dB
    error = (
        (clips.var(0) / len(clips) + others.var(0) / len(others)).sqrt().clamp_min(1e-9)
        if min(len(clips), len(others)) > 1
        else None
    )
    return clips.mean(0), others.mean(0), error


def _surest(higher, lower, error, least_db):
    if error is None or (higher - lower).max() < least_db:
        return None
    sureness = (higher - lower) / error
    best = int(sureness.argmax())
    return QUANTILES[best] if sureness[best] > SURE else None


def _offsets(level_db: torch.Tensor) -> torch.Tensor:
    """How far each quantile lies above the mean, on average over the rows: (rows, frames) dB ->
    (len(QUANTILES),) dB.
    """
    in_order = level_db.sort(-1).values
    ranks = torch.tensor(
        [_rank(quantile, level_db.shape[-1]) for quantile in QUANTILES], device=level_db.device
    )
    return (in_order[:, ranks] - level_db.mean(-1, keepdim=True)).mean(0)


def quantile_of(
    config: DenoiseConfig, clips: Clips, noise: Reel | None, machine_alone: Reel | None
) -> float | None:
    """The quantile over time at which the machine's clips are represented, by
    ``denoise_clip_level``; None for their mean.

    `noise` and `machine_alone` are recordings of what the clips hold, None where there are none;
    guessed noise tells nothing.
    """
    if not config.looks_for_quantile or not (noise or machine_alone):
        return config.fixed_quantile
    if noise:
        least_db = 0.0 if config.clip_level == "surest" else LEAST_DIFFERENCE_DB
        return standing_out_quantile(
            clips.levels_db(),
            map(clips.spectrogram.level_db, noise.stretches(clips.frames)),
            least_db,
        )
    return least_noisy_quantile(
        clips.levels_db(), map(clips.spectrogram.level_db, machine_alone.stretches(clips.frames))
    )
