"""The way of a clip through denoiser and autoencoder as modules that PyTorch can export: one input,
one output, one length. A clip of two microphones is one input: (samples, 2), the near
channel and the same `without_noise`.
"""

from __future__ import annotations

import copy
import itertools

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.autoencoder import Autoencoder
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram


class WavGraph(nn.Module):
    """What `Denoiser.__call__` does to a waveform of `samples` samples: (samples,) or (samples, 2)
    -> (samples,).
    """

    def __init__(self, denoiser: Denoiser, samples: int):
        super().__init__()
        self.denoiser, self.network = denoiser, denoiser.network
        self.stft = RealSTFT(denoiser.spectrogram, samples)

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        near, heard = _near_and_heard(wav.movedim(-1, 0), self.denoiser)
        spectrogram, (real, imaginary) = self.denoiser.spectrogram, self.stft.spec(heard)
        level_db = spectrogram.level_of_power_db(real.square() + imaginary.square())
        taken = 1 - self.denoiser.mask(self.denoiser.residual_db(level_db))
        removed = near - heard + self.stft.wav(real * taken, imaginary * taken)
        return near - self.denoiser.strength * removed


class LogMelGraph(nn.Module):
    """What `Denoiser.log_mel` does: (n_mels, frames) dB -> (n_mels, frames) dB; of two
    microphones (2, n_mels, frames) -> (n_mels, frames).
    """

    def __init__(self, denoiser: Denoiser):
        super().__init__()
        self.denoiser, self.network = denoiser, denoiser.network

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        near, heard = _near_and_heard(log_mel, self.denoiser)
        removed_db = near - heard + self.denoiser.residual_db(heard)
        return near - self.denoiser.strength * removed_db


class ScoreGraph(nn.Module):
    """From a waveform of `samples` samples to its anomaly scores MSE and MAHALA: (samples,) or
    (samples, 2) -> (2,).

    Parameters
    ----------
    autoencoder : the baseline's.
    features, sample_rate_hz : of the log-mel spectrogram it was trained on.
    denoiser : the one it was trained behind; None for the plain baseline.
    """

    def __init__(
        self,
        autoencoder: Autoencoder,
        features: FeatureSettings,
        sample_rate_hz: int,
        samples: int,
        denoiser: Denoiser | None,
    ):
        super().__init__()
        self.spectrogram = Spectrogram(features, sample_rate_hz, "mel")
        self.stft, self.autoencoder = RealSTFT(self.spectrogram, samples), autoencoder
        domain = denoiser.domain if denoiser else ""
        self.first = WavGraph(denoiser, samples) if denoiser and domain == "waveform" else None
        self.second = LogMelGraph(denoiser) if denoiser and domain == "mel" else None

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        wavs = [self.first(wav)] if self.first else _channels(wav)
        if self.second is None:
            return self.autoencoder(self.stft.level_db(wavs[0], self.spectrogram))
        log_mels = [self.stft.level_db(wav, self.spectrogram) for wav in wavs]
        return self.autoencoder(
            self.second(torch.stack(log_mels) if len(log_mels) > 1 else log_mels[0])
        )


def _channels(wav: torch.Tensor) -> list[torch.Tensor]:
    """(samples,), or the two of (samples, 2)."""
    return list(wav.unbind(1)) if wav.ndim == 2 else [wav]


def _near_and_heard(clip: torch.Tensor, denoiser: Denoiser) -> tuple[torch.Tensor, torch.Tensor]:
    """The near channel of a clip, (...) or (2, ...), and what the denoiser makes use of."""
    if denoiser.checkpoint.channels == 1:
        return clip, clip
    near, rest = clip
    return near, rest if denoiser.findings.far_helps else near


class RealSTFT(nn.Module):
    """`Spectrogram.spec` and `Spectrogram.wav` for waveforms of one length, within float32
    rounding.

    Parameters
    ----------
    spectrogram : whose STFT settings and window these are.
    samples : length of every waveform.
    """

    forward_basis: torch.Tensor
    backward_basis: torch.Tensor
    overlap: torch.Tensor

    def __init__(self, spectrogram: Spectrogram, samples: int):
        super().__init__()
        features, self.samples = spectrogram.features, samples
        self.n_fft, self.hop = features.n_fft, features.hop_length
        left = (self.n_fft - spectrogram.win_length) // 2
        window = F.pad(
            spectrogram.window.double().cpu(), (left, self.n_fft - spectrogram.win_length - left)
        )
        forward = torch.fft.rfft(torch.diag(window)).mT  # (bins, n_fft) complex
        bins = torch.eye(len(forward), dtype=torch.complex128)
        backward = (
            torch.cat([torch.fft.irfft(bins * unit, self.n_fft) for unit in (1, 1j)]) * window
        )  # (2 * bins, n_fft)
        self.register_buffer(
            "forward_basis", torch.cat([forward.real, forward.imag]).float()[:, None]
        )  # (2 * bins, 1, n_fft)
        self.register_buffer("backward_basis", backward.float()[:, None])
        frames = 1 + samples // self.hop
        overlap = F.conv_transpose1d(
            torch.ones(1, 1, frames, dtype=torch.float64),
            window.square()[None, None],
            stride=self.hop,
        )[0, 0]
        self.register_buffer("overlap", overlap.clamp_min(spectrogram.least_overlap).float())

    def spec(self, wav: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Real and imaginary part: (samples,) -> 2 of (bins, frames)."""
        padded = F.pad(wav[None, None], (self.n_fft // 2, self.n_fft // 2))
        real, imaginary = F.conv1d(padded, self.forward_basis, stride=self.hop)[0].chunk(2)
        return real, imaginary

    def level_db(self, wav: torch.Tensor, spectrogram: Spectrogram) -> torch.Tensor:
        """Levels by `spectrogram`: (samples,) -> (rows, frames) dB."""
        real, imaginary = self.spec(wav)
        return spectrogram.level_of_power_db(real.square() + imaginary.square())

    def wav(self, real: torch.Tensor, imaginary: torch.Tensor) -> torch.Tensor:
        """Way back of `spec`: 2 of (bins, frames) -> (samples,)."""
        wav = (
            F.conv_transpose1d(
                torch.cat([real, imaginary])[None], self.backward_basis, stride=self.hop
            )[0, 0]
            / self.overlap
        )
        wav = wav[self.n_fft // 2 : self.n_fft // 2 + self.samples]
        return F.pad(wav, (0, self.samples - len(wav)))


def without_norms(graph: nn.Module) -> nn.Module:
    """A copy in which each normalisation is part of the layer before it. Exporters do so too; that
    of torch 2.6 stops at a normalisation.
    """
    graph = copy.deepcopy(graph)
    for layers in graph.modules():
        if not isinstance(layers, nn.Sequential):
            continue
        for at, (layer, norm) in enumerate(itertools.pairwise(list(layers))):
            if isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
                layers[at], layers[at + 1] = fuse_linear_bn_eval(layer, norm), nn.Identity()
            elif isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                layers[at], layers[at + 1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    return graph
