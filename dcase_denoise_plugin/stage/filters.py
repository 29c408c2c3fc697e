"""Classical filters: a gain for every row and frame, from levels and noise statistics."""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import torch

from dcase_denoise_plugin.denoising.denoiser import MASK_DB
from dcase_denoise_plugin.denoising.findings import find
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.noise import read_noise
from dcase_denoise_plugin.sound.noise_recordings import noise_recordings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS

LOWEST_GAIN_DB = -20.0
FLOOR_QUANTILE = 0.1
GATE_DEVIATIONS = 1.5
SMOOTHING_S = 0.1


class Filter:
    """A gain for every row and frame, from levels and noise statistics.

    The noise is measured on the recordings that ``denoise_noise_source`` names, else on each clip's
    quiet moments.

    Raises
    ------
    AudioError
        If a noise clip cannot be read or has another rate than the machine's clips.
    DataError
        If there should be noise clips and are none.
    """

    def __init__(self, machine: Machine, config: DenoiseConfig):
        _, sample_rate_hz = read_wav(machine.train_files[0], machine.channels)
        self.spectrogram = Spectrogram(machine.features, sample_rate_hz, config.domain)
        noise_db = [
            self.spectrogram.level_db(read_noise(file, self.spectrogram)).numpy()
            for file in noise_recordings(machine, config)
        ]
        self.noise_db = np.concatenate(noise_db, axis=-1) if noise_db else None

    def __call__(self, array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if self.spectrogram.domain == "mel":
            return array + self.gain_db(array, self._noise_of(array)).astype(array.dtype)
        wav = torch.from_numpy(array)
        spec = self.spectrogram.spec(wav)
        level_db = self.spectrogram.level_db(spec).numpy()
        mask = torch.from_numpy(
            10 ** (self.gain_db(level_db, self._noise_of(level_db)).astype(np.float32) / 20)
        )
        return self.spectrogram.wav(spec * mask, len(wav)).numpy()

    def gain_db(self, level_db: np.ndarray, noise_db: np.ndarray) -> np.ndarray:
        """Gain for levels (rows, frames) given those of noise alone (rows, noise frames), all in dB
        -> (rows, frames) dB, at most 0.
        """
        raise NotImplementedError

    def smoothed(self, gain: np.ndarray) -> np.ndarray:
        """Mean over neighbouring frames, against musical noise; not over rows, which would wash out
        a machine's tonal lines.
        """
        frames = max(
            round(
                SMOOTHING_S * self.spectrogram.sample_rate_hz / self.spectrogram.features.hop_length
            ),
            1,
        )
        return scipy.ndimage.uniform_filter1d(gain, frames, mode="nearest")

    def _noise_of(self, level_db: np.ndarray) -> np.ndarray:
        if self.noise_db is not None:
            return self.noise_db
        quiet = np.argsort(level_db.mean(axis=0))[
            : max(round(FLOOR_QUANTILE * level_db.shape[1]), 1)
        ]
        return level_db[:, quiet]


class SpectralGate(Filter):
    """Lets through what rises 1.5 standard deviations above the noise in its row, and turns down
    the rest. Source: Sainburg 2020 (noisereduce, stationary).
    """

    def gain_db(self, level_db: np.ndarray, noise_db: np.ndarray) -> np.ndarray:
        threshold_db = noise_db.mean(axis=-1, keepdims=True) + GATE_DEVIATIONS * noise_db.std(
            axis=-1, keepdims=True
        )
        return LOWEST_GAIN_DB * (1 - self.smoothed((level_db > threshold_db).astype(np.float32)))


class Wiener(Filter):
    """Wiener gain 1 - noise power / power, with the power smoothed over frames. Source: Lim and
    Oppenheim 1979, eq. 20.
    """

    def gain_db(self, level_db: np.ndarray, noise_db: np.ndarray) -> np.ndarray:
        noise_power = (10 ** (noise_db / 10)).mean(axis=-1, keepdims=True)
        gain = 1 - noise_power / self.smoothed(10 ** (level_db / 10))
        return 20 * np.log10(np.maximum(gain, 10 ** (LOWEST_GAIN_DB / 20)))


class FarSubtraction:
    """Takes the spectrum of a clip, from which the noise that the far channel hears is subtracted,
    at the lower tenth over time.

    Where the training clips tell that the far channel is of no help, clips stay as they are.

    Attributes
    ----------
    hears_far : whether they tell that it helps.
    findings : what they tell, in one plain line.

    Raises
    ------
    DataError
        If the machine's clips have one channel.
    """

    def __init__(self, machine: Machine, config: DenoiseConfig):
        if machine.channels != MOST_CHANNELS:
            raise DataError(
                "denoise_method far_subtraction: expected clips of two channels (near the machine,"
                f" far from it), got mono ones for machine {machine.machine_type}. Choose"
                " denoise_method: unet."
            )
        _, sample_rate_hz = read_wav(machine.train_files[0], machine.channels)
        self.spectrogram = Spectrogram(machine.features, sample_rate_hz, config.domain)
        clips = Clips(machine.train_files, self.spectrogram, memory_bytes=0)
        self._found, self._fluctuation = find(machine, config, clips, None, None), 1.0
        if self._found.in_pauses:
            self._fluctuation = config.fluctuation
        self.hears_far = self._found.far_helps
        self.findings = self._found.line(machine.machine_type, config)

    @torch.inference_mode()
    def __call__(self, array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        heard = torch.from_numpy(array)
        if not self.hears_far:
            return array
        if self.spectrogram.domain == "mel":
            return self._machine_db(heard).numpy()
        spec = self.spectrogram.spec(heard)
        level_db = self.spectrogram.level_db(spec)
        gain_db = (self._machine_db(level_db) - level_db).clamp(*MASK_DB)
        return self.spectrogram.wav(spec * 10 ** (gain_db / 20), len(array)).numpy()

    def _machine_db(self, level_db: torch.Tensor) -> torch.Tensor:
        """(rows, frames) dB -> the same shape, dB."""
        fluctuation_db = level_db - level_db.mean(-1, keepdim=True)
        return clip_spectrum(level_db, self._found.quantile) + self._fluctuation * fluctuation_db
