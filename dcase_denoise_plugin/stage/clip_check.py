"""Whether a clip that the baseline has loaded can be scored."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from dcase_denoise_plugin.sound.audio import check_fit, check_wav, read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.wav_header import check_file
from dcase_denoise_plugin.stage.not_loaded import why_not_loaded


class ClipCheck:
    """Holds every clip against the first training clip of `machine`."""

    def __init__(self, machine: Machine):
        self._channels, self._first = machine.channels, machine.train_files[0]

    def __call__(
        self, path: str, load: Callable[[str], tuple[np.ndarray, int] | None]
    ) -> tuple[np.ndarray, int]:
        """What `load`, the baseline's `file_load`, returns for `path`, if it can be scored.

        Raises
        ------
        AudioError
            If the clip is unreadable, truncated, silent, not finite or too short, or unlike the
            machine's training clips in length, rate or channels.
        """
        check_file(path, self._channels)
        loaded = load(path)
        if loaded is None:
            raise why_not_loaded(path)
        wav, sample_rate_hz = loaded
        check_wav(wav, sample_rate_hz, path)
        check_fit(len(wav), sample_rate_hz, *self._expected, path, f"in {self._first.name}")
        return wav, sample_rate_hz

    @functools.cached_property
    def _expected(self) -> tuple[int, int]:
        """Samples and rate of the first training clip."""
        wav, sample_rate_hz = read_wav(self._first, self._channels)
        return len(wav), sample_rate_hz
