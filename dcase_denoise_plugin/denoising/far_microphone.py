"""Whether a far microphone hears the noise of a machine, and `without_noise` helps: told by the
training clips.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from dcase_denoise_plugin.sound.audio import read_channels
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.far_subtraction import without_noise

LOWER_TENTH = 0.1
# Correlation of the two channels' power over time, in the middle one of the bands: that of other
# sound is 0. In 32 simulated sets it was 0.3 to 0.6, and 0.23 where the noise was steady.
LEAST_CORRELATION = 0.1
# A copy's is 1, and the machine stands out in neither.
COPY, COPY_DB = 0.99, 0.05
SILENT_DB = -150.0
# How far the machine stands out behind the subtraction beside before it, at least.
LEAST_DIFFERENCE_DB = 0.2
SURE = 2.0  # standard errors
# How far it stands out in the near channel beside the far one, at least. 29 simulated sets whose
# far channel heard the machine 8 to 20 dB softer had 0.9 to 2.3 dB. Three where it was as loud had
# -0.1 to 0.4; there the subtraction takes the machine.
LEAST_BESIDE_FAR_DB = 0.6
LONGEST_SHIFT_S = 0.5
HARMLESS_SHIFT_S = 0.1  # the filter is longer


class FarMicrophone(NamedTuple):
    """What the training clips tell of a far microphone.

    Attributes
    ----------
    stands_out_db : how much further the machine stands out of the noise, in the lower tenth over
        time beside the mean, once what the far channel hears is subtracted.
    problem : why it is of no help, in a few words; empty if it is.
    """

    stands_out_db: float
    problem: str

    @classmethod
    def from_clips(cls, clips: Clips) -> FarMicrophone:
        """Raises AudioError if a far channel is not finite."""
        spectrogram = clips.spectrogram
        frame_s = spectrogram.features.hop_length / spectrogram.sample_rate_hz
        most = min(round(LONGEST_SHIFT_S / frame_s), clips.frames // 4)
        products, squares, stands_out = torch.zeros(()), torch.zeros(()), []
        loudest_db = SILENT_DB
        for file in clips.files:
            clip, sample_rate_hz = read_channels(file, clips.channels)
            sounds = np.stack([*clip.T, without_noise(clip, sample_rate_hz)])
            levels_db = torch.from_numpy(spectrogram.level_of_wav_db(sounds))
            near, far = map(_around_mean, levels_db[:2])
            squares = squares + torch.stack([near.square().sum(-1), far.square().sum(-1)])
            products = products + torch.fft.rfft(near).conj() * torch.fft.rfft(far)
            loudest_db = max(loudest_db, levels_db[1].max().item())
            lower = clip_spectrum(levels_db, LOWER_TENTH)[..., 0]
            stands_out.append((lower - levels_db.mean(-1)).mean(-1))
        # Of the far channel so many frames later than the near one, (lags, rows); the ends of a
        # clip meet, so that all lags weigh the same.
        products = torch.fft.irfft(products, clips.frames).roll(most, -1)[:, : 2 * most + 1].mT
        scale = (squares[0] * squares[1]).sqrt()
        correlations = torch.where(scale > 0, products / scale, 0.0).median(-1).values
        shift_s = (int(correlations.argmax()) - most) * frame_s
        of_near, of_far, of_rest = torch.stack(stands_out, dim=-1).double()
        beside_far, gained = _Difference.of(of_near - of_far), _Difference.of(of_rest - of_near)
        problem = "it is silent"
        if loudest_db > SILENT_DB:
            problem = _problem(correlations.max().item(), shift_s, beside_far, gained)
        return cls(gained.db, problem)


class _Difference(NamedTuple):
    """Of two means over clips, and the least that is sure."""

    db: float
    least_db: float

    @classmethod
    def of(cls, db: torch.Tensor) -> _Difference:
        error_db = db.std().item() / len(db) ** 0.5
        return cls(db.mean().item(), max(LEAST_DIFFERENCE_DB, SURE * error_db))


def _around_mean(level_db: torch.Tensor) -> torch.Tensor:
    power = 10 ** (level_db.double() / 10)
    return power - power.mean(-1, keepdim=True)


def _problem(
    correlation: float, shift_s: float, beside_far: _Difference, gained: _Difference
) -> str:
    if correlation < LEAST_CORRELATION:
        return "it hears other sound than the near one"
    if correlation > COPY and abs(beside_far.db) < COPY_DB:
        return "it is a copy of the near one"
    if abs(shift_s) > HARMLESS_SHIFT_S:
        return f"it is {1000 * abs(shift_s):.0f} ms {'late' if shift_s > 0 else 'early'}"
    if beside_far.db < -beside_far.least_db:
        return "the machine stands out in it, not in the near one; are the channels swapped?"
    if beside_far.db < LEAST_BESIDE_FAR_DB:
        return "it hears the machine too well"
    if gained.db < gained.least_db:
        return "without what it hears, the machine stands out no more"
    return ""
