"""Scores a clip as the trained baseline does: its features, after the stage it was trained behind, through its autoencoder."""
from __future__ import annotations

import numpy as np
import torch

from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.sound.spectrogram import Spectrogram


class BaselineScorer:
    """Serves clips of one machine type, one at a time.

    The features are our own STFT's, not librosa's: scores differ by a few millionths, and librosa's takes 75 MB more.

    Attributes
    ----------
    sample_rate_hz, samples : what a clip must have.
    thresholds : score → value above which the baseline decides for an anomaly.
    """

    def __init__(self, trained: TrainedBaseline):
        self.trained, self.thresholds = trained, trained.thresholds
        self.sample_rate_hz, self.samples = trained.sample_rate_hz, trained.samples
        self.spectrogram = Spectrogram(trained.machine.features, trained.sample_rate_hz, "mel")

    @thread_limit(1)
    @torch.inference_mode()
    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]:
        """Score → value for a waveform, float32 (samples,), full scale ±1; `clip` names it in errors. Raises DenoiseError if the stage cannot serve it."""
        stage, rate_hz = self.trained.stage, self.sample_rate_hz
        if stage and stage.config.domain == "waveform":
            wav, = stage.denoise([wav], rate_hz, [clip])
        log_mel = self.spectrogram.level_of_wav_db(wav)
        if stage and stage.config.domain == "mel":
            log_mel, = stage.denoise([log_mel], rate_hz, [clip])
        return dict(zip(self.thresholds, self.trained.autoencoder(torch.from_numpy(log_mel)).tolist()))
