"""Training speed against a plain loop (`loops`): ``python -m benchmarks.speed.training [--device
cuda]``.

All take turns in one run; the losses that they end at are compared over seeds.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.options import given_keys
from benchmarks.speed.loops import OurLoop, PlainLoop, final_loss
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import write_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.training.loop import Training
from dcase_denoise_plugin.training.random_streams import generator_for

RATE_HZ = 16000
MATMUL = 4096


def rate(
    steps: Iterator[int], count: int, device: torch.device, clock: Callable[[], float]
) -> float:
    """Pairs a second over `count` steps."""
    started = clock()
    pairs = sum(next(steps) for _ in range(count))
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return pairs / (clock() - started)


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
    config = resolve({"preset": call.preset, "network": "always", **given_keys(call.set)})
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
