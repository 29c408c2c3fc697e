"""How much cleaner a waveform gets: SI-SDR of noisy and denoised test clips against their clean
references, several denoisers in one table.

``python -m benchmarks.quality.si_sdr RAW/fan REFERENCE/fan/test --seed 0 --seed 1 --seed 2`` takes
the folder of a machine type (``train``, ``test``, ``supplemental``) and one of clean references
with the names of test clips. Denoisers learn from ``train`` and ``supplemental`` alone; the
references are read for the figures.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.denoisers import trained
from benchmarks.options import given_keys, seeds_option
from benchmarks.peers import NoiseReduce
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.report.denoised_clips import si_sdr_db
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.stage.methods import build_method

HEADER = (
    "| method | SI-SDR in, dB | out | gain | median gain | lowest gain | mean gain of each seed"
    " |\n|---|---|---|---|---|---|---|"
)
Function = Callable[[np.ndarray, int], np.ndarray]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("references", type=click.Path(path_type=Path, exists=True, file_okay=False))
@seeds_option
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Changes a denoise key of the waveform preset.",
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    help="Folder that trained denoisers stay in, and are taken from [default: none].",
)
def main(folder, references, seeds, settings, keep):
    """Print a table of SI-SDR (mean ± standard deviation over clips) before and after each
    denoiser.
    """
    given = given_keys(settings)
    clips = [
        (read_wav(folder / "test" / file.name)[0], *read_wav(file))
        for file in sorted(references.glob("*.wav"))
    ]
    before = np.array([si_sdr_db(noisy, clean) for noisy, clean, _ in clips])
    click.echo(HEADER)
    with tempfile.TemporaryDirectory() as scratch:
        for name, functions in denoisers(folder, seeds, given, keep or Path(scratch)):
            after = np.array(
                [
                    [si_sdr_db(function(noisy, rate_hz), clean) for noisy, clean, rate_hz in clips]
                    for function in functions
                ]
            )
            click.echo(row(name, before, after))
    after = np.array([[si_sdr_db(ideal(*clip), clip[1]) for clip in clips]])
    click.echo(row("ideal ratio mask (upper bound)", before, after))


def denoisers(folder: Path, seeds: tuple[int, ...], given: dict, keep: Path):
    """(name, one function for each seed or a single one) of every contender."""
    machine = Machine.from_folder(folder, "BENCHMARK")
    waveform = {"preset": "waveform", **given}

    def unet(keys: dict, seeds: tuple[int, ...] = seeds[:1]) -> list[Denoiser]:
        return [trained(folder, resolve(keys, {}), seed, keep) for seed in seeds]

    with_network = unet(waveform, seeds)
    quantile = with_network[0].findings.quantile
    yield f"unet, preset waveform (quantile {quantile})", with_network
    yield "the same without the U-Net", unet({**waveform, "epochs": 0})
    yield "preset recommended, mel gains", unet({"preset": "recommended"})
    for method in ("wiener", "spectral_gate"):
        yield method, [build_method(machine, DenoiseConfig(method=method, domain="waveform"))]
    yield "noisereduce", [NoiseReduce(machine, DenoiseConfig(domain="waveform"))]


def ideal(noisy: np.ndarray, clean: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The clip under the gain that only who knows the clean signal can put on each STFT bin: its
    share of the power. Source: Wang 2014, ideal ratio mask.
    """
    spectrogram = Spectrogram(FeatureSettings(), sample_rate_hz, "waveform")
    mixed, machine, noise = (
        spectrogram.spec(torch.from_numpy(wav)) for wav in (noisy, clean, noisy - clean)
    )
    power, noise_power = machine.abs().square(), noise.abs().square()
    return spectrogram.wav(
        mixed * power / (power + noise_power).clamp_min(1e-20), len(noisy)
    ).numpy()


def row(name: str, before: np.ndarray, after: np.ndarray) -> str:
    """A line of the table: SI-SDR before (clips,) and after (seeds, clips), dB; figures over clips
    are those of the seeds' mean.
    """
    gain = after.mean(0) - before
    seeds = (
        ", ".join(f"{value:+.1f}" for value in (after - before).mean(1)) if len(after) > 1 else "–"
    )
    return (
        f"| {name} | {before.mean():.1f} ± {before.std():.1f} | {after.mean():.1f} ±"
        f" {after.mean(0).std():.1f} | {gain.mean():+.1f} ± {gain.std():.1f} |"
        f" {np.median(gain):+.1f} | {gain.min():+.1f} | {seeds} |"
    )


if __name__ == "__main__":
    main()
