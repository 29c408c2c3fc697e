"""Options that several commands take, and how a command takes several at once."""

from __future__ import annotations

from collections.abc import Callable

import click

from dcase_denoise_plugin.sound.audio import SHORTEST_CLIP_S

SEEDS = click.IntRange(0, 2**32 - 1)  # what NumPy takes

baseline_option = click.option(
    "--baseline",
    "baseline_folder",
    metavar="DIR",
    help="Checkout of the baseline [default: $DCASE_BASELINE_DIR, else ./baseline].",
)
dataset_option = click.option(
    "--dataset",
    default="DCASE2025T2",
    show_default=True,
    help="Data set, as the baseline names it.",
)
machines_option = click.option(
    "--machine",
    "machines",
    multiple=True,
    metavar="NAME",
    help="Machine type, repeatable [default: all that have data].",
)
seeds_option = click.option(
    "--seed",
    "seeds",
    type=SEEDS,
    multiple=True,
    help="Random seed, repeatable [default: the one in baseline.yaml].",
)
own_method_option = click.option(
    "--method",
    "own_method",
    metavar="PACKAGE.MODULE:FUNCTION",
    help="Your own denoiser, if the baseline was trained behind it; its code is run.",
)
# Of a trained denoiser: how much it takes away, what is made of its prediction, and where it runs.
strength_option = click.option(
    "--strength",
    type=click.FloatRange(0, 1),
    help=(
        "0 leaves the sound alone, 1 removes all the denoiser takes for noise "
        "[default: as in --preset, else in the file]."
    ),
)
preset_option = click.option(
    "--preset",
    default="",
    metavar="NAME",
    help="Preset or YAML file whose denoise_output, strength … hold [default: what the file says].",
)
device_option = click.option(
    "--device",
    default="auto",
    show_default=True,
    help="cpu, cuda, cuda:1 …; auto takes a GPU where there is one.",
)


def seed_option(help: str, default: int | None = None) -> Callable[[Callable], Callable]:
    """``--seed`` of a command that takes one."""
    return click.option(
        "--seed", type=SEEDS, default=default, show_default=default is not None, help=help
    )


def clip_s_option(help: str) -> Callable[[Callable], Callable]:
    """``--clip-s`` of a command that needs the length of clips."""
    return click.option(
        "--clip-s", type=click.FloatRange(SHORTEST_CLIP_S, 3600), metavar="SECONDS", help=help
    )


def stacked(*options: Callable[[Callable], Callable]) -> Callable[[Callable], Callable]:
    """A decorator that gives a command all `options`, in this order in its help."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate
