"""Sound without end, pushed in pieces of any length: what is kept of it, and what is out."""

from __future__ import annotations

import abc

import numpy as np

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.wav_header import check_channels


class Stream(abc.ABC):
    """Sound in by `push`, denoised sound out, as many samples in the end as were pushed; the rest
    by `flush`. Of two microphones both go in, and the near one comes out.

    How the sound is cut into pushes changes nothing. Memory is that of one block and one push.

    Attributes
    ----------
    latency_samples : largest number of samples that were pushed and are not out yet, between two
        pushes.
    untouched_samples : how many of those that `flush` returned are as they came, for there were too
        few to denoise.
    """

    latency_samples: int
    untouched_samples = 0

    def __init__(self, denoiser: Denoiser):
        self.denoiser = denoiser
        self._channels = denoiser.checkpoint.channels
        # What is kept of the sound, (samples, channels).
        self._wav = np.zeros((0, self._channels), np.float32)
        self._start = 0  # the sample that it starts with
        self._out = 0  # samples that are out

    def push(self, wav: np.ndarray) -> np.ndarray:
        """Takes the next samples, float32 (samples,) or (samples, 2), any number; returns those
        that are done, (samples,), maybe none. Raises AudioError if one is not finite, or for
        another number of channels than the denoiser's clips have.
        """
        wav = np.asarray(wav, dtype=np.float32)
        wav = wav[:, None] if wav.ndim == 1 else wav
        check_channels(wav.shape[1], self._channels, "what was pushed")
        if not np.isfinite(wav).all():
            raise AudioError(
                f"stream: expected finite samples, got {np.count_nonzero(~np.isfinite(wav))} that"
                " are NaN or infinite. Look at the microphone."
            )
        self._wav = np.concatenate([self._wav, wav])
        done = []
        while self._pushed >= self._needed():
            done.append(self._block())
        return np.concatenate([*done, np.zeros(0, np.float32)])

    def flush(self) -> np.ndarray:
        """The samples that are not out yet; nothing may be pushed afterwards."""
        return self._rest() if self._pushed > self._out else np.zeros(0, np.float32)

    @property
    def _pushed(self) -> int:
        return self._start + len(self._wav)

    def _sound(self, start: int, stop: int) -> np.ndarray:
        """Of the near channel."""
        return self._wav[start - self._start : stop - self._start, 0]

    def _forget(self, before: int) -> None:
        if before > self._start:
            self._wav, self._start = self._wav[before - self._start :].copy(), before

    @abc.abstractmethod
    def _needed(self) -> int:
        """Number of samples that must have been pushed for the next block."""

    @abc.abstractmethod
    def _block(self) -> np.ndarray:
        """The samples that the next block settles."""

    @abc.abstractmethod
    def _rest(self) -> np.ndarray:
        """The samples after the last block, when no more will come."""
