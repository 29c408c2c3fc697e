"""The training loop: reconstruction loss on pairs, one resume file an epoch, one line an epoch."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch

from dcase_denoise_plugin.denoising.adaptation import with_guard
from dcase_denoise_plugin.denoising.checkpoint import FORMAT, Checkpoint
from dcase_denoise_plugin.denoising.findings import find
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import CheckpointError, ConfigError, TrainingError, first_line
from dcase_denoise_plugin.process import processes, rank
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.clips import MEMORY_BYTES, Clips
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.machine_clips import MachineClips
from dcase_denoise_plugin.sound.noise import NoiseSource, Reel
from dcase_denoise_plugin.sound.noise_recordings import guessed_noise, noise_recordings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.distributed import alone_with, from_first, summed
from dcase_denoise_plugin.training.epoch_line import EpochLine
from dcase_denoise_plugin.training.pairs import Pairs
from dcase_denoise_plugin.training.random_streams import Purpose, generator_for
from dcase_denoise_plugin.training.resume import Resumable, remove_resume_file, resume_file
from dcase_denoise_plugin.training.steps import Steps

logger = logging.getLogger(__name__)
# Share of the steps in which the learning rate rises to its peak; without it a first step of 0.01
# tripled the loss.
WARM_UP = 0.05


def train_denoiser(
    machine: Machine,
    config: DenoiseConfig,
    path: Path,
    device: torch.device,
    shared: bool = False,
    watch: Callable[[EpochLine], None] | None = None,
) -> bool:
    """Trains the machine's denoiser and writes it to `path`.

    Goes on from the last finished epoch, and trains nothing if it is finished. Nothing is trained
    where nothing would use the U-Net; the file then holds what the recordings told.

    Parameters
    ----------
    shared : whether runs of other strengths and outputs take the file too. It then holds none of
        those of `config`, so that it does not matter who was first.
    watch : gets each epoch that ends; in the first of several processes.

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
    with alone_with(path):
        if from_first(path.exists()):
            return rank() == 0 and _finished_with_output_of(machine, config, path, shared)
        try:
            Training(machine, config, path, device, shared).run(watch)
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
    """Gives a finished file the output that `config` asks for; whether it had to be written."""
    finished = Checkpoint.load(path)
    finished.require(machine, config, path)
    remove_resume_file(path)
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
        shared: bool = False,
    ):
        self.machine, self.config, self.path, self.shared = machine, config, path, shared
        self.device = torch.device(device)
        if config.batch_size < processes():
            raise ConfigError(
                f"denoise_batch_size: expected at least one pair for each of {processes()}"
                f" processes, got {config.batch_size}. Start fewer processes or raise it."
            )
        files = noise_recordings(machine, config)
        needs_clips = bool(files or machine.machine_files or config.network == "always")
        _, sample_rate_hz = read_wav(machine.train_files[0], machine.channels)
        spectrogram = Spectrogram(machine.features, sample_rate_hz, config.domain, self.device)
        self.clips = Clips(machine.train_files, spectrogram, MEMORY_BYTES if needs_clips else 0)
        self.images = ImageFormat.for_clips(config.image_size, config.depth, self.clips.frames)
        self.images.check(spectrogram.rows)
        reel = Reel.from_files(files, spectrogram) if files else None
        machine_clips = MachineClips.from_machine(machine, spectrogram)
        self.findings = find(machine, config, self.clips, reel, machine_clips)
        self._log(self.findings.line(machine.machine_type, config))
        uses_network = self.findings.uses_network(config)
        self.scaling = self.clips.scaling() if needs_clips else Scaling.neutral(spectrogram.rows)
        weights = generator_for(machine.seed, Purpose.WEIGHTS)
        self.network = UNet(config.width, config.depth, weights).to(self.device)
        self.epochs = config.epochs_of(machine.machine_type) if uses_network else 0
        if uses_network:
            noise: NoiseSource = reel or guessed_noise(
                machine, config, self.clips, generator_for(machine.seed, Purpose.NOISE)
            )
            self.pairs = Pairs(self.clips, noise, self.scaling, self.images, config, machine_clips)
            self.steps = Steps(self.network, self.pairs, config, self.device)
        self.resume_path = resume_file(path)
        self.identity = f"{FORMAT} {machine.training_digest(config)} {config.weights_digest()}"

    def run(self, watch: Callable[[EpochLine], None] | None = None) -> None:
        """Trains to the end and writes the file; `watch` as in `train_denoiser`."""
        first = self._resume() if self.epochs else 0
        started = time.monotonic()
        for epoch in range(first, self.epochs):
            epoch_started = time.monotonic()
            loss = self._train(epoch)
            if not math.isfinite(loss):
                raise TrainingError(
                    f"training loss of {self.machine.machine_type}: expected a finite number, got"
                    f" {loss} in epoch {epoch + 1}. Lower denoise_learning_rate."
                )
            self._save_state(epoch + 1)
            now = time.monotonic()
            if rank() == 0:
                line = EpochLine(
                    self.machine.machine_type,
                    epoch + 1,
                    self.epochs,
                    loss,
                    clips_per_s=len(self.pairs) / (now - epoch_started),
                    left_s=(now - started) / (epoch + 1 - first) * (self.epochs - epoch - 1),
                )
                logger.info("%s", line)
                if watch:
                    watch(line)
        if rank() == 0:
            self._checkpoint().save(self.path)
            remove_resume_file(self.path)

    def _log(self, text: str) -> None:
        if rank() == 0:
            logger.info("denoiser %s", text)

    def _save_state(self, epochs: int) -> None:
        if rank() == 0:
            state = Resumable.of(self.identity, epochs, self.network, self.steps.optimiser)
            state.save(self.resume_path)

    def _train(self, epoch: int) -> float:
        """One epoch; the mean loss over its pairs."""
        self.network.train()
        draws = self.pairs.draws(generator_for(self.machine.seed, Purpose.EPOCHS, epoch))
        size = self.config.batch_size
        batches = [draws[start : start + size] for start in range(0, len(draws), size)]
        total = torch.zeros((), device=self.device)
        for step, batch in enumerate(batches, 1):
            factor = learning_rate_factor((epoch + step / len(batches)) / self.epochs)
            total += self.steps.take(batch, self.config.learning_rate * factor)
        return summed(total).item() / len(draws)

    def _resume(self) -> int:
        """Epochs that are finished already."""
        if state := from_first(self._saved() if rank() == 0 else None):
            state.restore(self.network, self.steps.optimiser)
        return state.epochs if state else 0

    def _saved(self) -> Resumable | None:
        """What the resume file holds, None if it is of no use."""
        if not self.resume_path.exists():
            return None
        name = self.machine.machine_type
        try:
            state = Resumable.read(self.resume_path, self.network)
        except CheckpointError as error:
            self._log(f"{name}: starting over. {error}")
            return None
        except ValueError:
            state = None
        if state is None or state.identity != self.identity or state.epochs > self.epochs:
            self._log(f"{name}: starting over, {self.resume_path} is from other clips or settings.")
            return None
        return state

    def _checkpoint(self) -> Checkpoint:
        trained = Checkpoint(
            config=self.config.for_any_output() if self.shared else self.config,
            features=self.machine.features,
            sample_rate_hz=self.clips.spectrogram.sample_rate_hz,
            dataset=self.machine.dataset,
            machine_type=self.machine.machine_type,
            training_digest=self.machine.training_digest(self.config),
            tile_frames=self.images.tile_frames,
            scaling=self.scaling,
            findings=self.findings,
            weights=self.network.state_dict(),
            epochs=self.epochs,
            channels=self.machine.channels,
        )
        return with_guard(trained, self.clips, self.device)


def learning_rate_factor(progress: float) -> float:
    """Share of the peak learning rate after this share of the training: a linear rise, then half a
    cosine down to zero.
    """
    return min(progress / WARM_UP, (1 + math.cos(math.pi * progress)) / 2)
