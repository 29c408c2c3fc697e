"""A denoiser in one file: weights, configuration, training statistics, whom it is for, and a digest
over all of it.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Annotated, Any

import msgspec
import torch

from dcase_denoise_plugin.denoising.findings import Findings
from dcase_denoise_plugin.denoising.tensor_file import (
    content_digest,
    load_tensors,
    misfit,
    save_aside,
)
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import CheckpointError, ConfigError, first_line
from dcase_denoise_plugin.files import Scalar, Text, fitted
from dcase_denoise_plugin.quoting import quoted
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.settings.keys import PREFIX, option_name
from dcase_denoise_plugin.settings.sources import changed_keys, from_keys
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS

# To be raised when a file means something else, or a denoiser trained anew would be another one: it
# is part of the denoiser's folder name.
FORMAT = "dcase_denoise_plugin denoiser 14"
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
    channels : of the clips, 1 or 2 (near the machine, far from it).
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
    channels: int = 1

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
        found = content.get("format") if isinstance(content, dict) else None
        if not isinstance(found, str) or found != FORMAT:
            raise CheckpointError(
                f"denoiser: expected a file of format '{FORMAT}', got something else in {path}."
                " Choose another file or train it again."
            )
        try:
            file = fitted(content, _File)
            loaded = file.checkpoint(str(path))
        except ConfigError as error:
            raise CheckpointError(
                f"denoiser: expected keys this version knows, got: {error} Train it again."
            ) from None
        except (TypeError, ValueError) as error:
            raise CheckpointError(
                f"denoiser: expected what this version writes, got {first_line(error)} in {path}."
                " Train it again."
            ) from None
        if file.digest != loaded.digest:
            raise CheckpointError(
                f"denoiser: expected content that fits its digest, got other content in {path}."
                " Delete the damaged file and train it again."
            )
        return loaded

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
            told = {key: quoted(value).strip("'") for key, value in other.items()}
            cure = cure.format(", ".join(f"{key}: {value}" for key, value in told.items()))
            name, value = next(iter(other.items()))
            raise CheckpointError(
                f"denoiser: expected {name} {quoted(wanted[name])}, got {quoted(value)} in"
                f" {path}. {cure}"
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
            "channels": self.channels,
            "weights": {name: tensor.cpu().contiguous() for name, tensor in self.weights.items()},
        }


Count = Annotated[int, msgspec.Meta(ge=1, le=10**7)]


class _File(msgspec.Struct, forbid_unknown_fields=True):
    """What `save` writes."""

    format: str
    digest: str
    config: dict[str, Scalar]
    features: dict[str, Scalar]
    sample_rate_hz: Count
    dataset: Text
    machine_type: Text
    training_digest: Text
    tile_frames: Count
    mean_db: torch.Tensor
    std_db: Annotated[float, msgspec.Meta(gt=0, lt=1e6)]
    findings: Findings
    epochs: Annotated[int, msgspec.Meta(ge=0)]
    channels: Annotated[int, msgspec.Meta(ge=1, le=MOST_CHANNELS)]
    weights: dict[str, torch.Tensor]

    def checkpoint(self, where: str) -> Checkpoint:
        """Raises ConfigError if a setting is none, and ValueError or TypeError if the parts do not
        fit each other.
        """
        config = DenoiseConfig(**from_keys(self.config, where))
        features = FeatureSettings(**self.features)  # type: ignore[arg-type]
        network = UNet(config.width, config.depth, None).state_dict()
        if wrong := misfit(self.weights, network):
            raise ValueError(wrong)
        rows = features.n_mels if config.domain == "mel" else features.n_fft // 2 + 1
        statistics = (self.mean_db, self.findings.guard_db)
        of_mean, of_guard = [(tuple(own.shape), own.dtype) for own in statistics]
        guards = [((2, count, 1), torch.float32) for count in (1, rows)]
        if of_mean != ((rows, 1), torch.float32) or of_guard not in guards:
            raise ValueError(f"statistics of other than {rows} rows")
        return Checkpoint(
            config=config,
            features=features,
            sample_rate_hz=self.sample_rate_hz,
            dataset=self.dataset,
            machine_type=self.machine_type,
            training_digest=self.training_digest,
            tile_frames=self.tile_frames,
            scaling=Scaling(self.mean_db, self.std_db),
            findings=self.findings,
            weights=self.weights,
            epochs=self.epochs,
            channels=self.channels,
        )
