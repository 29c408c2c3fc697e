"""The way of a clip through denoiser and autoencoder as modules that PyTorch can export: one input, one output, one length."""
from __future__ import annotations

import torch
from torch import nn

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.autoencoder import Autoencoder
from dcase_denoise_plugin.edge.real_stft import RealSTFT
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram


class WavGraph(nn.Module):
    """What `Denoiser.__call__` does to a waveform of `samples` samples: (samples,) -> (samples,)."""

    def __init__(self, denoiser: Denoiser, samples: int):
        super().__init__()
        self.denoiser, self.network, self.stft = denoiser, denoiser.network, RealSTFT(denoiser.spectrogram, samples)

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        real, imaginary = self.stft.spec(wav)
        level_db = self.denoiser.spectrogram.level_of_power_db(real.square() + imaginary.square())
        taken = 1 - self.denoiser.mask(self.denoiser.residual_db(level_db))
        return wav - self.denoiser.strength * self.stft.wav(real * taken, imaginary * taken)


class LogMelGraph(nn.Module):
    """What `Denoiser.log_mel` does: (n_mels, frames) dB -> (n_mels, frames) dB."""

    def __init__(self, denoiser: Denoiser):
        super().__init__()
        self.denoiser, self.network = denoiser, denoiser.network

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return log_mel - self.denoiser.strength * self.denoiser.residual_db(log_mel)


class ScoreGraph(nn.Module):
    """From a waveform of `samples` samples to its anomaly scores MSE and MAHALA: (samples,) -> (2,).

    Parameters
    ----------
    autoencoder : the baseline's.
    features, sample_rate_hz : of the log-mel spectrogram it was trained on.
    denoiser : the one it was trained behind; None for the plain baseline.
    """

    def __init__(self, autoencoder: Autoencoder, features: FeatureSettings, sample_rate_hz: int, samples: int, denoiser: Denoiser | None):
        super().__init__()
        self.spectrogram = Spectrogram(features, sample_rate_hz, "mel")
        self.stft, self.autoencoder = RealSTFT(self.spectrogram, samples), autoencoder
        self.first = WavGraph(denoiser, samples) if denoiser and denoiser.domain == "waveform" else nn.Identity()
        self.second = LogMelGraph(denoiser) if denoiser and denoiser.domain == "mel" else nn.Identity()

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        real, imaginary = self.stft.spec(self.first(wav))
        log_mel = self.spectrogram.level_of_power_db(real.square() + imaginary.square())
        return self.autoencoder(self.second(log_mel))
