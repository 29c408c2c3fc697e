"""A clip's spectrum: one level for each band that stands for the whole clip, where a steady machine
is heard best.

Noise that comes and goes leaves pauses. In them a machine that runs steadily is nearly alone, and a
low quantile over time shows it; a machine that knocks or clicks is heard best at a high one. At
which quantile a machine type stands out is seen on its training clips and the noise recordings
alone. Source: minimum statistics, Martin 2001, turned around: there the floor is the noise, here it
is the machine.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.sound.spectrogram import LOWEST_POWER

# Power around a point is the mean over this many rows and as many frames; the power of a single
# point is too uncertain to divide by.
AROUND = 5


def clip_spectrum(level_db: torch.Tensor, quantile: float | None) -> torch.Tensor:
    """Levels that stand for the clip: their quantile over time, to the nearest frame, or their mean
    for None; (..., rows, frames) dB -> (..., rows, 1) dB.
    """
    if quantile is None:
        return level_db.mean(-1, keepdim=True)
    # A fifth of the time of sorting all frames.
    return level_db.topk(rank_of(quantile, level_db.shape[-1]) + 1, largest=False).values[..., -1:]


def steady_machine_residual_db(level_db: torch.Tensor, spectrum_db: torch.Tensor) -> torch.Tensor:
    """What a Wiener filter takes from a clip whose machine is steady and has this spectrum: the
    gain is the machine's share of the power around each point.

    Parameters
    ----------
    level_db : (..., rows, frames) dB.
    spectrum_db : (..., rows, 1) dB, the machine's.

    Returns
    -------
    (..., rows, frames) dB, at least 0. Source: Lim and Oppenheim 1979, eq. 20, with the signal's
    power known instead of the noise's.
    """
    power = F.pad(
        (10 ** (level_db / 10)).reshape(-1, 1, *level_db.shape[-2:]),
        [AROUND // 2] * 4,
        mode="replicate",
    )
    around_db = (
        10
        * F.avg_pool2d(power, AROUND, stride=1)
        .reshape(level_db.shape)
        .clamp_min(LOWEST_POWER)
        .log10()
    )
    return 2 * (around_db - spectrum_db).clamp_min(
        0
    )  # a share of power as a gain of amplitude: 20 log10


def heard_in_pauses(quantile: float | None) -> bool:
    """Whether a machine that stands out at this quantile may be taken for steady, and what
    fluctuates around it for noise.

    One that knocks, or stands out nowhere, may not: most of it would go.
    """
    return quantile is not None and quantile < 0.5


def rank_of(quantile: float, frames: int) -> int:
    return round(quantile * (frames - 1))
