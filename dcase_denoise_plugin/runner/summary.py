"""The end of a call: the baseline's own summary over plain and denoised results, our table, and
where every file lies.
"""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.run_record import finished_runs, read_receipt
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.comparison import Comparison, compare_runs
from dcase_denoise_plugin.figures.screen_table import screen_table, write_entries
from dcase_denoise_plugin.runner.runner import child_environment
from dcase_denoise_plugin.runner.submission import gather

# Gets runs, title and who says lines; hands back what lies where.
PageWriter = Callable[[Sequence[MachineRun], str, Callable[[str], None]], list[tuple[str, Path]]]


class Summary(NamedTuple):
    """What was reported: a comparison a score, the machine types whose truth the baseline does not
    know, and what lies where.
    """

    comparisons: list[Comparison]
    without_truth: list[str]
    places: list[tuple[str, Path]]


def summarise(
    runs: Sequence[MachineRun],
    title: str,
    say: Callable[[str], None] = print,
    write_page: PageWriter | None = None,
) -> Summary:
    """Reports `runs`, all of them finished: AUCs of the machine types whose truth is known, and of
    evaluation data what the challenge takes.

    `write_page` gets the runs that are compared and says where it wrote a page about them. A call
    that reports on the same data set in the same folder at the same time is waited for; the later
    one's files stay.

    Raises
    ------
    RunError
        If the baseline's summary tool fails, or a result cannot be read.
    """
    plan = runs[0].plan
    plan.compare_folder.mkdir(parents=True, exist_ok=True)
    with FileLock(plan.compare_folder / f"{plan.dataset}.lock"):
        return _summarise(runs, title, say, write_page)


def _summarise(
    runs: Sequence[MachineRun],
    title: str,
    say: Callable[[str], None],
    write_page: PageWriter | None,
) -> Summary:
    without_truth = [
        machine
        for machine in dict.fromkeys(run.machine for run in runs)
        if not all(run.has_truth() for run in runs if run.machine == machine)
    ]
    judged = [run for run in runs if run.machine not in without_truth]
    compared = comparable(judged)
    comparisons = _tables(judged, compared, runs[0].plan, title, say)
    for remark in _remarks(runs, judged, compared, without_truth):
        say(f"\n{title}: {remark}")
    found = places(runs) + _for_the_evaluator(runs, say)
    if write_page:
        found += write_page(
            [run for run in runs if run in compared or run.machine in without_truth], title, say
        )
    say("\n" + "\n".join(f"{what:<22}{where}" for what, where in found))
    return Summary(comparisons, without_truth, found)


def _tables(
    judged: Sequence[MachineRun],
    compared: Sequence[MachineRun],
    plan: Plan,
    title: str,
    say: Callable[[str], None],
) -> list[Comparison]:
    """The baseline's summary of `judged`, and our tables of `compared`; nothing stays of an earlier
    call's.
    """
    shutil.rmtree(plan.summary_folder, ignore_errors=True)  # rows of folders that it summarised
    if judged:
        baseline_summary(judged)
    comparisons = [compare_runs(compared, score) for score in SCORES] if compared else []
    if comparisons:
        write_entries(plan.summary_folder / f"{plan.dataset}_comparison.csv", comparisons)
    for comparison in comparisons:
        say("\n" + screen_table(comparison, title))
    return comparisons


def _remarks(
    runs: Sequence[MachineRun],
    judged: Sequence[MachineRun],
    compared: Sequence[MachineRun],
    without_truth: Sequence[str],
) -> Iterator[str]:
    """What the tables do not show."""
    left_out = sorted({f"{run.machine} seed {run.seed}" for run in judged if run not in compared})
    if left_out:
        yield (
            f"without {', '.join(left_out)}, which not every arm or machine type in the comparison"
            " has finished."
        )
    receipts = [(run.machine, read_receipt(run, "train")) for run in runs if run.arm == "denoised"]
    untouched = sorted({machine for machine, receipt in receipts if receipt.get("untouched")})
    if untouched:
        yield (
            f"clips of {', '.join(untouched)} handed over as they are, for no recording tells what"
            " the noise in them is like; the log of the training says what to do."
        )
    if without_truth:
        yield (
            f"the baseline knows no ground truth of {', '.join(without_truth)}, so there are"
            " anomaly scores and no AUC."
        )


def _for_the_evaluator(
    runs: Sequence[MachineRun], say: Callable[[str], None]
) -> list[tuple[str, Path]]:
    """Of evaluation data, what the challenge takes, with that of other machine types that earlier
    calls finished: what and where; says what it lacks.
    """
    plan = runs[0].plan
    if plan.mode != "eval":
        return []
    folder, lacking = gather([*runs, *of_other_machines(runs)])
    if lacking:
        say(
            f"\n{folder} lacks {', '.join(lacking)}; the challenge and its evaluator want every"
            f" machine type of {plan.dataset}."
        )
    return [("for the evaluator", folder)]


