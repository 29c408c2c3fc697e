"""Which recordings ``denoise_noise_source`` names for a machine, and what is guessed instead."""

from __future__ import annotations

from pathlib import Path

import torch

from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.values import is_folder
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import Machine, own_noise
from dcase_denoise_plugin.sound.noise import Coloured, Floor, NoiseSource, Reel


def source_name(machine: Machine, config: DenoiseConfig) -> str:
    """What ``denoise_noise_source`` comes to for this machine: never auto."""
    if config.noise_source != "auto":
        return config.noise_source
    return "supplemental" if machine.noise_files else "floor"


def noise_recordings(machine: Machine, config: DenoiseConfig) -> tuple[Path, ...]:
    """The files that ``denoise_noise_source`` names for this machine; none where it is a guess.

    Raises
    ------
    DataError
        If there should be some.
    """
    name = source_name(machine, config)
    if is_folder(name):
        return own_noise(config)
    if name not in ("supplemental", "other_machines"):
        return ()
    files, where = machine.noise_files, "its supplemental folder (names with _noise_)"
    if name == "other_machines":
        files, where = machine.other_files, "the train folders of the machine types beside it"
    if not files:
        raise DataError(
            f"denoise_noise_source {name}: expected at least 1 noise clip for machine"
            f" {machine.machine_type}, got 0 in {where}. Put clips there or choose"
            " denoise_noise_source: floor."
        )
    return files


def guessed_noise(
    machine: Machine, config: DenoiseConfig, clips: Clips, generator: torch.Generator
) -> NoiseSource:
    """Made-up noise where no recording tells: with the clips' own floor, or coloured.

    Raises
    ------
    DataError
        If a clip has no noise floor.
    """
    white = Reel.white(clips.spectrogram, generator)
    return Floor(clips, white) if source_name(machine, config) == "floor" else Coloured(white)
