"""A denoiser in one file: weights, configuration, training statistics, whom it is for, and a digest
over all of it.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import torch

from dcase_denoise_plugin.denoising.findings import Findings
from dcase_denoise_plugin.errors import CheckpointError, ConfigError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.settings.keys import PREFIX, option_name
from dcase_denoise_plugin.settings.sources import changed_keys, from_keys
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.machine import Machine

# To be raised when a file means something else, or a denoiser trained anew would be another one: it
# is part of the denoiser's folder name.
FORMAT = "dcase_denoise_plugin denoiser 10"
NETWORK_KEYS = ("domain", "image_size", "width", "depth")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Everything a denoiser is.

    Attributes
    ----------
    dataset, machine_type, training_digest : whom it was trained for, and a digest of all recordings
        it was trained on.
    tile_frames : frames that one image spans.
    findings : what the machine's recordings told.
    weights : state of the U-Net, on the CPU.
    epochs : how many it was trained for; 0 for one that takes nothing away.
    """

    config: DenoiseConfig
    features: FeatureSettings
    sample_rate_hz: int
    dataset: str
    machine_type: str
    training_digest: str
    tile_frames: int
    scaling: Scaling
    findings: Findings
    weights: dict[str, torch.Tensor]
    epochs: int = 0

    @property
    def images(self) -> ImageFormat:
        return ImageFormat(self.config.image_size, 2**self.config.depth, self.tile_frames)

    @property
    def uses_network(self) -> bool:
        """Whether the U-Net takes anything away."""
        return self.findings.uses_network(self.config)

    def with_findings(self, **changed: Any) -> Checkpoint:
        """The same denoiser with other findings."""
        findings = dataclasses.replace(self.findings, **changed)
        return dataclasses.replace(self, findings=findings)

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
            config = DenoiseConfig(**from_keys(content.pop("config"), str(path)))
            features = FeatureSettings(**content.pop("features"))
            scaling = Scaling(content.pop("mean_db"), content.pop("std_db"))
            findings = Findings(**content.pop("findings"))
            del content["format"]
            return cls(
                config=config, features=features, scaling=scaling, findings=findings, **content
            )
        except ConfigError as error:
            raise CheckpointError(
                f"denoiser: expected keys this version knows, got: {error} Train it again."
            ) from None
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
        wanted, found = dataclasses.asdict(machine.features), dataclasses.asdict(self.features)
        if config.checkpoint:
            cure = "Set {}, or choose another denoise_checkpoint."
            keys = {
                *NETWORK_KEYS,
                *(key.removeprefix(f"{PREFIX}_") for key in changed_keys(config)),
            }
        else:
            cure = "Delete the file to train it again, or choose the one for this machine."
            keys = {field.name for field in dataclasses.fields(config)}
            for name, here, there in (
                ("dataset", machine.dataset, self.dataset),
                ("machine type", machine.machine_type, self.machine_type),
                ("recordings", machine.training_digest(config)[:12], self.training_digest[:12]),
            ):
                wanted[name], found[name] = here, there
        for field in dataclasses.fields(config):
            if field.name in keys - {"checkpoint"} and field.metadata["shapes"] == "weights":
                wanted[option_name(field)] = getattr(config, field.name)
                found[option_name(field)] = getattr(self.config, field.name)
        other = {name: value for name, value in found.items() if value != wanted[name]}
        if other:
            cure = cure.format(", ".join(f"{key}: {value}" for key, value in other.items()))
            name, value = next(iter(other.items()))
            raise CheckpointError(
                f"denoiser: expected {name} {wanted[name]!r}, got {value!r} in {path}. {cure}"
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
            "findings": vars(self.findings),
            "epochs": self.epochs,
            "weights": {name: tensor.cpu().contiguous() for name, tensor in self.weights.items()},
        }


def content_digest(content: Any) -> str:
    """Hex SHA-256 of nested dictionaries of plain values and tensors."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
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
