"""The STFT and its inverse as two convolutions of real numbers, for graph formats that know no complex ones."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from dcase_denoise_plugin.sound.spectrogram import Spectrogram


class RealSTFT(nn.Module):
    """`Spectrogram.spec` and `Spectrogram.wav` for waveforms of one length, within float32 rounding.

    Parameters
    ----------
    spectrogram : whose STFT settings and window these are.
    samples : length of every waveform.
    """

    def __init__(self, spectrogram: Spectrogram, samples: int):
        super().__init__()
        self.n_fft, self.hop, self.samples = spectrogram.features.n_fft, spectrogram.features.hop_length, samples
        left = (self.n_fft - spectrogram.win_length) // 2
        window = F.pad(spectrogram.window.double().cpu(), (left, self.n_fft - spectrogram.win_length - left))
        forward = torch.fft.rfft(torch.diag(window)).mT  # (bins, n_fft) complex
        bins = torch.eye(len(forward), dtype=torch.complex128)
        backward = torch.cat([torch.fft.irfft(bins * unit, self.n_fft) for unit in (1, 1j)]) * window  # (2 * bins, n_fft)
        self.register_buffer("forward_basis", torch.cat([forward.real, forward.imag]).float()[:, None])  # (2 * bins, 1, n_fft)
        self.register_buffer("backward_basis", backward.float()[:, None])
        frames = 1 + samples // self.hop
        overlap = F.conv_transpose1d(torch.ones(1, 1, frames, dtype=torch.float64), window.square()[None, None], stride=self.hop)[0, 0]
        self.register_buffer("overlap", overlap.clamp_min(spectrogram.least_overlap).float())

    def spec(self, wav: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Real and imaginary part: (samples,) -> 2 of (bins, frames)."""
        padded = F.pad(wav[None, None], (self.n_fft // 2, self.n_fft // 2))
        return F.conv1d(padded, self.forward_basis, stride=self.hop)[0].chunk(2)

    def wav(self, real: torch.Tensor, imaginary: torch.Tensor) -> torch.Tensor:
        """Way back of `spec`: 2 of (bins, frames) -> (samples,)."""
        wav = F.conv_transpose1d(torch.cat([real, imaginary])[None], self.backward_basis, stride=self.hop)[0, 0] / self.overlap
        wav = wav[self.n_fft // 2:self.n_fft // 2 + self.samples]
        return F.pad(wav, (0, self.samples - len(wav)))
