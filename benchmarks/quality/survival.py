"""Do anomalies survive? Known anomalies are added to known clean machine sound in known noise, and
followed through the denoiser (`decomposition`).

``python -m benchmarks.quality.survival RAW/fan REFERENCE/fan/test`` takes a machine type's folder
and the clean signals of (some of) its test clips; a clip's noise is what it has more than its
reference. ``--made-up fan`` makes a machine instead.
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from benchmarks.denoisers import trained
from benchmarks.options import stage_config, stage_options
from benchmarks.quality.decomposition import survival
from dcase_denoise_plugin.demo.machines import MACHINES, REFERENCE_FOLDER, make_machines
from dcase_denoise_plugin.monitor.faults import KINDS
from dcase_denoise_plugin.sound.audio import read_wav

LEVELS_DB = (-10.0, 0.0, 10.0)


def known_sounds(test: Path, reference: Path, most: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(clean, noise) of at most `most` normal test clips, evenly out of those that have a reference
    of the same name.
    """
    files = sorted(reference.glob("*_normal_*.wav"))
    sounds = []
    for file in files[:: math.ceil(len(files) / most)]:
        clean, mixture = (
            read_wav(folder / file.name)[0].astype(np.float64) for folder in (reference, test)
        )
        sounds.append((clean, mixture - clean))
    return sounds


@contextlib.contextmanager
def machine_folders(
    raw: Path | None, reference: Path | None, made_up: str | None
) -> Iterator[tuple[Path, Path]]:
    """The machine's folder and its references, made for the time being if a made-up one is
    wanted.
    """
    if not made_up:
        yield raw, reference
        return
    with tempfile.TemporaryDirectory() as folder:
        (machine,) = make_machines(
            Path(folder), source_train=190, target_train=10, machine_types=(made_up,)
        )
        yield machine, Path(folder) / REFERENCE_FOLDER / made_up / "test"


@click.command()
@click.argument(
    "raw", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.argument(
    "reference", required=False, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--made-up",
    type=click.Choice(tuple(MACHINES)),
    help="A made-up machine instead of RAW and REFERENCE.",
)
@stage_options
@click.option("--clips", default=16, show_default=True, help="Most clips to look at.")
@click.option("--seed", default=13711, show_default=True)
def main(raw, reference, made_up, preset, settings, clips, seed):
    """Train a denoiser and print what becomes of known anomalies."""
    if not made_up and reference is None:
        raise click.UsageError("expected RAW and REFERENCE, or --made-up.")
    config = stage_config(preset, settings)
    with machine_folders(raw, reference, made_up) as (folder, references):
        denoiser = trained(folder, config, seed)
        sounds = known_sounds(folder / "test", references, clips)
    click.echo(
        f"{made_up or raw.name}, {preset}: {len(sounds)} normal clips, clip level"
        f" {denoiser.findings.quantile or 'mean'}, epochs {denoiser.checkpoint.epochs}"
    )
    click.echo(
        " anomaly    dB | gain on machine anomaly   noise dB        | mean spectrum: plain denoised"
        "   kept  noise dB        | fluctuation: plain denoised"
    )
    for kind in KINDS:
        for level_db in LEVELS_DB:
            found = survival(denoiser, sounds, kind, level_db, np.random.default_rng(seed))
            own, around = found.spectrum, found.fluctuation
            click.echo(
                f"{kind:>9} {level_db:5.0f} | {found.machine_db:15.1f} {found.anomaly_db:7.1f}"
                f" {found.noise_db:7.1f}    {_verdict(found.gain_holds)} | {own.plain:20.2f}"
                f" {own.denoised:8.2f} {own.kept:6.2f} {-found.noise_loss_db:9.1f}"
                f" {_verdict(found.spectrum_holds)} | {around.plain:18.2f} {around.denoised:8.2f}"
            )


def _verdict(holds):
    return "holds " if holds else "FAILS "


if __name__ == "__main__":
    main()
