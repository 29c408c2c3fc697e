"""The log-mel spectrogram as the baseline computes it, by librosa; for what looks on. The stage's own is `spectrogram.Spectrogram`."""
from __future__ import annotations

import dataclasses
import sys

import librosa
import numpy as np

from dcase_denoise_plugin.settings.features import FeatureSettings


def log_mel(wav: np.ndarray, sample_rate_hz: int, features: FeatureSettings) -> np.ndarray:
    """(n_mels, frames) float32, dB, of a waveform, float32 (samples,)."""
    power = librosa.feature.melspectrogram(y=wav, sr=sample_rate_hz, **dataclasses.asdict(features))
    return 20 / features.power * np.log10(np.maximum(power, sys.float_info.epsilon))
