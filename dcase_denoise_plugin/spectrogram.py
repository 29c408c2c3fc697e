"""Waveform <-> complex STFT <-> levels in dB <-> the image the U-Net sees; every step with its way back where there is one."""
from __future__ import annotations

import dataclasses
import math
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
import torchaudio.functional

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.settings.features import FeatureSettings

# The baseline clamps mel energies at the float64 epsilon before its logarithm (-156.5 dB).
LOWEST_POWER = sys.float_info.epsilon
# One image spans at most this many frames per pixel; 1.6 covers a 12 s clip (376 frames) with 256 pixels, as published. Longer clips become tiles.
FRAMES_PER_PIXEL = 1.6
# An image of native size spans at most this many frames, 4 s at the baseline's settings, so that a training step costs the same for clips of any length.
NATIVE_FRAMES = 128
# Below this sum of squared windows a sample is lost to the STFT, as scipy.signal.check_NOLA says.
NO_OVERLAP = 1e-10


class Spectrogram:
    """The baseline's STFT with its inverse, and the levels in dB of one domain.

    Parameters
    ----------
    features : the baseline's STFT and mel settings.
    sample_rate_hz : rate of every waveform passed in.
    domain : "waveform" (rows are the n_fft // 2 + 1 STFT bins) or "mel" (rows are the n_mels bands).

    Raises
    ------
    ConfigError
        If hop and window length allow no inverse STFT.
    """

    def __init__(self, features: FeatureSettings, sample_rate_hz: int, domain: str, device: torch.device | str = "cpu"):
        self.features, self.sample_rate_hz, self.domain = features, sample_rate_hz, domain
        self.win_length = features.win_length or features.n_fft
        self.window = torch.hann_window(self.win_length, device=device)
        left = (features.n_fft - self.win_length) // 2
        squares = F.pad(self.window.square(), (left, features.n_fft - self.win_length - left))
        between, behind_last = (F.pad(part, (0, -len(part) % features.hop_length)).view(-1, features.hop_length).sum(0)
                                for part in (squares, squares[features.n_fft // 2:]))
        if between.min() < NO_OVERLAP:
            raise ConfigError(f"hop_length: expected less than win_length ({self.win_length}), got {features.hop_length} in the baseline's keys. "
                              "Choose a smaller hop, so that the STFT can be inverted.")
        # The inverse divides by the windows that overlap. Behind the last frame's centre they fade out, and what a changed spectrum holds there would be
        # raised by up to 100 dB; elsewhere they never sum to less than half of the least between two frames.
        self.least_overlap = between.min().item() / 2
        self._end = (behind_last / self.least_overlap).clamp(max=1)
        self.filters = mel_filters(features, sample_rate_hz).to(device)
        self.rows = features.n_mels if domain == "mel" else features.n_fft // 2 + 1

    def spec(self, wav: torch.Tensor) -> torch.Tensor:
        """Complex STFT as librosa 0.11 computes it: hann, centred, zero-padded. (..., samples) float32 -> (..., bins, frames) complex64."""
        spec = torch.stft(wav.reshape(-1, wav.shape[-1]), self.features.n_fft, self.features.hop_length, self.win_length, self.window,
                          center=True, pad_mode="constant", return_complex=True)
        return spec.reshape(*wav.shape[:-1], *spec.shape[-2:])

    def wav(self, spec: torch.Tensor, samples: int) -> torch.Tensor:
        """Inverse of `spec`, faded out at the end where no frame's window holds it. (..., bins, frames) complex64 -> (..., samples) float32."""
        last = (spec.shape[-1] - 1) * self.features.hop_length
        held = min(samples, last + self.features.n_fft // 2)
        wav = torch.istft(spec.reshape(-1, *spec.shape[-2:]), self.features.n_fft, self.features.hop_length, self.win_length, self.window,
                          center=True, length=held)
        wav[..., last:] *= self._end[:max(held - last, 0)]
        return F.pad(wav, (0, samples - held)).reshape(*spec.shape[:-2], samples)

    def level_db(self, spec: torch.Tensor) -> torch.Tensor:
        """Levels of the domain: of each STFT bin, or the baseline's log-mel. (..., bins, frames) complex -> (..., rows, frames) dB."""
        return self.level_of_power_db(spec.real.square() + spec.imag.square())

    def level_of_power_db(self, power: torch.Tensor) -> torch.Tensor:
        """The same, of the power of each STFT bin. (..., bins, frames) -> (..., rows, frames) dB."""
        if self.domain == "waveform":
            return 10 * power.clamp_min(LOWEST_POWER).log10()
        if self.features.power != 2:
            power = power.pow(self.features.power / 2)
        return 20 / self.features.power * (self.filters @ power).clamp_min(LOWEST_POWER).log10()

    def level_of_wav_db(self, wav: np.ndarray) -> np.ndarray:
        """The same, of a waveform. (..., samples) float32 -> (..., rows, frames) float32, dB."""
        return self.level_db(self.spec(torch.from_numpy(wav).to(self.window.device))).cpu().numpy()

    def bin_gain_db(self, gain_db: torch.Tensor) -> torch.Tensor:
        """Gains of the domain's rows spread over the STFT bins. (..., rows, frames) dB -> (..., bins, frames) dB."""
        return self._row_shares() @ gain_db if self.domain == "mel" else gain_db

    def _row_shares(self) -> torch.Tensor:
        """(bins, n_mels), rows sum to 1: each bin takes the gain of the bands that overlap it, else of the nearest band."""
        weights = self.filters.mT
        peaks = self.filters.argmax(-1)
        nearest = (torch.arange(weights.shape[0], device=weights.device)[:, None] - peaks).abs().argmin(-1)
        weights = torch.where(weights.sum(-1, keepdim=True) > 0, weights, F.one_hot(nearest, weights.shape[1]).to(weights.dtype))
        return weights / weights.sum(-1, keepdim=True)


def mel_filters(features: FeatureSettings, sample_rate_hz: int) -> torch.Tensor:
    """Slaney's mel filters, as the baseline's librosa makes them: (n_mels, n_fft // 2 + 1) float32."""
    highest_hz = sample_rate_hz / 2 if features.fmax is None else features.fmax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty filters the baseline's librosa warns too
        filters = torchaudio.functional.melscale_fbanks(features.n_fft // 2 + 1, features.fmin, highest_hz, features.n_mels, sample_rate_hz,
                                                        norm="slaney", mel_scale="slaney")
    return filters.mT.contiguous()


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Training-set statistics that bring levels to the U-Net's range and back; never those of a single clip, which would erase its absolute level.

    Attributes
    ----------
    mean_db : (rows, 1) float32, mean level of each row over the training clips.
    std_db : one standard deviation around `mean_db` for all rows, in dB.
    """

    mean_db: torch.Tensor
    std_db: float

    def scaled(self, level_db: torch.Tensor) -> torch.Tensor:
        """Levels as the U-Net sees them: (..., rows, frames) dB -> the same shape, about 0 ± 1."""
        return (level_db - self.mean_db) / self.std_db

    def difference_db(self, scaled: torch.Tensor) -> torch.Tensor:
        """Way back for a difference of two scaled levels, such as a residual; the means cancel."""
        return scaled * self.std_db

    def to(self, device: torch.device) -> Scaling:
        return Scaling(self.mean_db.to(device), self.std_db)


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """How a picture of any number of frames becomes square images of `size` pixels, and comes back.

    Attributes
    ----------
    size : side of the image; 0 keeps the native size (rows x tile_frames), padded to a multiple of `multiple`.
    multiple : the U-Net takes sides that are multiples of this.
    tile_frames : frames that one image spans, the same in training and afterwards, so that the U-Net sees one time scale.
    """

    size: int
    multiple: int
    tile_frames: int

    @classmethod
    def for_clips(cls, image_size: int, depth: int, clip_frames: int) -> ImageFormat:
        """The format for training clips of `clip_frames` frames: a whole clip an image, as published, as long as it is not squeezed too much."""
        return cls(image_size, 2**depth, min(clip_frames, round(FRAMES_PER_PIXEL * image_size) if image_size else NATIVE_FRAMES))

    def check(self, rows: int) -> None:
        """Raises ConfigError if the U-Net would halve an image of so many rows to a single pixel."""
        side = self.size or max(rows, self.tile_frames)
        if side <= self.multiple:
            raise ConfigError(f"denoise_depth: expected images of more than 2**denoise_depth ({self.multiple}) pixels, got {side}. Lower denoise_depth.")

    def image(self, picture: torch.Tensor) -> torch.Tensor:
        """(batch, rows, tile_frames) -> (batch, 1, size, size), or padded to native size."""
        picture = picture[:, None]
        if self.size:
            return F.interpolate(picture, (self.size, self.size), mode="bilinear")
        return F.pad(picture, (0, -picture.shape[-1] % self.multiple, 0, -picture.shape[-2] % self.multiple), mode="replicate")

    def picture(self, image: torch.Tensor, rows: int) -> torch.Tensor:
        """Way back of `image`: (batch, 1, height, width) -> (batch, rows, tile_frames)."""
        if self.size:
            return F.interpolate(image, (rows, self.tile_frames), mode="bilinear")[:, 0]
        return image[:, 0, :rows, :self.tile_frames]

    def tiles(self, picture: torch.Tensor) -> torch.Tensor:
        """Cuts (rows, frames) into overlapping (tiles, rows, tile_frames); a shorter picture is padded with its last frame."""
        if picture.shape[-1] < self.tile_frames:
            return F.pad(picture[None], (0, self.tile_frames - picture.shape[-1]), mode="replicate")
        return torch.stack([picture[:, start:start + self.tile_frames] for start in self._starts(picture.shape[-1])])

    def join(self, tiles: torch.Tensor, frames: int) -> torch.Tensor:
        """Way back of `tiles`: cross-fades (tiles, rows, tile_frames) into (rows, frames)."""
        if len(tiles) == 1:
            return tiles[0, :, :frames]
        fade = self.fade(tiles)
        joined, weight = tiles.new_zeros(tiles.shape[1], frames), tiles.new_zeros(frames)
        for start, tile in zip(self._starts(frames), tiles):
            joined[:, start:start + self.tile_frames] += tile * fade
            weight[start:start + self.tile_frames] += fade
        return joined / weight

    def fade(self, like: torch.Tensor) -> torch.Tensor:
        """How much each frame of a tile counts where tiles overlap: (tile_frames,), of the device and type of `like`."""
        ramp = torch.arange(1, self.tile_frames + 1, device=like.device, dtype=like.dtype)
        return torch.minimum(ramp, ramp.flip(0))

    @property
    def step_frames(self) -> int:
        """Furthest that a tile may start after the one before: they overlap by at least an eighth."""
        return max(self.tile_frames * 7 // 8, 1)

    def _starts(self, frames: int) -> list[int]:
        """First frames of tiles that cover `frames` evenly, at most `step_frames` apart."""
        count = max(1, math.ceil((frames - self.tile_frames) / self.step_frames) + 1)
        return [round(index * (frames - self.tile_frames) / max(count - 1, 1)) for index in range(count)]