def comparable(runs: Sequence[MachineRun]) -> list[MachineRun]:
    """Those of `runs` that make a whole table: every machine type with every seed in every arm. Of
    the machine types or the seeds with gaps, the ones go that take fewer runs with them.
    """
    arms = {run.arm for run in runs}
    done = {(run.machine, run.seed, run.arm) for run in runs}
    pairs = {
        (machine, seed)
        for machine, seed, _ in done
        if all((machine, seed, arm) in done for arm in arms)
    }
    machines, seeds = ({pair[place] for pair in pairs} for place in (0, 1))
    whole_seeds = {
        (machine, seed)
        for machine, seed in pairs
        if all((other, seed) in pairs for other in machines)
    }
    whole_machines = {
        (machine, seed)
        for machine, seed in pairs
        if all((machine, other) in pairs for other in seeds)
    }
    kept = max(whole_seeds, whole_machines, key=len)
    return [run for run in runs if (run.machine, run.seed) in kept]


def with_earlier_runs(
    finished: Sequence[MachineRun], both_arms: Sequence[MachineRun]
) -> list[MachineRun]:
    """`finished`, and their plain or denoised counterparts among `both_arms` if an earlier call
    finished every one of them.
    """
    counterparts = [
        run
        for run in both_arms
        if run not in finished
        and any((run.machine, run.seed) == (own.machine, own.seed) for own in finished)
    ]
    if finished_runs(counterparts) != counterparts:
        return list(finished)
    return [run for run in both_arms if run in finished or run in counterparts]


def of_other_machines(runs: Sequence[MachineRun]) -> list[MachineRun]:
    """What earlier calls finished of the other machine types, with the same settings, arms and
    seeds.
    """
    plan, own = runs[0].plan, {run.machine for run in runs}
    return finished_runs(
        MachineRun(plan, machine, seed, arm)
        for machine in plan.machines(())[0]
        if machine not in own
        for seed, arm in dict.fromkeys((run.seed, run.arm) for run in runs)
    )


def baseline_summary(runs: Sequence[MachineRun]) -> None:
    """Runs the baseline's export tool over the AUCs of `runs`, one System a result folder and seed.

    Raises
    ------
    RunError
        If it fails, or leaves a system without a total score.
    """
    plan = runs[0].plan
    systems = _one_folder_a_seed(runs)
    # Relative to the checkout, as in the baseline's scripts: the tool makes other paths from these.
    target, *sources = (
        os.path.relpath(folder, plan.baseline.folder) for folder in (plan.summary_folder, *systems)
    )
    command = [
        "bash",
        "tools/export_results.sh",
        plan.dataset,
        target,
        "None",
        f"-{plan.mode[0]}",
        *sources,
    ]
    log = plan.log_folder / f"{plan.dataset}_summary.log"
    with open(log, "wb") as file:
        tool = subprocess.run(
            command,
            cwd=plan.baseline.folder,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    if tool.returncode:
        raise RunError(
            "summary: expected the baseline's tools/export_results.sh to end well, got exit status"
            f" {tool.returncode} in {log}. Look there."
        )
    without = {folder.name for folder in systems} - _systems_with_total(
        plan.summary_folder / f"{plan.dataset}_auc_pauc_extract.csv"
    )
    if without:
        raise RunError(
            "summary: expected a total score of every system from the baseline's"
            f" tools/export_results.sh, got none of {', '.join(sorted(without))}. Look at {log}."
        )


def _one_folder_a_seed(runs: Sequence[MachineRun]) -> list[Path]:
    """Copies of the AUC tables, a folder for each result folder and seed: the tool skips, without a
    word, a machine type with two tables in one folder.
    """
    plan = runs[0].plan
    several = len({run.seed for run in runs}) > 1
    inputs = plan.compare_folder / "by_seed" / plan.dataset
    shutil.rmtree(inputs, ignore_errors=True)
    folders = []
    for run in runs:
        for score in SCORES:
            folder = inputs / run.system(score, several)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(run.roc(score), folder)
            folders.append(folder)
    return list(dict.fromkeys(folders))


def _systems_with_total(extract: Path) -> set[str]:
    with (
        contextlib.suppress(OSError, KeyError),
        open(extract, newline="", encoding="utf-8") as file,
    ):
        return {
            row["System"]
            for row in csv.DictReader(file)
            if row["metric"] == "TOTAL score" and row["h-mean"]
        }
    return set()


def places(runs: Sequence[MachineRun]) -> list[tuple[str, Path]]:
    """What lies where, each folder once."""
    plan = runs[0].plan
    found = [
        ("scores and AUCs" if step in SCORES else "models", run.folder(step))
        for step in (*SCORES, "train")
        for run in runs
    ]
    checkpoints = [
        read_receipt(run, "train").get("checkpoint") for run in runs if run.arm == "denoised"
    ]
    found += [
        ("denoisers", (plan.baseline.folder / checkpoint).parent.parent)
        for checkpoint in checkpoints
        if checkpoint
    ]
    if plan.summary_folder.is_dir():
        found += [("summary and table", plan.summary_folder)]
    return list(dict.fromkeys(found + [("logs", plan.log_folder)]))
