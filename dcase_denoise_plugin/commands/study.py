"""The command `study`: many settings of the stage against one plain baseline, here or on a
cluster.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcase_denoise_plugin.commands.options import (
    baseline_option,
    dataset_option,
    machines_option,
    seeds_option,
)

if TYPE_CHECKING:
    from dcase_denoise_plugin.checkout.machine_run import MachineRun
    from dcase_denoise_plugin.errors import DenoiseError
    from dcase_denoise_plugin.runner.study import Study


@click.command()
@click.argument("file", metavar="STUDY.yaml", type=click.Path(path_type=Path))
@baseline_option
@machines_option
@dataset_option
@seeds_option
@click.option(
    "--cell",
    "cells",
    multiple=True,
    metavar="NAME",
    help="Cell of the study, repeatable [default: all].",
)
@click.option(
    "--jobs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Runs side by side on this machine.",
)
@click.option(
    "--cluster",
    metavar="NAME",
    help=(
        "Hand the runs to a cluster instead, by submitit: slurm, or local for processes of this"
        " machine."
    ),
)
@click.option(
    "--cluster-set",
    "parameters",
    multiple=True,
    metavar="KEY=VALUE",
    help=(
        "A parameter of submitit's executor, such as timeout_min=120, "
        "slurm_partition=gpu, gpus_per_node=1; repeatable."
    ),
)
@click.option(
    "--keep-features",
    is_flag=True,
    help="Keep the denoised features of every cell, half a gigabyte each, for a later run.",
)
@click.option(
    "--tables",
    "only_tables",
    is_flag=True,
    help="Run nothing; write the tables of what is finished.",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the tables and what failed.")
def study(
    file: Path,
    baseline_folder: str | None,
    machines: Sequence[str],
    dataset: str,
    seeds: Sequence[int],
    cells: Sequence[str],
    only_tables: bool,
    **how: Any,
) -> None:
    """Run every cell of STUDY.yaml on every machine type and seed, and write the tables.

    Each finished run is kept: the same command goes on where it was interrupted, on this machine or
    another that shares the checkout.

    \b
    Example:
      dcase-denoise study mine.yaml --baseline ./baseline --seed 1 --seed 2 --jobs 2

    Exit codes: 0 done, 1 a run failed, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.checkout.run_record import finished_runs
    from dcase_denoise_plugin.runner.study import PLAIN, Study

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    plan = Study.read(file, baseline, dataset)
    present, _ = plan.plain.machines(machines)
    own_seeds = list(dict.fromkeys(seeds or [baseline.seed]))
    runs = {cell: plan.runs(cell, present, own_seeds) for cell in plan.chosen(cells)}
    failed = {} if only_tables else _finished(plan, runs, **how)
    done = {cell: finished_runs(of_cell) for cell, of_cell in runs.items()}
    _write_tables(plan, done)
    plain = done.pop(PLAIN)
    click.echo(
        f"{sum(map(len, done.values()))} of {sum(map(len, runs.values())) - len(runs[PLAIN])} runs"
        f" of cells and {len(plain)} of {len(runs[PLAIN])} plain ones are finished; tables and"
        f" gains.png in {plan.folder}"
    )
    if failed:
        for run, error in failed.items():
            click.echo(f"{run} FAILED: {error}", err=True)
        raise SystemExit(1)


def _finished(
    plan: Study,
    runs: Mapping[str, Sequence[MachineRun]],
    jobs: int,
    cluster: str | None,
    parameters: Sequence[str],
    keep_features: bool,
    quiet: bool,
) -> Mapping[MachineRun, DenoiseError]:
    """Brings all `runs` to their end, here or on a cluster; those that failed, with the reason."""
    from dcase_denoise_plugin.runner.runner import run_all
    from dcase_denoise_plugin.runner.screen import lines_on, screen_on
    from dcase_denoise_plugin.runner.study import drop_features

    together = [run for of_cell in runs.values() for run in of_cell]
    after = None if keep_features else drop_features
    if not cluster:
        with screen_on(sys.stdout, quiet) as screen:
            return run_all(together, jobs, screen.watch, after)
    from dcase_denoise_plugin.runner.cluster import run_on_cluster

    with lines_on(sys.stdout, quiet):
        return run_on_cluster(together, cluster, parameters, plan.folder / "jobs", after)


def _write_tables(plan: Study, done: Mapping[str, Sequence[MachineRun]]) -> None:
    """Writes and says the tables of what is finished, if the plain runs are."""
    from filelock import FileLock

    from dcase_denoise_plugin.checkout.machine_run import SCORES
    from dcase_denoise_plugin.checkout.result_files import OfStudy
    from dcase_denoise_plugin.figures.study_tables import study_tables, write_tables
    from dcase_denoise_plugin.report.study_picture import draw_study
    from dcase_denoise_plugin.runner.study import PLAIN

    files = OfStudy(plan.folder)
    plain, first = done[PLAIN], next(iter(plan.cells))
    cells = {cell: runs for cell, runs in done.items() if cell != PLAIN}
    tables = {score: study_tables(plain, cells, score, first) for score in SCORES if plain}
    plan.folder.mkdir(parents=True, exist_ok=True)
    # Another call may be at other machine types of the same study.
    with FileLock(files.lock):
        for score, of_score in tables.items():
            text, *_ = write_tables(plan.folder, of_score, score)
            click.echo("\n" + text.read_text(encoding="utf-8"))
        draw_study(tables, files.picture)
