"""The baseline's trained autoencoder, rebuilt from the names and shapes in its saved weights, and
its two anomaly scores.

No code of a baseline is imported or unpickled: the file holds tensors, and their order says which
layer follows which.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from dcase_denoise_plugin.denoising.tensor_file import load_tensors
from dcase_denoise_plugin.errors import BaselineError, CheckpointError, first_line
from dcase_denoise_plugin.files import fitted

# Not kept in the weights. Source: Harada et al. 2023, the autoencoder that all releases of the
# baseline share.
NORM_EPS = 1e-3
COVARIANCES = ("cov_source", "cov_target")  # of the real baseline, one a domain
INVERSES = "inverse_covariance"  # of the demo's stand-in, both domains


class Autoencoder(nn.Module):
    """Scores a clip by what the autoencoder cannot reproduce.

    Attributes
    ----------
    layers : linear layers, each but the last with batch normalisation and ReLU.
    inverses : float64 (domains, n_mels, n_mels), inverse covariances of the training residuals of
        source and target.
    frames, hop_frames : log-mel frames in an input vector, and between the starts of two vectors.
    """

    inverses: torch.Tensor

    def __init__(self, layers: nn.Sequential, inverses: torch.Tensor, frames: int, hop_frames: int):
        super().__init__()
        self.layers, self.frames, self.hop_frames = layers.eval(), frames, hop_frames
        self.register_buffer("inverses", inverses)

    @classmethod
    def load(cls, path: Path, frames: int, hop_frames: int, n_mels: int) -> Autoencoder:
        """Reads the weights that the baseline's training saved, for log-mel spectrograms of
        `n_mels` bands.

        Raises
        ------
        BaselineError
            If the file is missing or damaged, or holds something else than that autoencoder.
        """
        try:
            state = load_tensors(path)
        except CheckpointError as error:
            raise BaselineError(f"autoencoder: {str(error).partition(': ')[2]}") from None
        try:
            state = fitted(state, dict[str, torch.Tensor])
            loaded = cls(_layers(state), _inverses(state), frames, hop_frames)
            with torch.inference_mode():
                scores = loaded(torch.zeros(n_mels, frames))
            if scores.shape != (2,):
                raise ValueError(f"scores of shape {tuple(scores.shape)}")
            return loaded
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise BaselineError(
                "autoencoder: expected the weights of the baseline's autoencoder, got"
                f" {first_line(error)} in {path}. Use the model of a supported baseline."
            ) from None

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        """The scores MSE and MAHALA of a clip: (n_mels, frames) dB -> (2,).

        MAHALA is the smaller of the domains' means of ``r_i' C^-1 r_j`` over all pairs of residual
        frames, which is ``m' C^-1 m`` of their mean m.
        """
        count = (log_mel.shape[-1] - self.frames) // self.hop_frames + 1
        starts = range(0, count * self.hop_frames, self.hop_frames)
        columns = [
            log_mel[:, offset : offset + starts[-1] + 1 : self.hop_frames]
            for offset in range(self.frames)
        ]  # frames of (n_mels, count)
        vectors = torch.cat(columns).mT  # (count, frames * n_mels)
        residual = vectors - self.layers(vectors)
        mean = residual.reshape(-1, len(log_mel)).double().mean(0)  # (n_mels,)
        mahala = (self.inverses @ mean @ mean).amin(0)
        return torch.stack([residual.square().mean(), mahala.float()])


def _layers(state: Mapping[str, torch.Tensor]) -> nn.Sequential:
    layers: list[nn.Module] = []
    stems = itertools.groupby(
        (name for name in state if "." in name), lambda name: name.rpartition(".")[0]
    )
    for _, names in stems:
        tensors = {name.rpartition(".")[2]: state[name] for name in names}
        if "running_mean" in tensors:
            made: list[nn.Module] = [
                nn.BatchNorm1d(len(tensors["running_mean"]), eps=NORM_EPS),
                nn.ReLU(),
            ]
        else:
            outputs, inputs = tensors["weight"].shape
            made = [nn.Linear(inputs, outputs)]
        made[0].load_state_dict(tensors)
        layers += made
    if len(layers) < 2 or not isinstance(layers[-1], nn.Linear):
        raise ValueError(f"{len(layers)} layers")
    return nn.Sequential(*layers)


def _inverses(state: Mapping[str, torch.Tensor]) -> torch.Tensor:
    if INVERSES in state:
        return state[INVERSES].double()
    # In float32, as the baseline inverts them: an ill-conditioned one has another inverse in
    # float64.
    return torch.stack([torch.linalg.inv(state[name].float()) for name in COVARIANCES]).double()
