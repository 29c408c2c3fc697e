"""The command `run`: the baseline plain, behind the denoiser, or both."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from dcase_denoise_plugin.commands.options import (
    baseline_option,
    dataset_option,
    machines_option,
    seeds_option,
)
from dcase_denoise_plugin.names import Folders

if TYPE_CHECKING:
    from dcase_denoise_plugin.runner.call import Call

# Fewer steps than these 760 or so leave the running means of the autoencoder's batch normalisation
# behind, and its ranking with them. Made-up noise does not vary; a U-Net shows all parts at work.
DEMO_SETTINGS = ("epochs=20", "denoise_network=always")
logger = logging.getLogger(__name__)


@click.command()
@click.argument("what", type=click.Choice(["baseline", "denoise", "compare"]), default="compare")
@click.option("-d", "--dev", "mode", flag_value="dev", help="Run on the development data.")
@click.option("-e", "--eval", "mode", flag_value="eval", help="Run on the evaluation data.")
@baseline_option
@click.option(
    "--clone-baseline",
    is_flag=True,
    help="Bring the baseline's reference release to ./baseline with git, if nothing lies there.",
)
@machines_option
@dataset_option
@seeds_option
@click.option(
    "--yaml",
    "yaml_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Settings of the baseline and denoise keys for this call.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="One such setting, repeatable; wins over --yaml.",
)
@click.option(
    "--jobs", type=click.IntRange(1), help="Runs side by side [default: 1, in the demo 2]."
)
@click.option(
    "--demo", is_flag=True, help="Compare on made-up machines with a stand-in for the baseline."
)
@click.option(
    "--demo-dir",
    type=click.Path(path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where the demo works.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result and what failed.")
@click.option(
    "-v",
    "--verbose",
    is_flag=True,
    help="Say every line of the baseline's processes too; they are in the logs anyway.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="End with the outcome as JSON on stdout; everything else goes to stderr.",
)
def run(quiet: bool, verbose: bool, as_json: bool, **call: Any) -> None:
    """Train and test the baseline: plain (baseline), behind the denoiser (denoise), or both
    (compare).

    Every finished step is kept: the same command goes on where it was interrupted, and runs nothing
    twice.

    \b
    Example:
      dcase-denoise run --demo
      dcase-denoise run -d compare --clone-baseline --seed 1 --seed 2 --jobs 2
      dcase-denoise run -d denoise --set denoise_strength=0.5 --set export_dir=half

    Exit codes: 0 done, 1 a run or the report failed, 2 stopped by an error in one line, 130
    interrupted.
    """
    from dcase_denoise_plugin.runner.outcome import written_as_json

    with written_as_json(click.echo if as_json else None) as outcome:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose exclude each other.")
        _run(outcome, sys.stderr if as_json else sys.stdout, quiet, verbose, **call)


def _run(
    outcome: dict[str, Any],
    stream: TextIO,
    quiet: bool,
    verbose: bool,
    jobs: int | None,
    demo: bool,
    demo_dir: Path,
    **asked: Any,
) -> None:
    from dcase_denoise_plugin.commands.report import write_report_of
    from dcase_denoise_plugin.runner import outcome as outcomes
    from dcase_denoise_plugin.runner.call import with_earlier_runs
    from dcase_denoise_plugin.runner.runner import run_all
    from dcase_denoise_plugin.runner.screen import lines_on, screen_on
    from dcase_denoise_plugin.runner.summary import summarise

    # A scheduler's polite kill ends the baseline's processes too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with lines_on(stream, quiet):
        call = _planned_demo(demo_dir, **asked) if demo else _planned(**asked)
        logger.info(str(call))
    outcome |= call.described()
    with screen_on(stream, quiet, verbose) as screen:
        failed = run_all(call.runs, jobs or (2 if demo else 1), screen.watch)
    outcome["runs"] = outcomes.described(call.runs, failed)
    for failure, error in failed.items() if quiet else ():
        click.echo(f"{failure} FAILED: {error}", err=True)
    lacks_page = False
    if finished := [run for run in call.runs if run not in failed]:
        with lines_on(stream):
            together = with_earlier_runs(finished, call.both_arms)
            summary = summarise(together, call.title, write_report_of)
        outcome |= outcomes.reported(summary)
        lacks_page = summary.lacks_page
    if failed:
        click.echo("\nFAILED: " + "; ".join(map(str, failed)), err=True)
    if failed or lacks_page:
        raise SystemExit(1)


def _planned(
    what: str,
    mode: str | None,
    baseline_folder: str | None,
    clone_baseline: bool,
    machines: Sequence[str],
    dataset: str,
    seeds: Sequence[int],
    yaml_file: Path | None,
    assignments: Sequence[str],
    title: str = "",
) -> Call:
    """The call that these options ask for."""
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.checkout.overrides import read_overrides, refuse_spaces, resolve_stage
    from dcase_denoise_plugin.checkout.plan import Plan
    from dcase_denoise_plugin.runner.call import Call

    if not mode:
        raise click.UsageError("Say -d for the development data or -e for the evaluation data.")
    if clone_baseline:
        baselines.clone_baseline()
    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    overrides, config = resolve_stage(baseline, read_overrides(yaml_file, assignments, baseline))
    plan = Plan(baseline, dataset, mode, overrides, config)
    refuse_spaces(plan.settings)
    return Call.from_plan(plan, what, machines, seeds, title)


def _planned_demo(
    folder: Path,
    baseline_folder: str | None,
    mode: str | None,
    assignments: Sequence[str],
    **asked: Any,
) -> Call:
    """The call of the demo, whose machines and baseline lie in `folder` afterwards."""
    if baseline_folder or mode == "eval":
        raise click.UsageError(
            "--demo brings its own stand-in baseline and development data; leave out --baseline"
            " and -e."
        )
    _lay_out_demo(folder)
    return _planned(
        **{
            **asked,
            "what": "compare",
            "mode": "dev",
            "baseline_folder": str(folder),
            "assignments": (*DEMO_SETTINGS, *assignments),
        },
        title="DEMO on made-up machines",
    )


def _lay_out_demo(folder: Path) -> None:
    from dcase_denoise_plugin.demo.machines import make_machines
    from dcase_denoise_plugin.demo.stand_in import lay_out

    logger.info(f"demo: makes up machines and lays out a stand-in baseline in {folder.absolute()}")
    lay_out(folder)
    make_machines(folder)
    # An update of the plugin may have changed the clips, and the stand-in, as the real one, would
    # not notice.
    shutil.rmtree(Folders(folder, "dev").processed("DCASE2025T2"), ignore_errors=True)
