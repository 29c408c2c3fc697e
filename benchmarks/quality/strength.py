"""How much is right? Detection against the strength of the stage, and against the share of the
fluctuation that stays.

``python -m benchmarks.quality.strength RAW/fan RAW/ToyCar --picture docs/strength.png`` takes
folders of machine types (``train``, ``test``, ``supplemental``), trains each one's denoiser once a
seed, and judges what it hands over at other settings by the linear detector.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import numpy as np

from benchmarks.denoisers import trained
from benchmarks.detectors import denoised, harmonic_mean, linear_scores, log_mels
from benchmarks.options import seeds_option, stage_config, stage_options
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.settings.config import DenoiseConfig

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
SWEEPS = {"denoise_strength": "strength", "denoise_fluctuation": "fluctuation"}


def sweep(folder: Path, config: DenoiseConfig, seed: int) -> dict[str, list[float]]:
    """Harmonic mean of the AUCs at each of `SHARES`, percent, by the key that takes them."""
    checkpoint = trained(folder, config, seed).checkpoint
    (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))

    def judged(**changed):
        own = dataclasses.replace(config, **changed)
        denoiser = Denoiser(checkpoint, "cpu", own.strength, own)
        return harmonic_mean(
            linear_scores(denoised(denoiser, train), denoised(denoiser, test)), names
        )

    return {key: [judged(**{field: share}) for share in SHARES] for key, field in SWEEPS.items()}


@click.command()
@click.argument(
    "machines",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@stage_options
@seeds_option
@click.option("--picture", type=click.Path(path_type=Path), help="Where to draw the curves, PNG.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What to call each machine, in their order [default: the folder's name].",
)
def main(machines, preset, settings, seeds, picture, names):
    """Print, and draw, the harmonic mean of the AUCs at each strength and each share of the
    fluctuation, mean over the seeds.
    """
    config = stage_config(preset, settings)
    curves = {}
    for folder, name in zip(machines, names or [folder.name for folder in machines]):
        of_seeds = [sweep(folder, config, seed) for seed in seeds]
        curves[name] = {key: np.array([found[key] for found in of_seeds]) for key in SWEEPS}
        for key, values in curves[name].items():
            spread = values.std(0, ddof=1) if len(seeds) > 1 else np.zeros(len(SHARES))
            click.echo(
                f"{name} {key}: "
                + "  ".join(
                    f"{share:g} {mean:.1f} ± {off:.1f}"
                    for share, mean, off in zip(SHARES, values.mean(0), spread)
                )
            )
    if picture:
        draw(curves, picture)


def draw(curves: dict[str, dict[str, np.ndarray]], picture: Path) -> None:
    """A panel a key, a line a machine type: gain over untouched clips, which are those at strength
    0.
    """
    from matplotlib.figure import Figure

    figure = Figure((7.5, 3.4), layout="constrained")
    for axes, key in zip(figure.subplots(1, len(SWEEPS), sharey=True), SWEEPS):
        for name, found in curves.items():
            axes.errorbar(
                SHARES,
                *_gain(found[key], found["denoise_strength"][:, :1]),
                marker=".",
                capsize=2,
                label=name,
            )
        axes.axhline(0, color="grey", linewidth=0.8)
        axes.set(xlabel=key)
    figure.axes[0].set(ylabel="harmonic mean of AUCs,\npoints over untouched clips")
    figure.axes[0].legend(frameon=False)
    figure.savefig(picture, dpi=110)


def _gain(values, plain):
    gains = values - plain
    return gains.mean(0), gains.std(0, ddof=1) if len(gains) > 1 else None


if __name__ == "__main__":
    main()
