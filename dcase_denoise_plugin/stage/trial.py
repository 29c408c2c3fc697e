"""Whether a user's class comes out the same in each of the baseline's processes: a trial clip.

The baseline trains and tests in processes of their own, and the class is built anew in each.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dcase_denoise_plugin.errors import DenoiseError
from dcase_denoise_plugin.sound.spectrogram import LOWEST_POWER

# It comes out the same if what it makes of a clip agrees this well in each part; other roundings
# move it less.
PARTS, SAME_DB = 16, 0.1


def levels_db(denoised: np.ndarray, domain: str) -> list[float]:
    """The level in each of `PARTS` parts of a denoised clip, dB.

    Parameters
    ----------
    denoised : waveform, (samples,), or log-mel spectrogram, (n_mels, frames) dB, by `domain`.
    """
    level_db = denoised
    if domain == "waveform":
        level_db = 10 * np.log10(np.square(denoised, dtype=float) + LOWEST_POWER)
    return [round(float(part.mean()), 4) for part in np.array_split(level_db.ravel(), PARTS)]


def refuse_other(
    now: Sequence[float], at_training: Sequence[float] | None, method: str, clip: str
) -> None:
    """Raises DenoiseError if the trial on `clip` differs from that of the training."""
    if np.allclose(now, at_training or np.inf, rtol=0, atol=SAME_DB):
        return
    off = "one of which the training noted nothing"
    if at_training:
        off = f"one that differs by {np.abs(np.subtract(now, at_training)).max():.3g} dB"
    raise DenoiseError(
        f"denoise_method {method}: expected it to come out as it did for the training, got {off} on"
        f" {clip}. It is built anew in every step: draw from machine.seed, or keep what it learnt"
        " in a file and tell its digest; then train again."
    )
