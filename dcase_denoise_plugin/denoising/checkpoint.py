"""A denoiser in one file: weights, configuration, training statistics, whom it is for, and a digest
over all of it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import pickle
from pathlib import Path
from typing import Any

import torch

from dcase_denoise_plugin.errors import CheckpointError, ConfigError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.settings.sources import from_keys, own_settings_of_weights
from dcase_denoise_plugin.sound.clip_spectrum import heard_in_pauses
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.machine import Machine

# To be raised when a file means something else, or a denoiser trained anew would be another one: it
# is part of the denoiser's folder name.
FORMAT = "dcase_denoise_plugin denoiser 9"
NO_BOUNDS_DB = torch.tensor([-math.inf, math.inf]).view(
    2, 1, 1
)  # for `usual_db` before it is measured
NETWORK_KEYS = ("domain", "image_size", "width", "depth", "norm")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Everything a denoiser is.

    Attributes
    ----------
    dataset, machine_type, training_digest : whom it was trained for, and a digest of all recordings
        it was trained on.
    tile_frames : frames that one image spans.
    quantile : the one over time at which a clip's spectrum is taken, None for its mean.
    noise_known : whether the added noise was recordings of the noise in the clips, not a guess.
    usual_db : the least and the most that the U-Net usually takes out of each band of a training
        clip's spectrum, (2, rows, 1) dB; without bounds, (2, 1, 1), where no guard rests on it.
    weights : state of the U-Net, on the CPU.
    epochs_kept : after how many epochs the weights are those of the network; fewer than it was
        trained for where ``denoise_stopping`` chose them.
    balances : (survival of detail, removal of noise) after each epoch, by which they were chosen;
        none where they were not.
    """

    config: DenoiseConfig
    features: FeatureSettings
    sample_rate_hz: int
    dataset: str
    machine_type: str
    training_digest: str
    tile_frames: int
    scaling: Scaling
    quantile: float | None
    noise_known: bool
    usual_db: torch.Tensor
    weights: dict[str, torch.Tensor]
    epochs_kept: int = 0
    balances: tuple[tuple[float, float], ...] = ()

    @property
    def images(self) -> ImageFormat:
        return ImageFormat(self.config.image_size, 2**self.config.depth, self.tile_frames)

    @property
    def quantile_told(self) -> bool:
        """Whether recordings of the noise or of the machine alone told the quantile: then the
        spectrum is taken there even where the U-Net stays out.
        """
        return self.config.was_told(self.quantile)

    def touches_nothing(self, config: DenoiseConfig) -> bool:
        """Whether every clip is handed over as it is under these output settings: no recording told
        anything, and guesses are not taken.
        """
        return not (self.noise_known or self.quantile_told or config.guessed_noise_share)

    def guarded_by(self, config: DenoiseConfig) -> bool:
        """Whether it matters under these output settings what the U-Net usually takes."""
        return config.anomaly_guard and config.output != "frames" and heard_in_pauses(self.quantile)

    @functools.cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the content."""
        return content_digest(self._content())

    def save(self, path: Path) -> None:
        """Writes the file. Raises CheckpointError if that is not possible, leaving what was
        there.
        """
        save_aside({**self._content(), "digest": self.digest}, path)

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Reads a file that `save` wrote.

        Raises
        ------
        CheckpointError
            If the file is missing, damaged, or not a denoiser.
        """
        content = load_tensors(path)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise CheckpointError(
                f"denoiser: expected a file of format '{FORMAT}', got something else in {path}."
                " Choose another file or train it again."
            )
        if content.pop("digest", None) != content_digest(content):
            raise CheckpointError(
                f"denoiser: expected content that fits its digest, got other content in {path}."
                " Delete the damaged file and train it again."
            )
        try:
            config = DenoiseConfig(**from_keys(content["config"], str(path)))
        except ConfigError as error:
            raise CheckpointError(
                f"denoiser: expected keys this version knows, got: {error} Train it again."
            ) from None
        try:
            return cls(
                config=config,
                features=FeatureSettings(**content["features"]),
                sample_rate_hz=content["sample_rate_hz"],
                dataset=content["dataset"],
                machine_type=content["machine_type"],
                training_digest=content["training_digest"],
                tile_frames=content["tile_frames"],
                scaling=Scaling(content["mean_db"], content["std_db"]),
                quantile=content["quantile"],
                noise_known=content["noise_known"],
                usual_db=content["usual_db"],
                weights=content["weights"],
                epochs_kept=content["epochs_kept"],
                balances=tuple(map(tuple, content["balances"])),
            )
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"denoiser: expected what this version writes, got {error!r} in {path}. Train it"
                " again."
            ) from None

    def require(self, machine: Machine, config: DenoiseConfig, path: Path) -> None:
        """Refuses a denoiser made for something else. One that ``denoise_checkpoint`` names may
        come from another machine and schedule, but not beside settings of one's own that it was not
        trained with.

        Raises
        ------
        CheckpointError
            Naming the first thing that differs, and of one that ``denoise_checkpoint`` names all
            settings to change.
        """
        keys = [
            field.name
            for field in dataclasses.fields(config)
            if field.metadata["shapes"] == "weights"
        ]
        if config.checkpoint:
            keys = [
                *NETWORK_KEYS,
                *(
                    name
                    for name in own_settings_of_weights(config)
                    if name not in (*NETWORK_KEYS, "checkpoint")
                ),
            ]
        wanted, found = dataclasses.asdict(machine.features), dataclasses.asdict(self.features)
        if not config.checkpoint:
            wanted = {"dataset": machine.dataset, "machine type": machine.machine_type, **wanted}
            found = {"dataset": self.dataset, "machine type": self.machine_type, **found}
        for key in keys:
            wanted[f"denoise_{key}"], found[f"denoise_{key}"] = (
                getattr(config, key),
                getattr(self.config, key),
            )
        if not config.checkpoint:
            wanted["training recordings"], found["training recordings"] = (
                machine.training_digest(config)[:12],
                self.training_digest[:12],
            )
        other = {name: value for name, value in found.items() if value != wanted[name]}
        if other:
            cure = (
                "Delete the file to train it again, or choose the one for this machine and"
                " configuration."
            )
            if config.checkpoint:
                cure = (
                    f"Set {', '.join(f'{key}: {value}' for key, value in other.items())}, or choose"
                    " another denoise_checkpoint."
                )
            name = next(iter(other))
            raise CheckpointError(
                f"denoiser: expected {name} {wanted[name]!r}, got {other[name]!r} in {path}. {cure}"
            )

    def _content(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "config": self.config.as_keys(),
            "features": dataclasses.asdict(self.features),
            "sample_rate_hz": self.sample_rate_hz,
            "dataset": self.dataset,
            "machine_type": self.machine_type,
            "training_digest": self.training_digest,
            "tile_frames": self.tile_frames,
            "mean_db": self.scaling.mean_db.cpu(),
            "std_db": self.scaling.std_db,
            "quantile": self.quantile,
            "noise_known": self.noise_known,
            "usual_db": self.usual_db.cpu(),
            "epochs_kept": self.epochs_kept,
            "balances": [list(balance) for balance in self.balances],
            "weights": {name: tensor.cpu().contiguous() for name, tensor in self.weights.items()},
        }


