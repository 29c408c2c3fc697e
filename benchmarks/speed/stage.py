"""Denoising alone, a clip: the stage as the baseline's loader meets it, and noisereduce's two
spectral gates, turn about in one run.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import noisereduce
import numpy as np
import torch
from noisereduce.torchgate import TorchGate

from benchmarks.scratch import RAW, on_what, scratch_checkout
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.stage import Stage

BATCH = 10  # as many clips of 12 s as the stage takes at once


def contenders(denoiser: Denoiser, wavs: np.ndarray, sample_rate_hz: int, threads: int) -> dict:
    """Name → function that denoises all of `wavs`, (clips, samples): clips side by side, a thread
    each, which is the fastest way for all of them.
    """
    gate = TorchGate(sr=sample_rate_hz, nonstationary=False).to(denoiser.device)
    spectrogram = denoiser.spectrogram
    log_mels = np.stack([spectrogram.level_of_wav_db(wav) for wav in wavs])

    def in_threads(work, clips, at_once):
        with thread_limit(1), ThreadPoolExecutor(threads) as pool:
            list(
                pool.map(
                    work,
                    [clips[start : start + at_once] for start in range(0, len(clips), at_once)],
                )
            )

    def torch_gate(some):
        with torch.inference_mode():
            gate(torch.from_numpy(some).to(denoiser.device)).cpu()

    return {
        "stage, log-mel to log-mel": lambda: in_threads(denoiser.log_mel, log_mels, BATCH),
        "stage, wav to wav": lambda: in_threads(
            lambda some: denoiser.wavs(some, sample_rate_hz), wavs, BATCH
        ),
        "noisereduce TorchGate": lambda: in_threads(torch_gate, wavs, 1),
        "noisereduce stationary": lambda: in_threads(
            lambda some: noisereduce.reduce_noise(some[0], sample_rate_hz, stationary=True), wavs, 1
        ),
    }


@click.command()
@click.option("--clips", default=60, show_default=True, help="Clips denoised in a round.")
@click.option("--rounds", default=5, show_default=True, help="Rounds, each contender once in each.")
@click.option(
    "--device",
    default="cpu",
    show_default=True,
    help="Where the stage and TorchGate work; noisereduce itself knows the CPU alone.",
)
@click.option("--u-net", is_flag=True, help="The stage with a U-Net; `fan` takes none by itself.")
def main(clips: int, rounds: int, device: str, u_net: bool):
    """Takes `fan` of the checkout in DCASE_BASELINE_DIR, else made-up clips of 10 s; as many
    threads as PyTorch may use (OMP_NUM_THREADS).
    """
    with scratch_checkout(own_clips=True) as root:
        machine = Machine.from_folder(root / RAW / "fan", "DCASE2025T2")
        # A denoiser is as fast after one epoch as after all.
        network = "always" if u_net else "auto"
        config = sources.resolve(
            {"preset": "recommended", "network": network, "epochs": 1, "pairs_per_clip": 1}
        )
        checkpoint = Stage(machine, config, torch.device("cpu"), Path(root, "denoisers")).checkpoint
        loaded = [read_wav(file) for file in machine.train_files[:clips]]
        denoiser, head, threads = (
            Denoiser.load(checkpoint, device, preset="recommended"),
            on_what(root),
            torch.get_num_threads(),
        )
    wavs, rate_hz = np.stack([wav for wav, _ in loaded]), loaded[0][1]
    at_work = contenders(denoiser, wavs, rate_hz, threads)
    taken = {name: [] for name in at_work}
    for _ in range(rounds):
        for name, work in at_work.items():
            start = time.perf_counter(), time.process_time()
            work()
            taken[name].append(
                (
                    (time.perf_counter() - start[0]) / len(wavs),
                    (time.process_time() - start[1]) / len(wavs),
                )
            )
    click.echo(
        f"{head}; {device}, {threads} threads; {len(wavs)} clips of {wavs.shape[1] / rate_hz:g} s,"
        f" {rounds} rounds"
    )
    click.echo(f"{'':26}  median ms a clip  processor ms a clip  times the stage (rounds)")
    stage = taken["stage, log-mel to log-mel"]
    for name, results in taken.items():
        ratios = [wall / own for (wall, _), (own, _) in zip(results, stage)]
        wall_ms, cpu_ms = (1000 * statistics.median(column) for column in zip(*results))
        click.echo(
            f"{name:26}  {wall_ms:16.1f}  {cpu_ms:19.1f}  {statistics.median(ratios):.2f}"
            f" ({min(ratios):.2f} … {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
