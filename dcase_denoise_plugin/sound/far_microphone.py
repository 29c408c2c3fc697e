"""The far microphone of a machine as the reference of its noise.

Its power, by a gain a band, is what the noise has in the near channel; the training clips tell the
gain. Source: spectral subtraction, Boll 1979, with the noise measured elsewhere and not earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from dcase_denoise_plugin.sound.audio import read_far
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum
from dcase_denoise_plugin.sound.clips import Clips, spectrum

# Share of the near power that stays at least. In three simulated rooms it was chosen in, 0.2
# scored 0.5 to 3.0 more than 0.1 under MSE and MAHALA alike; on the set of
# docs/appendix/two-microphones.md 0.05 scored 94, 0.1 and 0.2 98, 0.3 95 (linear detector).
FLOOR = 0.2
LOWER_TENTH = 0.1
# Correlation of the two channels' power over time, in the middle one of the bands. In seven
# simulated rooms it was 0.5 to 0.65, and 0.23 where the noise was steady.
LEAST_CORRELATION = 0.1
# A copy's is 1, and the machine stands out in neither.
COPY, COPY_DB = 0.99, 0.05
SILENT_DB = -150.0
# How far the machine stands out in the near channel beside the far one. The far one holds some
# machine too: those rooms had 0.3 to 1.0 dB, and 0.0 dB where the noise was steady.
LEAST_DIFFERENCE_DB = 0.2
SURE = 2.0  # standard errors
LONGEST_SHIFT_S = 0.5


class FarMicrophone(NamedTuple):
    """What the training clips tell of a far microphone.

    Attributes
    ----------
    gain : of its power, that of the noise in the near channel; (rows, 1).
    stands_out_db : how far the machine stands out in the near channel's lower tenth over time,
        beside the far channel's.
    problem : why it is of no help, in a few words; empty if it is.
    """

    gain: torch.Tensor
    stands_out_db: float
    problem: str

    @classmethod
    def from_clips(cls, clips: Clips) -> FarMicrophone:
        """Raises AudioError if a far channel is not finite."""
        frame_s = clips.spectrogram.features.hop_length / clips.spectrogram.sample_rate_hz
        most = min(round(LONGEST_SHIFT_S / frame_s), clips.frames // 4)
        products, squares, differences = torch.zeros(()), torch.zeros(()), []
        loudest_db = SILENT_DB
        for near_db, far_db in _levels_db(clips):
            near, far = (_around_mean(level_db) for level_db in (near_db, far_db))
            squares = squares + torch.stack([near.square().sum(-1), far.square().sum(-1)])
            products = products + torch.fft.rfft(near).conj() * torch.fft.rfft(far)
            loudest_db = max(loudest_db, far_db.max().item())
            offsets = [
                (clip_spectrum(level_db, LOWER_TENTH)[:, 0] - level_db.mean(-1)).mean()
                for level_db in (near_db, far_db)
            ]
            differences.append((offsets[0] - offsets[1]).item())
        # Of the far channel so many frames later than the near one, (lags, rows); the ends of a
        # clip meet, so that all lags weigh the same.
        products = torch.fft.irfft(products, clips.frames).roll(most, -1)[:, : 2 * most + 1].mT
        scale = (squares[0] * squares[1]).sqrt()
        correlations = torch.where(scale > 0, products / scale, 0.0).median(-1).values
        lag = int(correlations.argmax()) - most
        difference_db = torch.tensor(differences)
        error_db = difference_db.std().item() / len(differences) ** 0.5
        stands_out_db = difference_db.mean().item()
        gain = torch.where(squares[1] > 0, products[most] / squares[1], 0.0).clamp_min(0)
        if loudest_db <= SILENT_DB:
            problem = "it is silent"
        else:
            least_db = max(LEAST_DIFFERENCE_DB, SURE * error_db)
            correlation, shift_ms = correlations.max().item(), 1000 * lag * frame_s
            problem = _problem(correlation, shift_ms, stands_out_db, least_db)
        return cls(gain.float().cpu()[:, None], stands_out_db, problem)


def subtracted_db(near_db: torch.Tensor, far_db: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
    """The near channel without what the far one hears of the noise: (..., rows, frames) dB twice,
    gain (rows, 1) of power -> (..., rows, frames) dB.
    """
    near, far = (10 ** (level_db.double() / 10) for level_db in (near_db, far_db))
    share = 1 - gain * far / near
    return near_db + (10 * share.clamp_min(FLOOR).log10()).to(near_db.dtype)


def _levels_db(clips: Clips) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Of both channels of each clip, (rows, frames) dB."""
    for file, near_db in zip(clips.files, clips.levels_db()):
        far = spectrum(read_far(file), clips.spectrogram)
        yield near_db, clips.spectrogram.level_db(far)


def _around_mean(level_db: torch.Tensor) -> torch.Tensor:
    power = 10 ** (level_db.double() / 10)
    return power - power.mean(-1, keepdim=True)


def _problem(correlation: float, shift_ms: float, stands_out_db: float, least_db: float) -> str:
    if correlation < LEAST_CORRELATION:
        return "it hears other sound than the near one"
    if correlation > COPY and abs(stands_out_db) < COPY_DB:
        return "it is a copy of the near one"
    if shift_ms:
        return f"it is {abs(shift_ms):.0f} ms {'late' if shift_ms > 0 else 'early'}"
    if stands_out_db < -least_db:
        return "the machine stands out in it, not in the near one; are the channels swapped?"
    return "the machine stands out in neither" if stands_out_db < least_db else ""
