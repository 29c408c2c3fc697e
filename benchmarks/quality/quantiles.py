"""At which quantile over time a machine is heard best: what the rule finds on training clips and
noise recordings, against what detection would say.

``python -m benchmarks.quality.quantiles RAW/fan RAW/valve --picture docs/quantiles.png`` takes
folders of machine types (``train``, ``test``, ``supplemental``). The detector is a linear
autoencoder of the baseline's shape (principal components of its five-frame vectors, as many as its
bottleneck has units): it needs seconds and no seed, and shows differences between front ends, not
the baseline's figures. Test clips are read for the curve alone, never by the rule.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch

from benchmarks.detectors import harmonic_mean, linear_scores, log_mels
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum
from dcase_denoise_plugin.sound.machine import NOISE_MARK
from dcase_denoise_plugin.sound.quantile import QUANTILES, standing_out_quantile

FLUCTUATION = 0.5


def at_quantile(clips_db: torch.Tensor, quantile: float | None) -> torch.Tensor:
    """Each clip's spectrum at `quantile` (or its mean) with half of its fluctuation: (clips,
    n_mels, frames) dB in and out.
    """
    return clip_spectrum(clips_db, quantile) + FLUCTUATION * (
        clips_db - clips_db.mean(-1, keepdim=True)
    )


@click.command()
@click.argument(
    "machines",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.option("--picture", type=click.Path(path_type=Path), help="Where to draw the curves, PNG.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What to call each machine, in their order [default: the folder's name].",
)
def main(machines, picture, names):
    """Print, and draw, the harmonic mean of the AUCs at each quantile, and which one the rule
    takes.
    """
    curves = {}
    for folder, name in zip(machines, names or [folder.name for folder in machines]):
        (train, _), (test, test_names) = (log_mels(folder / split) for split in ("train", "test"))
        noise, _ = log_mels(folder / "supplemental", f"*{NOISE_MARK}*.wav")
        found = standing_out_quantile(train, noise).quantile if len(noise) else None
        plain = harmonic_mean(linear_scores(train, test), test_names)
        values = {
            quantile: harmonic_mean(
                linear_scores(at_quantile(train, quantile), at_quantile(test, quantile)), test_names
            )
            for quantile in (None, *QUANTILES)
        }
        curves[name] = plain, values, found
        shown = "  ".join(
            f"{'mean' if quantile is None else quantile} {value:.1f}"
            for quantile, value in values.items()
        )
        click.echo(
            f"{name}: plain {plain:.1f}  {shown}  rule: {'none' if found is None else found}"
        )
    if picture:
        draw(curves, picture)


def draw(curves: dict, picture: Path) -> None:
    """One line a machine type, gain over the untouched clips against the quantile; the rule's
    choice is marked.
    """
    from matplotlib.figure import Figure

    figure = Figure((7, 3.8), layout="constrained")
    axes = figure.subplots()
    for name, (plain, values, found) in curves.items():
        (line,) = axes.plot(
            QUANTILES, [values[quantile] - plain for quantile in QUANTILES], marker=".", label=name
        )
        if found is not None:
            axes.plot(
                found,
                values[found] - plain,
                "o",
                markersize=11,
                markerfacecolor="none",
                color=line.get_color(),
            )
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set(
        xlabel=(
            "quantile over time\n(circle: what the rule takes, from training clips and noise"
            " recordings alone)"
        ),
        ylabel="harmonic mean of AUCs,\npoints over untouched clips",
    )
    axes.legend(frameon=False)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
