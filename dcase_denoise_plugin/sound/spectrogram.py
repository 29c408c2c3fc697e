"""Waveform <-> complex STFT <-> levels in dB <-> the image the U-Net sees; every step with its way
back where there is one.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F

from dcase_denoise_plugin.errors import ConfigError, first_line
from dcase_denoise_plugin.settings.features import FeatureSettings

# The baseline clamps mel energies at the float64 epsilon before its logarithm (-156.5 dB).
LOWEST_POWER = sys.float_info.epsilon
# Below this sum of squared windows a sample is lost to the STFT, as scipy.signal.check_NOLA says.
NO_OVERLAP = 1e-10


class Spectrogram:
    """The baseline's STFT with its inverse, and the levels in dB of one domain.

    Parameters
    ----------
    features : the baseline's STFT and mel settings.
    sample_rate_hz : rate of every waveform passed in.
    domain : "waveform" (rows are the n_fft // 2 + 1 STFT bins) or "mel" (rows are the n_mels
        bands).

    Raises
    ------
    ConfigError
        If hop and window length allow no inverse STFT.
    """

    def __init__(
        self,
        features: FeatureSettings,
        sample_rate_hz: int,
        domain: str,
        device: torch.device | str = "cpu",
    ):
        self.features, self.sample_rate_hz, self.domain = features, sample_rate_hz, domain
        self.win_length = features.win_length or features.n_fft
        self.window = torch.hann_window(self.win_length, device=device)
        left = (features.n_fft - self.win_length) // 2
        squares = F.pad(self.window.square(), (left, features.n_fft - self.win_length - left))
        between, behind_last = (
            F.pad(part, (0, -len(part) % features.hop_length)).view(-1, features.hop_length).sum(0)
            for part in (squares, squares[features.n_fft // 2 :])
        )
        if between.min() < NO_OVERLAP:
            raise ConfigError(
                f"hop_length: expected less than win_length ({self.win_length}), got"
                f" {features.hop_length} in the baseline's keys. Choose a smaller hop, so that the"
                " STFT can be inverted."
            )
        # The inverse divides by the windows that overlap. Behind the last frame's centre they fade
        # out, and what a changed spectrum holds there would be raised by up to 100 dB; elsewhere
        # they never sum to less than half of the least between two frames.
        self.least_overlap = between.min().item() / 2
        self._end = (behind_last / self.least_overlap).clamp(max=1)
        self.filters = mel_filters(features, sample_rate_hz).to(device)
        self.rows = features.n_mels if domain == "mel" else features.n_fft // 2 + 1

    def spec(self, wav: torch.Tensor) -> torch.Tensor:
        """Complex STFT as librosa 0.11 computes it: hann, centred, zero-padded. (..., samples)
        float32 -> (..., bins, frames) complex64.
        """
        spec = torch.stft(
            wav.reshape(-1, wav.shape[-1]),
            self.features.n_fft,
            self.features.hop_length,
            self.win_length,
            self.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        return spec.reshape(*wav.shape[:-1], *spec.shape[-2:])

    def wav(self, spec: torch.Tensor, samples: int) -> torch.Tensor:
        """Inverse of `spec`, faded out at the end where no frame's window holds it. (..., bins,
        frames) complex64 -> (..., samples) float32.
        """
        last = (spec.shape[-1] - 1) * self.features.hop_length
        held = min(samples, last + self.features.n_fft // 2)
        wav = torch.istft(
            spec.reshape(-1, *spec.shape[-2:]),
            self.features.n_fft,
            self.features.hop_length,
            self.win_length,
            self.window,
            center=True,
            length=held,
        )
        wav[..., last:] *= self._end[: max(held - last, 0)]
        return F.pad(wav, (0, samples - held)).reshape(*spec.shape[:-2], samples)

    def level_db(self, spec: torch.Tensor) -> torch.Tensor:
        """Levels of the domain: of each STFT bin, or the baseline's log-mel. (..., bins, frames)
        complex -> (..., rows, frames) dB.
        """
        return self.level_of_power_db(spec.real.square() + spec.imag.square())

    def level_of_power_db(self, power: torch.Tensor) -> torch.Tensor:
        """The same, of the power of each STFT bin. (..., bins, frames) -> (..., rows,
        frames) dB.
        """
        if self.domain == "waveform":
            return 10 * power.clamp_min(LOWEST_POWER).log10()
        if self.features.power != 2:
            power = power.pow(self.features.power / 2)
        return 20 / self.features.power * (self.filters @ power).clamp_min(LOWEST_POWER).log10()

    def level_of_wav_db(self, wav: np.ndarray) -> np.ndarray:
        """The same, of a waveform. (..., samples) float32 -> (..., rows, frames) float32, dB."""
        return self.level_db(self.spec(torch.from_numpy(wav).to(self.window.device))).cpu().numpy()

    def bin_gain_db(self, gain_db: torch.Tensor) -> torch.Tensor:
        """Gains of the domain's rows spread over the STFT bins. (..., rows, frames) dB -> (...,
        bins, frames) dB.
        """
        return self._row_shares() @ gain_db if self.domain == "mel" else gain_db

    def _row_shares(self) -> torch.Tensor:
        """(bins, n_mels), rows sum to 1: each bin takes the gain of the bands that overlap it, else
        of the nearest band.
        """
        weights = self.filters.mT
        peaks = self.filters.argmax(-1)
        nearest = (
            (torch.arange(weights.shape[0], device=weights.device)[:, None] - peaks)
            .abs()
            .argmin(-1)
        )
        weights = torch.where(
            weights.sum(-1, keepdim=True) > 0,
            weights,
            F.one_hot(nearest, weights.shape[1]).to(weights.dtype),
        )
        return weights / weights.sum(-1, keepdim=True)


def mel_filters(features: FeatureSettings, sample_rate_hz: int) -> torch.Tensor:
    """Slaney's mel filters, as the baseline's librosa makes them: (n_mels, n_fft // 2 + 1)
    float32. Raises ConfigError if torchaudio was built for another torch.
    """
    try:
        from torchaudio.functional import melscale_fbanks
    except (ImportError, OSError, RuntimeError) as error:
        version = torch.__version__.partition("+")[0]
        raise ConfigError(
            f"torchaudio: expected the one of torch {version}, got {first_line(error)}. Install"
            f" it: pip install torchaudio=={version}."
        ) from None
    highest_hz = sample_rate_hz / 2 if features.fmax is None else features.fmax
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of empty filters the baseline's librosa warns too
        filters = melscale_fbanks(
            features.n_fft // 2 + 1,
            features.fmin,
            highest_hz,
            features.n_mels,
            sample_rate_hz,
            norm="slaney",
            mel_scale="slaney",
        )
    return filters.mT.contiguous()
