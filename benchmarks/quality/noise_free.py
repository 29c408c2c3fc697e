"""What the flag costs where there is nothing to take away: made-up machines without their noise,
plain against denoised.

``python -m benchmarks.quality.noise_free --steps 5000`` trains the denoiser on noise-free clips
(the supplemental noise recordings stay, as a data set would have them) and compares the harmonic
mean of AUC source, AUC target and pAUC with and without the stage, by the linear detector and, with
``--steps``, by the autoencoder.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import click
import numpy as np

from benchmarks.denoisers import trained
from benchmarks.detectors import (
    autoencoder_scores,
    denoised,
    harmonic_mean,
    linear_scores,
    log_mels,
)
from benchmarks.options import seeds_option, stage_config, stage_options
from dcase_denoise_plugin.demo.machines import MACHINES, make_machines

DETECTORS = ("linear", "autoencoder")


@click.command()
@click.argument("machine_types", nargs=-1)
@stage_options
@seeds_option
@click.option(
    "--steps",
    default=0,
    show_default=True,
    help="Training steps of the autoencoder; 0 leaves it out.",
)
@click.option(
    "--clean/--noisy",
    default=True,
    show_default=True,
    help="Leave the noise out of training and test clips, or not, to compare.",
)
def main(machine_types, preset, settings, seeds, steps, clean):
    """Print the harmonic mean of the AUCs, plain and denoised, for each seed of the denoiser and
    the autoencoder.
    """
    config = stage_config(preset, settings)
    for machine_type in machine_types or tuple(MACHINES):
        with tempfile.TemporaryDirectory() as root:
            (folder,) = make_machines(
                Path(root),
                source_train=190,
                target_train=10,
                test=25,
                machine_types=(machine_type,),
                clean=clean,
            )
            (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))
            plain = train, test
            differences = []
            for seed in seeds:
                denoiser = trained(folder, config, seed)
                behind = [denoised(denoiser, split) for split in plain]
                values = [harmonic_mean(linear_scores(*both), names) for both in (plain, behind)]
                if steps:
                    values += [
                        harmonic_mean(autoencoder_scores(*both, seed, steps), names)
                        for both in (plain, behind)
                    ]
                differences.append(np.diff(np.reshape(values, (-1, 2)))[:, 0])
                shown = (
                    f"{name} {before:.1f} -> {after:.1f}"
                    for name, before, after in zip(DETECTORS, values[::2], values[1::2])
                )
                click.echo(f"{machine_type} {seed}: {'  '.join(shown)}")
            for name, change in zip(DETECTORS, np.array(differences).T):
                click.echo(
                    f"{machine_type} {name}: {change.mean():+.1f} ±"
                    f" {change.std(ddof=1) if len(change) > 1 else 0:.1f} over {len(change)} seeds"
                )


if __name__ == "__main__":
    main()
