"""Where the added noise comes from, as spectra, and its level below a clip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import scipy.ndimage
import torch

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.clips import Clips, spectrum
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.sound.wav_header import check_file

# Noise clips beyond this are left out, evenly; 0.5 GB hold 380 clips of 10 s at 16 kHz.
MEMORY_BYTES = 2**29
WHITE_NOISE_S = 200
FLOOR_QUANTILE = 0.1
# The floor is smoothed over this many bins (484 Hz at the baseline's settings), so that a machine's
# tonal lines are not taken for noise.
FLOOR_BINS = 31
STEEPEST_DB_PER_OCTAVE = 6.0


# Random numbers that a draw takes: the place on the reel, and the colour.
CHANCES = 2


class NoiseSource(Protocol):
    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        """Noise for each of the clips with these indices, at any level.

        Parameters
        ----------
        clips : (batch,) indices.
        chances : (batch, CHANCES) uniform in [0, 1): all that is random about the draw.

        Returns
        -------
        (batch, bins, frames) complex64.
        """


class Reel:
    """Noise recordings one after another; a draw is a stretch of it that starts anywhere.

    Parameters
    ----------
    spec : (bins, total frames) complex64.
    """

    def __init__(self, spec: torch.Tensor):
        self.spec = spec

    @classmethod
    def from_files(
        cls,
        files: Sequence[Path],
        spectrogram: Spectrogram,
        memory_bytes: int = MEMORY_BYTES,
        what: str = "noise clip",
    ) -> Reel:
        """Reads clips of 1 s or longer, called `what` in an error; evenly spread ones of them where
        all would take more than about `memory_bytes`.

        Raises AudioError if one cannot be read or is not of the rate of the machine's clips.
        """
        samples = [check_file(file, None).samples for file in files]
        in_all = read_noise(files[0], spectrogram, what).nbytes * sum(samples) // samples[0]
        kept = max(1, min(len(files), memory_bytes * len(files) // in_all))
        chosen = [files[index * len(files) // kept] for index in range(kept)]
        return cls(torch.cat([read_noise(file, spectrogram, what).mT for file in chosen]).mT)

    @classmethod
    def white(cls, spectrogram: Spectrogram, generator: torch.Generator) -> Reel:
        """White noise, long enough that draws rarely meet."""
        wav = torch.randn(WHITE_NOISE_S * spectrogram.sample_rate_hz, generator=generator)
        return cls(spectrum(wav.numpy(), spectrogram))

    def stretches(self, frames: int) -> Iterator[torch.Tensor]:
        """The reel cut into pieces, (bins, frames) complex64 each; the last one may overlap the one
        before.
        """
        total = self.spec.shape[-1]
        return (
            self.spec[:, start : start + frames]
            for start in [*range(0, total - frames, frames), max(total - frames, 0)]
        )

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        total = self.spec.shape[-1]
        starts = (chances[:, 0] * total).long()
        # The reel has no end: its first frame follows its last.
        places = (starts[:, None] + torch.arange(frames, device=starts.device)) % total
        return self.spec.mT[places].mT


class Floor:
    """Noise with the spectrum of the clip's own noise floor: the level each bin stays above for
    nine tenths of the time.

    Raises
    ------
    DataError
        If a clip has no noise floor because it is digitally silent for a tenth of its time.
    """

    def __init__(self, clips: Clips, white: Reel):
        self.white = white
        self.shapes = torch.stack(
            [noise_floor(clips[index].abs()) for index in range(len(clips))]
        )  # (clips, bins) amplitude
        silent = [file for file, shape in zip(clips.files, self.shapes) if not shape.any()]
        if silent:
            raise DataError(
                "denoise_noise_source floor: expected clips with a noise floor, got digital"
                f" silence for a tenth of the time in {silent[0]}. Choose denoise_noise_source:"
                " coloured."
            )

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        return self.white.draw(clips, frames, chances) * self.shapes[clips][..., None]


class Coloured:
    """Noise that falls by 0 (white) to 6 dB per octave (brown), drawn anew each time."""

    def __init__(self, white: Reel):
        self.white = white

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        noise = self.white.draw(clips, frames, chances)
        slopes_db = STEEPEST_DB_PER_OCTAVE * chances[:, 1:]
        octaves = torch.arange(noise.shape[1], device=noise.device).clamp_min(1).log2()
        return noise * (10 ** (-slopes_db * octaves / 20))[..., None]


def noise_floor(magnitude: torch.Tensor) -> torch.Tensor:
    """(bins, frames) -> (bins,): low quantile over time, median-smoothed over frequency."""
    floor = magnitude.quantile(FLOOR_QUANTILE, dim=-1).cpu().numpy()
    return torch.from_numpy(scipy.ndimage.median_filter(floor, FLOOR_BINS, mode="nearest")).to(
        magnitude.device
    )


def gain_at_snr(clip: torch.Tensor, noise: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """Factor that puts `noise` `snr_db` below `clip`: specs (batch, bins, frames), SNR (batch,) ->
    (batch,).
    """
    clip_energy, noise_energy = energy(clip), energy(noise)
    return (clip_energy / noise_energy.clamp_min(1e-20)).sqrt() * 10 ** (-snr_db / 20)


def energy(spec: torch.Tensor) -> torch.Tensor:
    """Energy of the waveforms behind one-sided spectra, up to a constant: (batch, bins, frames) ->
    (batch,).
    """
    values = torch.view_as_real(spec.mT).flatten(1)
    # The first and the last bin stand for themselves alone, the others for their mirror images too.
    edges = spec[:, :: spec.shape[1] - 1]
    return 2 * torch.linalg.vecdot(values, values) - (
        edges.real.square() + edges.imag.square()
    ).sum((1, 2))


def read_noise(file: Path, spectrogram: Spectrogram, what: str = "noise clip") -> torch.Tensor:
    """Spectrum of a recording, its near channel: (bins, frames) complex64. Raises AudioError if it
    cannot be read or has another sample rate than the machine's clips.
    """
    wav, sample_rate_hz = read_wav(file, None)
    if sample_rate_hz != spectrogram.sample_rate_hz:
        raise AudioError(
            f"{what}: expected {spectrogram.sample_rate_hz} Hz as in the machine's training clips,"
            f" got {sample_rate_hz} Hz in {file}. Resample or remove the file."
        )
    return spectrum(wav, spectrogram)
