"""Trainings to compare: the plugin's own, and the loop that one writes first.

That one is a DataLoader whose items are pairs, each made from two wav files (read, mixed,
transformed, resized), and a step that asks for its loss. Network, data, recipe and optimiser are
the same. It comes in two kinds. One makes its log-mel spectrograms as the baseline makes its own:
with librosa and of whole clips. A careful one cuts out what an image needs first, and transforms
that with torch.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.loop import Training, learning_rate_factor
from dcase_denoise_plugin.training.pairs import (
    LEVEL_JITTER_DB,
    RESPONSE_JITTER_DB,
    RESPONSE_KNOTS,
    Draws,
    schedule,
)
from dcase_denoise_plugin.training.random_streams import Purpose, generator_for


class PlainPairs(Dataset):
    """Pairs made one by one from wav files, mixed as waveforms."""

    def __init__(
        self,
        machine: Machine,
        config: DenoiseConfig,
        training: Training,
        epoch: int,
        as_the_baseline: bool,
    ):
        self.machine, self.config, self.epoch, self.as_the_baseline = (
            machine,
            config,
            epoch,
            as_the_baseline,
        )
        self.images, self.scaling = training.images, training.scaling.to("cpu")
        self.spectrogram = Spectrogram(
            machine.features, training.pairs.clips.spectrogram.sample_rate_hz, "mel"
        )
        self.clips, self.noisy = schedule(
            len(machine.train_files),
            config.pairs_per_clip,
            config.noisy_pair_share,
            generator_for(machine.seed, epoch),
        )

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        generator = np.random.default_rng([self.machine.seed, self.epoch, index])
        clean, _ = read_wav(self.machine.train_files[self.clips[index]])
        hop, n_fft, frames = (
            self.machine.features.hop_length,
            self.machine.features.n_fft,
            self.images.tile_frames,
        )
        start = generator.integers(len(clean) // hop + 2 - frames)
        # as many frames more on either side as a window spans, so that the image has no edges that
        # the clip has not
        if not self.as_the_baseline:
            clean = np.pad(clean, n_fft)[start * hop : (start + frames - 1) * hop + 2 * n_fft]
        change_db = self._change_db(generator)
        noisy = self._noisy(clean, generator) if self.noisy[index] else clean
        target = (
            clean
            if self.config.pairing == "to_original" or not self.noisy[index]
            else self._noisy(clean, generator)
        )
        gain = rms(clean) / rms(noisy) if self.is_matched() else 1.0
        return tuple(
            self._image((gain * side).astype(np.float32), start, change_db)
            for side in (noisy, target)
        )

    def is_matched(self):
        return self.config.pairing == "to_original"

    def _noisy(self, clean, generator):
        noise, _ = read_wav(
            self.machine.noise_files[generator.integers(len(self.machine.noise_files))]
        )
        first = generator.integers(len(noise))
        noise = np.take(noise, np.arange(first, first + len(clean)), mode="wrap")
        snr_db = generator.uniform(self.config.snr_db_min, self.config.snr_db_max)
        return clean + noise * (rms(clean) / rms(noise) * 10 ** (-snr_db / 20))

    def _change_db(self, generator):
        knots = self.is_matched() * RESPONSE_JITTER_DB * generator.standard_normal(
            RESPONSE_KNOTS
        ) + self.is_matched() * LEVEL_JITTER_DB * generator.uniform(-1, 1)
        bent = np.interp(
            np.linspace(0, RESPONSE_KNOTS - 1, self.spectrogram.rows),
            np.arange(RESPONSE_KNOTS),
            knots,
        )
        return torch.from_numpy(bent.astype(np.float32))[:, None]

    def _image(self, wav, start, change_db):
        features = self.machine.features
        if self.as_the_baseline:
            mel = librosa.feature.melspectrogram(
                y=wav,
                sr=self.spectrogram.sample_rate_hz,
                n_fft=features.n_fft,
                hop_length=features.hop_length,
                n_mels=features.n_mels,
                power=features.power,
            )
            level_db = 20 / features.power * np.log10(np.maximum(mel, np.finfo(float).eps))
            level_db = torch.from_numpy(
                level_db[:, start : start + self.images.tile_frames].astype(np.float32)
            )
        else:
            margin = features.n_fft // features.hop_length
            level_db = self.spectrogram.level_db(
                self.spectrogram.spec(torch.from_numpy(wav))[:, margin:-margin]
            )
        return self.images.image(self.scaling.scaled(level_db + change_db)[None])[0]


def rms(wav: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wav * wav)))


class PlainLoop:
    """The contender: steps of an ordinary loop, forever; what it trains is `network`."""

    def __init__(
        self,
        machine: Machine,
        config: DenoiseConfig,
        device: torch.device,
        folder: Path,
        as_the_baseline: bool,
        workers: int = 0,
    ):
        self.training = Training(machine, config, folder / "plain.pt", device, print)
        self.network = self.training.network.to(memory_format=torch.contiguous_format)
        self.device, self.as_the_baseline, self.workers = device, as_the_baseline, workers
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=config.learning_rate)

    def steps(self) -> Iterator[int]:
        """Takes a step and yields the pairs that were in it; the learning rate follows the schedule
        of the whole training and stays at its end.
        """
        config, machine = self.training.config, self.training.machine
        total = self.training.epochs * -(-len(self.training.pairs) // config.batch_size)
        step, epoch = 0, 0
        self.network.train()
        while True:
            pairs = PlainPairs(machine, config, self.training, epoch, self.as_the_baseline)
            for noisy, target in DataLoader(pairs, config.batch_size, num_workers=self.workers):
                step += 1
                noisy, target = noisy.to(self.device), target.to(self.device)
                for group in self.optimiser.param_groups:
                    group["lr"] = config.learning_rate * learning_rate_factor(min(step / total, 1))
                loss = F.mse_loss(noisy - self.network(noisy), target)
                self.optimiser.zero_grad()
                loss.backward()
                self.optimiser.step()
                loss.item()
                yield len(noisy)
            epoch += 1


class OurLoop:
    """The plugin's own steps, forever."""

    def __init__(self, machine: Machine, config: DenoiseConfig, device: torch.device, folder: Path):
        self.training = Training(machine, config, folder / "ours.pt", device, print)
        self.network = self.training.network

    def steps(self) -> Iterator[int]:
        """Takes a step and yields the pairs that were in it."""
        training = self.training
        size, epoch = training.config.batch_size, 0
        self.network.train()
        while True:
            draws = training.pairs.draws(
                generator_for(training.machine.seed, Purpose.EPOCHS, epoch)
            )
            for start in range(0, len(draws), size):
                progress = min(
                    (epoch + min(start / size + 1, len(draws) / size) * size / len(draws))
                    / training.epochs,
                    1,
                )
                batch = draws[start : start + size]
                training.steps.take(
                    batch, training.config.learning_rate * learning_rate_factor(progress)
                )
                yield len(batch)
            epoch += 1


def final_loss(loop: PlainLoop | OurLoop) -> float:
    """Mean loss, after a whole training, over pairs that are the same for every contender
    and seed.
    """
    training, steps, left = (
        loop.training,
        loop.steps(),
        loop.training.epochs * len(loop.training.pairs),
    )
    while left > 0:
        left -= next(steps)
    clips, starts = (
        len(training.pairs.clips),
        training.pairs.clips.frames - training.images.tile_frames + 1,
    )
    draws = Draws.from_generator(
        torch.arange(256) % clips,
        torch.ones(256, dtype=torch.bool),
        clips,
        starts,
        generator_for(0),
    ).to(training.device)
    loop.network.eval()
    with torch.inference_mode():
        losses = [
            F.mse_loss(noisy - loop.network(noisy), target).item()
            for noisy, target in (
                training.pairs.batch(draws[start : start + 8]) for start in range(0, 256, 8)
            )
        ]
    return statistics.mean(losses)
