"""Supplemental recordings of the machine alone: the one clean target that there is."""

from __future__ import annotations

import torch

from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.noise import Reel, energy
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

# Share of the noisy pairs whose target is the machine alone; the others keep the network at the
# sound of the training clips.
SHARE = 0.5


class MachineClips:
    """Stretches of the machine alone that stand in for training clips.

    Parameters
    ----------
    reel : the recordings, end to end.
    """

    def __init__(self, reel: Reel):
        self.reel = reel
        self.energy_per_frame = energy(reel.spec[None]) / reel.spec.shape[-1]

    @classmethod
    def from_machine(cls, machine: Machine, spectrogram: Spectrogram) -> MachineClips | None:
        """Those of `machine`, None if it has none.

        Raises
        ------
        AudioError
            If one cannot be read or has another sample rate than the training clips.
        """
        if not machine.machine_files:
            return None
        return cls(Reel.from_files(machine.machine_files, spectrogram, what="machine clip"))

    def put_in(
        self, clips: torch.Tensor, noisy: torch.Tensor, chances: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Replaces a share of those `clips` that are to get noise, (batch, bins, frames) complex64,
        by the machine alone at the level of the clip.

        The recordings are raised by their mean level, not stretch by stretch, so that a machine
        that pauses still does. `chances` are (batch, 1 + CHANCES) uniform in [0, 1).

        Returns
        -------
        The clips, and which of them were replaced, (batch,) bool.
        """
        replaced = noisy & (chances[:, 0] < SHARE)
        alone = self.reel.draw(torch.arange(len(clips)), clips.shape[-1], chances[:, 1:])
        gain = (energy(clips) / (self.energy_per_frame * clips.shape[-1])).sqrt()[:, None, None]
        return torch.where(replaced[:, None, None], alone * gain, clips), replaced
