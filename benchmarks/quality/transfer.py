"""Each machine type's denoiser in front of every other's clips, as ``denoise_checkpoint`` puts it
there, against their own and none.

``python -m benchmarks.quality.transfer RAW/fan OTHER/raw/fan …`` takes folders of machine types
(``train``, ``test``, ``supplemental``) and judges by the linear detector, which trains on the clips
that the denoiser has served. Network and quantile are the other machine type's, scaling and the
guard's range its own.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.denoisers import trained
from benchmarks.detectors import denoised, harmonic_mean, linear_scores, log_mels
from benchmarks.options import seeds_option, stage_config, stage_options
from dcase_denoise_plugin.denoising.adaptation import adapted
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.sound.machine import Machine


def judged(folder: Path, denoiser: Denoiser | None) -> float:
    """Harmonic mean of the AUCs on the clips in `folder` by the linear detector, behind the
    denoiser or without one, percent.
    """
    (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))
    if denoiser:
        train, test = denoised(denoiser, train), denoised(denoiser, test)
    return harmonic_mean(linear_scores(train, test), names)


def served(folder: Path, denoisers: list[Denoiser], seeds: tuple[int, ...]) -> np.ndarray:
    """Harmonic mean of the AUCs on the clips in `folder` behind another machine type's denoisers,
    one a seed, percent: (seeds,).
    """
    machines = [Machine.from_folder(folder, "DCASE2025T2", seed=seed) for seed in seeds]
    return np.array(
        [
            judged(folder, Denoiser(adapted(denoiser.checkpoint, machine), "cpu"))
            for denoiser, machine in zip(denoisers, machines)
        ]
    )


@click.command()
@click.argument(
    "folders",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@stage_options
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What to call each machine type, in their order [default: the folder's name].",
)
@seeds_option
def main(folders, preset, settings, names, seeds):
    """Print the harmonic mean of the AUCs on each machine type's clips: plain, and behind every
    denoiser.
    """
    config, names = (
        stage_config(preset, settings),
        list(names) or [folder.name for folder in folders],
    )
    denoisers = {
        name: [trained(folder, config, seed) for seed in seeds]
        for name, folder in zip(names, folders)
    }
    for name, of_seeds in denoisers.items():
        click.echo(
            f"{name}: quantile {of_seeds[0].findings.quantile}, noise"
            f" {'' if of_seeds[0].findings.noise_known else 'not '}known"
        )
    for name, folder in zip(names, folders):
        found = {other: served(folder, of_seeds, seeds) for other, of_seeds in denoisers.items()}
        behind = "  ".join(
            f"{other} {values.mean():.1f} ± {values.std(ddof=1) if len(seeds) > 1 else 0:.1f}"
            for other, values in found.items()
        )
        click.echo(f"{name}: plain {judged(folder, None):.1f}, behind the denoiser of  {behind}")


if __name__ == "__main__":
    main()
