"""Denoisers that benchmarks train."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.training.loop import train_denoiser


def trained(folder: Path, config: DenoiseConfig, seed: int, keep: Path | None = None) -> Denoiser:
    """The denoiser of the machine in `folder`; trained, unless `keep` holds its file."""
    machine = Machine.from_folder(folder, "BENCHMARK", seed=seed)
    digests = config.weights_digest()[:12], machine.training_digest(config)[:12]
    with tempfile.TemporaryDirectory() as scratch:
        path = (keep or Path(scratch)) / f"{'_'.join([machine.machine_type, *digests])}.pt"
        train_denoiser(machine, config, path, torch.device("cpu"))
        return Denoiser.load(path, "cpu")
