"""Does a stopping rule stop where it should? Detection against the epochs of one training, and the
epoch that each rule of ``denoise_stopping`` keeps.

``python -m benchmarks.stopping RAW/fan RAW/ToyCar --picture docs/stopping.png`` takes folders of
machine types (``train``, ``test``, ``supplemental``) and trains each one's denoiser once, for as
many epochs as asked for; the stage is judged with the weights after some of them by the linear
detector and, with ``--steps``, by an autoencoder. Test clips are read for the curve alone, never by
the rule.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import click
import torch

from benchmarks.detectors import (
    autoencoder_scores,
    denoised,
    harmonic_mean,
    linear_scores,
    log_mels,
)
from benchmarks.options import stage_config, stage_options
from dcase_denoise_plugin.denoising.adaptation import knowing_what_is_usual
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint, load_tensors
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.loop import train_denoiser
from dcase_denoise_plugin.training.stopping import RULES, epoch_by

MARKS = {"balance": "o", "guard": "s"}


@dataclasses.dataclass(frozen=True)
class Sweep:
    """One training. Epoch 0 is the stage with a network that takes nothing.

    Attributes
    ----------
    plain : harmonic mean of the AUCs without the stage, percent.
    values : the same with the weights after so many epochs.
    balances : (survival of detail, removal of noise) after every epoch.
    kept : the epoch that each rule keeps.
    """

    plain: float
    values: dict[int, float]
    balances: tuple[tuple[float, float], ...]
    kept: dict[str, int]


def sweep(folder: Path, config: DenoiseConfig, epochs: list[int], seed: int, steps: int) -> Sweep:
    """Trains a denoiser for the machine in `folder` and judges it at `epochs`, and at those that
    the rules keep.
    """
    checkpoint, weights = snapshots(folder, config, seed)
    (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))

    def judged(*clips):
        return harmonic_mean(
            autoencoder_scores(*clips, seed, steps) if steps else linear_scores(*clips), names
        )

    clips = Clips(
        Machine.from_folder(folder, "DCASE2025T2", seed=seed).train_files,
        Spectrogram(checkpoint.features, checkpoint.sample_rate_hz, checkpoint.config.domain),
    )
    kept = {rule: epoch_by(rule, checkpoint.balances) for rule in RULES}
    values = {}
    for epoch in sorted({*epochs, *kept.values()}):
        denoiser = Denoiser(
            knowing_what_is_usual(dataclasses.replace(checkpoint, weights=weights[epoch]), clips),
            "cpu",
            1.0,
        )
        values[epoch] = judged(denoised(denoiser, train), denoised(denoiser, test))
    return Sweep(judged(train, test), values, checkpoint.balances, kept)


def snapshots(
    folder: Path, config: DenoiseConfig, seed: int
) -> tuple[Checkpoint, dict[int, dict[str, torch.Tensor]]]:
    """What the training hands over, and the network's weights after every epoch (those of epoch 0
    take nothing away).
    """
    weights = {}
    with tempfile.TemporaryDirectory() as models:
        path, resume = Path(models) / "denoiser.pt", Path(models) / "denoiser.pt.resume"

        def look(line):
            click.echo(line, err=True)
            if resume.exists():  # a line before the first epoch may say that the noise is not known
                state = load_tensors(resume)
                weights[state["epochs"]] = state["network"]

        train_denoiser(
            Machine.from_folder(folder, "DCASE2025T2", seed=seed),
            config,
            path,
            torch.device("cpu"),
            look,
        )
        checkpoint = Checkpoint.load(path)
    last = weights[config.epochs]
    weights[0] = {
        **last,
        "last.weight": torch.zeros_like(last["last.weight"]),
        "last.bias": torch.zeros_like(last["last.bias"]),
    }
    return checkpoint, weights


@click.command()
@click.argument(
    "machines",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@stage_options
@click.option(
    "--epochs",
    default="0,1,2,5,10,20,40",
    show_default=True,
    help="Where to judge; the last one is how long to train.",
)
@click.option("--seed", default=13711, show_default=True)
@click.option(
    "--steps",
    default=0,
    show_default=True,
    help="Judge by an autoencoder of so many training steps, not by the linear detector.",
)
@click.option("--picture", type=click.Path(path_type=Path), help="Where to draw the curves, PNG.")
@click.option(
    "--name",
    "names",
    multiple=True,
    help="What to call each machine, in their order [default: the folder's name].",
)
def main(machines, preset, settings, epochs, seed, steps, picture, names):
    """Print, and draw, detection and balance against the epochs of the training, and which epoch
    each rule keeps.
    """
    epochs = [int(epoch) for epoch in epochs.split(",")]
    config = stage_config(preset, settings, stopping="balance", epochs=max(epochs))
    sweeps = {}
    for folder, name in zip(machines, names or [folder.name for folder in machines]):
        found = sweeps[name] = sweep(folder, config, epochs, seed, steps)
        click.echo(
            f"{name}: plain {found.plain:.1f}  "
            + "  ".join(f"{rule} keeps epoch {epoch}" for rule, epoch in found.kept.items())
        )
        for epoch, value in found.values.items():
            survival, removal = found.balances[epoch - 1] if epoch else (1.0, 0.0)
            click.echo(
                f"  epoch {epoch:3d}  hmean {value:5.1f}  detail kept {survival:.3f}  noise removed"
                f" {removal:.3f}  balance {survival + removal - 1:+.3f}"
            )
    if picture:
        draw(sweeps, picture)


def draw(sweeps: dict[str, Sweep], picture: Path) -> None:
    """Detection above, balance below, one line a machine type; what the rules keep is marked."""
    from matplotlib.figure import Figure

    figure = Figure((7, 4.8), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    for name, found in sweeps.items():
        gains = {epoch: value - found.plain for epoch, value in found.values.items()}
        balances = [0.0, *(survival + removal - 1 for survival, removal in found.balances)]
        (line,) = above.plot(list(gains), list(gains.values()), marker=".", label=name)
        below.plot(balances, color=line.get_color())
        for rule, epoch in found.kept.items():
            for axes, value in ((above, gains[epoch]), (below, balances[epoch])):
                axes.plot(
                    epoch,
                    value,
                    MARKS[rule],
                    markersize=11,
                    markerfacecolor="none",
                    color=line.get_color(),
                )
    for axes in (above, below):
        axes.axhline(0, color="grey", linewidth=0.8)
    above.set(ylabel="harmonic mean of AUCs,\npoints over untouched clips")
    figure.legend(
        *above.get_legend_handles_labels(), loc="outside upper center", ncols=2, frameon=False
    )
    ticks = sorted(set().union(*(found.values for found in sweeps.values())))
    below.set(
        xlabel="epochs (circle: kept by balance, square: kept by guard)",
        ylabel="balance",
        xscale="symlog",
        xlim=(-0.2, 1.1 * ticks[-1]),
    )
    below.set_xticks(ticks, ticks)
    figure.savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