def content_digest(content: Any) -> str:
    """Hex SHA-256 of nested dictionaries of plain values and tensors."""
    digest = hashlib.sha256()

    def add(value):
        if isinstance(value, torch.Tensor):
            digest.update(
                f"{value.dtype}{tuple(value.shape)}".encode()
                + value.detach().cpu().contiguous().numpy().tobytes()
            )
        elif isinstance(value, dict):
            for key in sorted(value):
                digest.update(f"{key}:".encode())
                add(value[key])
        else:
            digest.update(json.dumps(value).encode())

    add(content)
    return digest.hexdigest()


def save_aside(content: Any, path: Path) -> None:
    """Writes beside `path`, then renames, so that a file that is there is whole. Raises
    CheckpointError if that is not possible.
    """
    try:
        with written_whole(path) as aside:
            torch.save(content, aside)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"denoiser: expected to write {path}, got {error}. Free space or choose another folder."
        ) from None


def load_tensors(path: Path) -> Any:
    """Reads a file of tensors and plain values, on the CPU, running none of its code. Raises
    CheckpointError if it is missing or not readable.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    # damaged bytes make the unpickler raise anything, struct.error and IndexError included
    except Exception as error:
        # The unpickler's own advice is to let the file run code.
        reason = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(".")
        if isinstance(error, pickle.UnpicklingError):
            reason = "one that this plugin did not write"
        raise CheckpointError(
            f"denoiser: expected a readable file, got {reason} in {path}. Train it again."
        ) from None
