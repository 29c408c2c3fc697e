"""What the stage is compared with in docs/study.yaml: other denoisers as methods of the plugin."""

from __future__ import annotations

import numpy as np

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine


class NoiseReduce:
    """noisereduce's stationary spectral gate; its noise statistics come from the supplemental noise
    clips, else from the clip itself. Source: Sainburg 2020.
    """

    domain = "waveform"

    def __init__(self, machine: Machine, config: DenoiseConfig):
        import noisereduce  # of the extra test

        self.reduced = noisereduce.reduce_noise
        recordings = [read_wav(file)[0] for file in machine.noise_files]
        self.noise = np.concatenate(recordings) if recordings else None

    def __call__(self, wav: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        denoised = self.reduced(wav, sample_rate_hz, y_noise=self.noise, stationary=True)
        return denoised.astype(wav.dtype)
