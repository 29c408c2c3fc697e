"""Options that several commands take, how a command takes several at once, and the trained baseline
that some of them choose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcase_denoise_plugin.sound.audio import SHORTEST_CLIP_S

if TYPE_CHECKING:  # PyTorch is not there where an exported file is enough
    from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline

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
checkpoint_option = click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trained denoiser.",
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


trained_baseline_options = stacked(
    click.option("--machine", metavar="NAME", help="Machine type whose trained baseline is meant."),
    click.option(
        "--plain", is_flag=True, help="The plain baseline, not the one behind the denoiser."
    ),
    baseline_option,
    dataset_option,
    click.option(
        "-e",
        "--eval",
        "mode",
        flag_value="eval",
        default="dev",
        help="Trained on the evaluation data's training clips.",
    ),
    seed_option("Random seed of the training [default: the one in baseline.yaml]."),
    click.option(
        "--export-dir",
        metavar="NAME",
        help="The export_dir of the runs, without _denoise [default: the one in baseline.yaml].",
    ),
)


def trained_baseline(
    machine: str,
    plain: bool,
    baseline_folder: str | None,
    dataset: str,
    mode: str,
    seed: int | None,
    export_dir: str | None,
    own_method: str | None = None,
) -> TrainedBaseline:
    """What a training left that `trained_baseline_options` choose. Raises DenoiseError as its
    parts do.
    """
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.checkout.machine_run import MachineRun
    from dcase_denoise_plugin.checkout.overrides import Overrides
    from dcase_denoise_plugin.checkout.plan import Plan
    from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
    from dcase_denoise_plugin.settings.config import DenoiseConfig

    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    plan = Plan(
        baseline,
        dataset,
        mode,
        Overrides({"export_dir": export_dir} if export_dir else {}),
        DenoiseConfig(),
    )
    plan.machines([machine])
    arm = "plain" if plain else "denoised"
    run = MachineRun(plan, machine, baseline.seed if seed is None else seed, arm)
    return TrainedBaseline.load(run, own_method)
