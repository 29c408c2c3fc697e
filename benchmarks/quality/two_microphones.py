"""What a far microphone brings: a machine's two-channel clips, plain, behind the near channel's
lower tenth alone and behind the preset, by a linear detector of the baseline's shape.

``python -m benchmarks.quality.two_microphones RAW/fan`` takes the folder of a machine type
(``train``, ``test``), such as benchmarks.sets.rooms writes. With a folder of clean references that
bear the names of test clips it also prints SI-SDR.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.detectors import (
    denoised_files,
    harmonic_mean,
    linear_scores,
    mahalanobis_scores,
)
from dcase_denoise_plugin.report.denoised_clips import si_sdr_db
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import read_channels, read_wav, wav_files
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.stage import Stage

DETECTED = {
    "plain": {"strength": 0.0},
    "lower tenth of the near channel alone": {"far_microphone": "off", "clip_level": "0.1"},
    "recommended": {},
}
FOR_EARS = {
    "nothing": {"strength": 0.0},
    "recommended": {"domain": "waveform"},
    "waveform": {"preset": "waveform", "epochs": 0},
}


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument(
    "references", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
def main(folder: Path, references: Path | None) -> None:
    """Print hmean of AUC source, AUC target and pAUC in percent under either score."""
    machine = Machine.from_folder(folder, "BENCHMARK")
    test = wav_files(folder / "test")
    names = [file.name for file in test]
    with tempfile.TemporaryDirectory() as scratch:
        click.echo("| handed over | MSE | MAHALA |\n|---|---|---|")
        for name, keys in DETECTED.items():
            stage = _stage(machine, keys, Path(scratch))
            clips = [denoised_files(stage, files) for files in (machine.train_files, test)]
            scores = [linear_scores(*clips), mahalanobis_scores(*clips)]
            told = f": {stage.findings}" if name == "recommended" else ""
            hmeans = " | ".join(f"{harmonic_mean(score, names):.1f}" for score in scores)
            click.echo(f"| {name}{told} | {hmeans} |")
        if references is None:
            return
        click.echo("\n| taken from the near channel by | SI-SDR, dB |\n|---|---|")
        for name, keys in FOR_EARS.items():
            stage = _stage(machine, keys, Path(scratch))
            values = [_si_sdr_db(stage, folder / "test", file) for file in wav_files(references)]
            click.echo(f"| {name} | {np.mean(values):.1f} ± {np.std(values):.1f} |")


def _stage(machine: Machine, keys: dict, scratch: Path) -> Stage:
    config = resolve({"preset": "recommended", "denoise": True, **keys}, {})
    return Stage(machine, config, torch.device("cpu"), scratch)


def _si_sdr_db(stage: Stage, folder: Path, reference: Path) -> float:
    clip, rate_hz = read_channels(folder / reference.name, stage.machine.channels)
    near = np.ascontiguousarray(clip[:, 0])
    (denoised,) = stage.denoise([near], rate_hz, [reference.name], [clip])
    return si_sdr_db(denoised, read_wav(reference)[0])


if __name__ == "__main__":
    main()
