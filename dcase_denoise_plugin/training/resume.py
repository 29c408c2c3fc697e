"""The resume file of a training: what an epoch leaves, for a killed training to go on from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import torch

from dcase_denoise_plugin.denoising.tensor_file import load_tensors, misfit, save_aside
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.files import fitted


class Moments(msgspec.Struct):
    """What Adam keeps of one weight."""

    step: torch.Tensor
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor


class Resumable(msgspec.Struct):
    """A training after so many epochs.

    Attributes
    ----------
    identity : of what is trained, on what.
    network : state of the U-Net.
    moments : state of the optimiser, by the number of the weight.
    """

    identity: str
    epochs: Annotated[int, msgspec.Meta(ge=1)]
    network: dict[str, torch.Tensor]
    moments: dict[int, Moments]

    @classmethod
    def of(
        cls, identity: str, epochs: int, network: UNet, optimiser: torch.optim.Optimizer
    ) -> Resumable:
        moments = fitted(optimiser.state_dict()["state"], dict[int, Moments])
        return cls(identity, epochs, dict(network.state_dict()), moments)

    @classmethod
    def read(cls, path: Path, network: UNet) -> Resumable:
        """Raises CheckpointError if the file cannot be read, and ValueError if it is not the state
        of a training of such a network.
        """
        resumable = fitted(load_tensors(path), cls)
        if wrong := misfit(resumable.network, network.state_dict()):
            raise ValueError(wrong)
        weights = dict(enumerate(network.parameters()))
        for name in ("exp_avg", "exp_avg_sq"):
            moments = {str(key): getattr(one, name) for key, one in resumable.moments.items()}
            if wrong := misfit(moments, {str(key): weight for key, weight in weights.items()}):
                raise ValueError(f"moments: {wrong}")
        steps = [one.step for one in resumable.moments.values()]
        if any(step.shape or step.dtype != torch.float32 for step in steps):
            raise ValueError("steps that are no numbers")
        return resumable

    def save(self, path: Path) -> None:
        """Raises CheckpointError if that is not possible, leaving what was there."""
        save_aside({**msgspec.structs.asdict(self), "moments": self._moments}, path)

    def restore(self, network: UNet, optimiser: torch.optim.Optimizer) -> None:
        """Puts both where they were; the optimiser's settings stay."""
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": self._moments, "param_groups": groups})
        network.load_state_dict(self.network)

    @property
    def _moments(self) -> dict[int, dict[str, torch.Tensor]]:
        return {key: msgspec.structs.asdict(one) for key, one in self.moments.items()}


def resume_file(path: Path) -> Path:
    """The resume file of the training that writes `path`."""
    return path.with_name(f"{path.name}.resume")


def remove_resume_file(path: Path) -> None:
    """Removes the resume file beside the finished file `path`; a training that is killed as it ends
    leaves one.
    """
    resume_file(path).unlink(missing_ok=True)
