"""Training speed against a plain loop: ``python -m benchmarks.training [--device cuda]``.

The plain loop is what one writes first: a DataLoader whose items are pairs, each made from two wav
files (read, mixed, transformed, resized), and a step that asks for its loss. Network, data, recipe
and optimiser are the same. It comes in two kinds: one makes its log-mel spectrograms as the
baseline makes its own, with librosa and of whole clips; a careful one cuts out what an image needs
first, and transforms that with torch. All take turns in one run; the losses that they end at are
compared over seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.options import given_keys
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import read_wav, write_wav
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

RATE_HZ = 16000
MATMUL = 4096


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


def rate(
    steps: Iterator[int], count: int, device: torch.device, clock: Callable[[], float]
) -> float:
    """Pairs a second over `count` steps."""
    started = clock()
    pairs = sum(next(steps) for _ in range(count))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return pairs / (clock() - started)


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


def flops_of_pair(training: Training) -> float:
    """Floating-point operations of the network's forward and backward pass for one pair."""
    noisy, target = training.pairs.batch(
        training.pairs.draws(generator_for(0))[: training.config.batch_size]
    )
    with FlopCounterMode(display=False) as counter:
        F.mse_loss(noisy - training.network(noisy), target).backward()
    return counter.get_total_flops() / len(noisy)


def ceiling(device: torch.device, dtype: torch.dtype, clock: Callable[[], float]) -> float:
    """Floating-point operations a second of large matrix products here: the best of five."""
    left, right = (
        torch.randn(
            MATMUL // (1 if device.type == "cuda" else 4), MATMUL, device=device, dtype=dtype
        )
        for _ in range(2)
    )
    best = 0.0
    for _ in range(6):
        started = clock()
        left @ right.mT
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = max(best, 2 * left.shape[0] * right.shape[0] * MATMUL / (clock() - started))
    return best


def made_up_machine(folder: Path, clips: int, seed: int) -> Machine:
    """Clips of 10 s: hums of a few speeds in hiss, and 30 noise recordings."""
    time_s = np.arange(10 * RATE_HZ) / RATE_HZ
    for index in range(clips):
        generator = np.random.default_rng([0, index])
        tone = sum(
            np.sin(2 * np.pi * part * (90 + 5 * (index % 4)) * time_s) / part
            for part in range(1, 9)
        )
        wav = 0.02 * tone + 0.02 * generator.standard_normal(len(time_s))
        write_wav(
            folder / "made_up" / "train" / f"clip_{index:04}.wav", wav.astype(np.float32), RATE_HZ
        )
    for index in range(30):
        rumble = np.cumsum(np.random.default_rng([1, index]).standard_normal(len(time_s)))
        rumble -= np.convolve(rumble, np.ones(200) / 200, "same")
        rumble *= 0.05 / rumble.std()
        write_wav(
            folder / "made_up" / "supplemental" / f"section_00_noise_{index:04}.wav",
            rumble.astype(np.float32),
            RATE_HZ,
        )
    return Machine.from_folder(folder / "made_up", "MADEUP", seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument(
        "--machine",
        type=Path,
        help="machine folder with train and supplemental clips [default: made-up clips]",
    )
    parser.add_argument(
        "--clips", type=int, default=100, help="made-up training clips [%(default)s]"
    )
    parser.add_argument("--preset", default="recommended")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a denoise key"
    )
    parser.add_argument("--steps", type=int, default=25, help="steps of a turn [%(default)s]")
    parser.add_argument("--turns", type=int, default=5, help="[%(default)s]")
    parser.add_argument(
        "--workers",
        type=int,
        default=0,
        help="worker processes of the plain loop's DataLoader [%(default)s]",
    )
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="seconds of CPU time, for a machine that others use too; with one thread",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=0,
        help="whole trainings of each contender, to compare the losses they end at [%(default)s]",
    )
    call = parser.parse_args()
    config = resolve({"preset": call.preset, **given_keys(call.set)})
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        machine = (
            Machine.from_folder(call.machine, "DCASE2025T2")
            if call.machine
            else made_up_machine(folder, call.clips, 0)
        )
        contenders = {
            "plain, librosa": lambda one: PlainLoop(
                one, config, call.device, folder, True, call.workers
            ),
            "plain, torch": lambda one: PlainLoop(
                one, config, call.device, folder, False, call.workers
            ),
            "plugin": lambda one: OurLoop(one, config, call.device, folder),
        }
        compare_speeds({name: contender(machine) for name, contender in contenders.items()}, call)
        if call.seeds:
            compare_losses(
                contenders, [dataclasses.replace(machine, seed=seed) for seed in range(call.seeds)]
            )


def compare_speeds(loops: dict[str, PlainLoop | OurLoop], call: argparse.Namespace) -> None:
    clock = time.process_time if call.cpu_time else time.perf_counter
    steps = {name: loop.steps() for name, loop in loops.items()}
    for of_name in steps.values():
        rate(of_name, 5, call.device, clock)
    rates = {name: [] for name in steps}
    for _ in range(call.turns):
        for name, of_name in steps.items():
            rates[name].append(rate(of_name, call.steps, call.device, clock))
    training = loops["plugin"].training
    mixed = call.device.type == "cuda"
    used, best = (
        flops_of_pair(training),
        ceiling(call.device, torch.bfloat16 if mixed else torch.float32, clock),
    )
    where = (
        torch.cuda.get_device_name(call.device)
        if call.device.type == "cuda"
        else f"CPU, {torch.get_num_threads()} threads"
    )
    print(
        f"{where}; preset {call.preset} {' '.join(call.set)}; {len(training.machine.train_files)}"
        f" clips; {call.turns} turns of {call.steps} steps{'; CPU time' if call.cpu_time else ''}"
    )
    print(
        f"{'':14} {'clips/s':>8} {'from':>8} {'to':>8} {'GFLOP/s':>8} {'of matmul':>9}"
        f" {'plugin is':>9}"
    )
    for name, of_name in rates.items():
        median, ratio = (
            statistics.median(of_name),
            statistics.median(ours / other for ours, other in zip(rates["plugin"], of_name)),
        )
        print(
            f"{name:14} {median:8.1f} {min(of_name):8.1f} {max(of_name):8.1f}"
            f" {median * used / 1e9:8.1f} {median * used / best:9.1%} {ratio:8.2f}x"
        )
    minutes = training.epochs * len(training.pairs) / statistics.median(rates["plugin"]) / 60
    print(
        f"a whole training of these clips with this preset at the plugin's rate: {minutes:.1f} min"
    )


def compare_losses(
    contenders: dict[str, Callable[[Machine], PlainLoop | OurLoop]], machines: list[Machine]
) -> None:
    for name, contender in contenders.items():
        ended = [final_loss(contender(machine)) for machine in machines]
        print(
            f"{name:14} loss at the end {statistics.mean(ended):.4f} ±"
            f" {statistics.stdev(ended) if len(ended) > 1 else 0:.4f} over {len(ended)} seeds"
        )


if __name__ == "__main__":
    main()
