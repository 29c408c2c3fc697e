"""Detectors of the baseline's shape for benchmarks: they show differences between front ends in
minutes, not the baseline's figures.

The linear one (principal components of the baseline's five-frame vectors, as many as its bottleneck
has units) needs seconds and no seed. The autoencoder has the baseline's layers in a loop of our
own; few steps mislead: the target domain of ToyCar is learnt last, after 1200 steps it scored 15
points lower than on the baseline, and what gained there after 5000 lost after the baseline's 11000
(docs/experiments.md). Source: Harada 2023, table 1 (layers), MSE score.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import sklearn.metrics
import torch
import torch.nn.functional as F
from torch import nn

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.report.listening import log_mel
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.stage.stage import Stage

VECTOR_FRAMES = 5
BOTTLENECK = 8
WIDTH, LAYERS, BATCH, LEARNING_RATE = 128, 4, 256, 1e-3


def log_mels(folder: Path, pattern: str = "*.wav") -> tuple[torch.Tensor, list[str]]:
    """Log-mel spectrograms of a folder's clips by the baseline's own settings, (clips, n_mels,
    frames) float32 dB, and their names; maybe none.
    """
    files, features = sorted(folder.glob(pattern)), FeatureSettings()
    levels = [torch.from_numpy(log_mel(*read_wav(file), features)) for file in files]
    return torch.stack(levels) if levels else torch.empty(0, features.n_mels, 0), [
        file.name for file in files
    ]


def denoised(denoiser: Denoiser, clips_db: torch.Tensor) -> torch.Tensor:
    """The clips behind the denoiser: (clips, n_mels, frames) dB in and out."""
    return torch.from_numpy(np.stack([denoiser.log_mel(clip) for clip in clips_db.numpy()]))


def denoised_files(stage: Stage, files: Sequence[Path]) -> torch.Tensor:
    """What the stage hands over of each file: (clips, n_mels, frames) dB."""
    handed_over = []
    for file in files:
        near, sample_rate_hz = read_wav(file, None)
        clip = log_mel(near, sample_rate_hz, FeatureSettings()).astype(float)
        handed_over += stage.denoise([clip], sample_rate_hz, [str(file)])
    return torch.from_numpy(np.stack(handed_over))


def linear_scores(train_db: torch.Tensor, test_db: torch.Tensor) -> np.ndarray:
    """Mean squared distance of each test clip's vectors to the training vectors' principal
    components: (clips, n_mels, frames) dB twice -> (test clips,).
    """
    return _linear_errors(train_db, test_db)[1].square().mean((1, 2)).numpy()


def mahalanobis_scores(train_db: torch.Tensor, test_db: torch.Tensor) -> np.ndarray:
    """Mean Mahalanobis distance, by the covariance of the training vectors' errors."""
    train, test = _linear_errors(train_db, test_db)
    values, axes = torch.linalg.eigh(torch.cov(train.flatten(0, 1).mT))
    has_extent = values > values.max() * 1e-7  # what the components hold has none
    whitening = axes[:, has_extent] * values[has_extent].rsqrt()
    return (test @ whitening).square().sum(-1).mean(1).numpy()


def _linear_errors(
    train_db: torch.Tensor, test_db: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the principal components leave of the vectors: (clips, frames, values) each."""
    mean = vectors(train_db).mean((0, 1))
    train, test = vectors(train_db) - mean, vectors(test_db) - mean
    flat = train.flatten(0, 1)
    components = torch.linalg.eigh(flat.mT @ flat / len(flat))[1][:, -BOTTLENECK:]
    project = torch.eye(len(components), dtype=flat.dtype) - components @ components.mT
    return train @ project, test @ project


def autoencoder_scores(
    train_db: torch.Tensor, test_db: torch.Tensor, seed: int, steps: int
) -> np.ndarray:
    """The autoencoder's mean squared error on each test clip's vectors: (clips, n_mels, frames) dB
    twice -> (test clips,).
    """
    generator = torch.Generator().manual_seed(seed)
    train = vectors(train_db).flatten(0, 1).float()
    network = _autoencoder(train.shape[1], generator)
    optimiser = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    for _ in range(steps):
        batch = train[torch.randint(len(train), (BATCH,), generator=generator)]
        loss = F.mse_loss(network(batch), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    network.eval()
    with torch.inference_mode():
        return np.array(
            [F.mse_loss(network(clip), clip).item() for clip in vectors(test_db).float()]
        )


def harmonic_mean(scores: np.ndarray, names: Sequence[str]) -> float:
    """Of AUC source, AUC target and pAUC, in percent: (clips,) anomaly scores of clips with the
    data set's names.
    """
    anomaly, target = (
        np.array([mark in name for name in names]) for mark in ("_anomaly_", "_target_")
    )
    values = [
        sklearn.metrics.roc_auc_score(anomaly[own], scores[own])
        for own in (anomaly | ~target, anomaly | target)
    ]
    values.append(sklearn.metrics.roc_auc_score(anomaly, scores, max_fpr=0.1))
    return 100 * statistics.harmonic_mean(values)


def vectors(clips_db: torch.Tensor) -> torch.Tensor:
    """The baseline's feature vectors: (clips, n_mels, frames) -> (clips, frames - 4, 5 *
    n_mels).
    """
    count = clips_db.shape[-1] - VECTOR_FRAMES + 1
    return torch.cat(
        [clips_db[..., start : start + count] for start in range(VECTOR_FRAMES)], dim=-2
    ).mT


def _autoencoder(inputs: int, generator: torch.Generator) -> nn.Sequential:
    widths = [inputs, *[WIDTH] * LAYERS, BOTTLENECK, *[WIDTH] * LAYERS]
    # On the meta device layers draw no initial weights, so the global random stream stays where it
    # is.
    with torch.device("meta"):
        hidden = [
            layer
            for before, after in zip(widths, widths[1:])
            for layer in (nn.Linear(before, after), nn.BatchNorm1d(after), nn.ReLU())
        ]
        network = nn.Sequential(*hidden, nn.Linear(WIDTH, inputs))
    network.to_empty(device="cpu")
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(
                layer.weight,
                -(layer.in_features**-0.5),
                layer.in_features**-0.5,
                generator=generator,
            )
            nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            layer.reset_parameters()
    return network
