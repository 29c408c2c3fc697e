"""Scores a clip as the trained baseline does: its features, after the stage it was trained behind, through its autoencoder."""
from __future__ import annotations

import sys

import librosa
import numpy as np
import torch

from dcase_denoise_plugin.threads import thread_limit
from dcase_denoise_plugin.trained_baseline import TrainedBaseline


class BaselineScorer:
    """Serves clips of one machine type, one at a time.

    Attributes
    ----------
    sample_rate_hz, samples : what a clip must have.
    thresholds : score → value above which the baseline decides for an anomaly.
    """

    def __init__(self, trained: TrainedBaseline):
        self.trained, self.thresholds = trained, trained.thresholds
        self.sample_rate_hz, self.samples = trained.sample_rate_hz, trained.samples

    @thread_limit(1)
    @torch.inference_mode()
    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]:
        """Score → value for a waveform, float32 (samples,), full scale ±1; `clip` names it in errors. Raises DenoiseError if the stage cannot serve it."""
        stage, rate_hz = self.trained.stage, self.sample_rate_hz
        if stage and stage.config.domain == "waveform":
            wav = stage.denoise(wav, rate_hz, clip)
        log_mel = self._log_mel(wav)
        if stage and stage.config.domain == "mel":
            log_mel = stage.denoise(log_mel, rate_hz, clip)
        return dict(zip(self.thresholds, self.trained.autoencoder(torch.from_numpy(log_mel).float()).tolist()))

    def _log_mel(self, wav):
        # librosa, not our own STFT: the baseline's scores come from its rounding, and MAHALA is sensitive to it.
        features = self.trained.machine.features
        mel = librosa.feature.melspectrogram(y=wav, sr=self.sample_rate_hz, n_fft=features.n_fft, hop_length=features.hop_length,
                                             win_length=features.win_length, power=features.power, n_mels=features.n_mels, fmin=features.fmin,
                                             fmax=features.fmax)
        return 20 / features.power * np.log10(np.maximum(mel, sys.float_info.epsilon, dtype=np.float64))
