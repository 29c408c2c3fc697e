"""The training loop: reconstruction loss on pairs, one resume file an epoch, one line an epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import torch

from dcase_denoise_plugin.denoising.adaptation import knowing_what_is_usual
from dcase_denoise_plugin.denoising.checkpoint import (
    FORMAT,
    NO_BOUNDS_DB,
    Checkpoint,
    load_tensors,
    save_aside,
)
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import CheckpointError, ConfigError, TrainingError, first_line
from dcase_denoise_plugin.process import processes, rank, thread_limit
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.noise import MachineClips, noise_is_known, noise_source
from dcase_denoise_plugin.sound.quantile import quantile_of
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.distributed import from_first, summed
from dcase_denoise_plugin.training.pairs import Pairs
from dcase_denoise_plugin.training.random_streams import Place, generator_for
from dcase_denoise_plugin.training.steps import Steps
from dcase_denoise_plugin.training.stopping import BestEpoch, Probe, hold_out

# Share of the steps in which the learning rate rises to its peak; without it a first step of 0.01
# tripled the loss.
WARM_UP = 0.05
# Why the noise in a machine's clips is not known, and what to do.
LOUDER = (
    "its noise recordings are louder than its clips, which therefore do not hold it",
    "If they do, set denoise_noise_source: supplemental.",
)
UNKNOWN = (
    "no recording tells what the noise in its clips is like",
    "Put some into supplemental (…_noise_….wav), or name a folder by denoise_noise_folder.",
)


def train_denoiser(
    machine: Machine,
    config: DenoiseConfig,
    path: Path,
    device: torch.device,
    say: Callable[[str], None] = print,
    shared: bool = False,
) -> bool:
    """Trains the machine's denoiser and writes it to `path`; goes on from the last finished epoch,
    and trains nothing if it is finished.

    Parameters
    ----------
    shared : whether runs of other strengths and outputs take the file too; it then holds none of
        those of `config`, so that it does not matter who was first.

    Returns
    -------
    bool
        Whether the file was written: trained to its end, or finished before and now of the output
        that `config` asks for.

    Raises
    ------
    AudioError, DataError
        If the machine's clips cannot train one.
    CheckpointError
        If `path` holds something else, or cannot be written.
    ConfigError
        If the network halves its images until nothing is left.
    TrainingError
        If the loss is not finite any more, or the GPU's memory does not hold the least of it.
    """
    path = Path(path)
    with alone_with(path), thread_limit(config.threads):
        if from_first(path.exists()):
            return rank() == 0 and _finished_with_output_of(machine, config, path, shared)
        try:
            Training(machine, config, path, device, say, shared).run()
        except torch.OutOfMemoryError as error:
            raise TrainingError(
                f"training of {machine.machine_type}: expected memory on {device} for it, got"
                f" {first_line(error)}. Free some, take another GPU, or train on the CPU (use_cuda:"
                " False, --device cpu)."
            ) from None
        return True


def _finished_with_output_of(
    machine: Machine, config: DenoiseConfig, path: Path, shared: bool
) -> bool:
    """Gives the finished file, if it is no shared one, the output that `config` asks for; whether
    it had to be written.
    """
    finished = Checkpoint.load(path)
    finished.require(machine, config, path)
    asked = finished.config.with_output_of(config)
    if shared or asked == finished.config:
        return False
    dataclasses.replace(finished, config=asked).save(path)
    return True


class Training:
    """One denoiser in the making."""

    def __init__(
        self,
        machine: Machine,
        config: DenoiseConfig,
        path: Path,
        device: torch.device,
        say: Callable[[str], None],
        shared: bool = False,
    ):
        self.machine, self.config, self.path, self.device, self.shared = (
            machine,
            config,
            path,
            torch.device(device),
            shared,
        )
        self.say = lambda line: (
            say(f"denoiser {machine.machine_type}: {line}") if rank() == 0 else None
        )
        if config.batch_size < processes():
            raise ConfigError(
                f"denoise_batch_size: expected at least one pair for each of {processes()}"
                f" processes, got {config.batch_size}. Start fewer processes or raise it."
            )
        _, sample_rate_hz = read_wav(machine.train_files[0])
        self.clips = clips = Clips(
            machine.train_files,
            Spectrogram(machine.features, sample_rate_hz, config.domain, self.device),
        )
        self.images = ImageFormat.for_clips(config.image_size, config.depth, clips.frames)
        self.images.check(clips.spectrogram.rows)
        noise = noise_source(machine, config, clips, generator_for(machine.seed, Place.NOISE))
        self.noise_known = noise_is_known(machine, config, clips, noise)
        machine_clips = MachineClips.of(machine, clips.spectrogram)
        self.quantile = quantile_of(
            config,
            clips,
            noise if self.noise_known else None,
            machine_clips.reel if machine_clips else None,
        )
        if not self.noise_known and config.guessed_noise_share < 1:
            why, remedy = (
                LOUDER if machine.noise_files and config.noise_source == "auto" else UNKNOWN
            )
            taker = "the U-Net" if config.was_told(self.quantile) else "the stage"
            self.say(
                f"{why}: {taker} takes {config.guessed_noise_share:g} of what it would. {remedy}"
            )
        self.scaling = clips.scaling()
        self.network = UNet(
            config.width, config.depth, config.norm, generator_for(machine.seed, Place.WEIGHTS)
        ).to(self.device)
        self.best_epoch = None
        if config.stopping != "none":
            (clips, noise), held_out = hold_out(clips, noise)
            probe = Probe(
                *held_out,
                self.scaling,
                self.images,
                config,
                generator_for(machine.seed, Place.HELD_OUT),
            )
            self.best_epoch = BestEpoch(config.stopping, probe, self.network)
        self.pairs = Pairs(clips, noise, self.scaling, self.images, config, machine_clips)
        self.steps = Steps(self.network, self.pairs, config, self.device, self.say)
        self.epochs = config.epochs_of(machine.machine_type)
        self.resume_path = path.with_name(f"{path.name}.resume")
        self.identity = f"{FORMAT} {machine.training_digest(config)} {config.weights_digest()}"

    def run(self) -> None:
        first = self._resume()
        started = time.monotonic()
        for epoch in range(first, self.epochs):
            epoch_started = time.monotonic()
            loss = self._train(epoch)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"training loss of {self.machine.machine_type}: expected a finite number, got"
                    f" {loss} in epoch {epoch + 1}. Lower denoise_learning_rate."
                )
            found = f"  {self.best_epoch.look(self.network)}" if self.best_epoch else ""
            if rank() == 0:
                state = {
                    "identity": self.identity,
                    "epochs": epoch + 1,
                    "network": self.network.state_dict(),
                    "optimiser": self.steps.optimiser.state_dict(),
                    "best_epoch": self.best_epoch.state() if self.best_epoch else None,
                }
                save_aside(state, self.resume_path)
            now = time.monotonic()
            left = datetime.timedelta(
                seconds=round((now - started) / (epoch + 1 - first) * (self.epochs - epoch - 1))
            )
            self.say(
                f"epoch {epoch + 1}/{self.epochs}  loss {loss:.5f} "
                f" {len(self.pairs) / (now - epoch_started):.1f} clips/s  ETA {left}{found}"
            )
        if rank() == 0:
            self._checkpoint().save(self.path)
            self.resume_path.unlink(missing_ok=True)

    def _train(self, epoch: int) -> float:
        """One epoch; the mean loss over its pairs."""
        self.network.train()
        draws = self.pairs.draws(generator_for(self.machine.seed, Place.EPOCHS, epoch))
        batches = [
            draws[start : start + self.config.batch_size]
            for start in range(0, len(draws), self.config.batch_size)
        ]
        total = torch.zeros((), device=self.device)
        for step, batch in enumerate(batches, 1):
            total += self.steps.take(
                batch,
                self.config.learning_rate
                * learning_rate_factor((epoch + step / len(batches)) / self.epochs),
            )
        return summed(total).item() / len(draws)

    def _resume(self) -> int:
        """Epochs that are finished already."""
        state = from_first(self._saved() if rank() == 0 else None)
        if state is None:
            return 0
        self.network.load_state_dict(state["network"])
        self.steps.optimiser.load_state_dict(state["optimiser"])
        if self.best_epoch:
            self.best_epoch.restore(state["best_epoch"])
        return state["epochs"]

    def _saved(self) -> dict[str, Any] | None:
        """What the resume file holds, None if it is of no use."""
        if not self.resume_path.exists():
            return None
        try:
            state = load_tensors(self.resume_path)
        except CheckpointError as error:
            self.say(f"starting over. {error}")
            return None
        if not isinstance(state, dict) or state.get("identity") != self.identity:
            self.say(f"starting over, {self.resume_path} is from other clips or settings.")
            return None
        return state

    def _checkpoint(self) -> Checkpoint:
        trained = Checkpoint(
            config=self.config.for_any_output() if self.shared else self.config,
            features=self.machine.features,
            sample_rate_hz=self.pairs.clips.spectrogram.sample_rate_hz,
            dataset=self.machine.dataset,
            machine_type=self.machine.machine_type,
            training_digest=self.machine.training_digest(self.config),
            tile_frames=self.images.tile_frames,
            scaling=self.scaling,
            quantile=self.quantile,
            noise_known=self.noise_known,
            usual_db=NO_BOUNDS_DB,
            epochs_kept=self.best_epoch.epoch if self.best_epoch else self.epochs,
            balances=tuple(self.best_epoch.balances) if self.best_epoch else (),
            weights=self.best_epoch.weights if self.best_epoch else self.network.state_dict(),
        )
        return knowing_what_is_usual(trained, self.clips, self.device)


def learning_rate_factor(progress: float) -> float:
    """Share of the peak learning rate after this share of the training: a short linear rise, then
    half a cosine down to zero.
    """
    return min(progress / WARM_UP, (1 + math.cos(math.pi * progress)) / 2)


def alone_with(path: Path) -> contextlib.AbstractContextManager:
    """Keeps other trainings from the same file; waits for one that is at it. Raises CheckpointError
    if its folder cannot be written.
    """
    if rank():
        return contextlib.nullcontext()  # process 0 holds it for all
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return filelock.FileLock(f"{path}.lock").acquire()
    except OSError as error:
        raise CheckpointError(
            f"denoiser: expected to write {path}, got {error}. Free space or choose another folder."
        ) from None
