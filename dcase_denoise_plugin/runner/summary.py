"""The end of a call: the baseline's own summary over plain and denoised results, our table, and
where every file lies.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.run_record import findings_of, receipt_of
from dcase_denoise_plugin.figures.comparison import Comparison, compare_runs
from dcase_denoise_plugin.figures.screen_table import screen_table, write_entries
from dcase_denoise_plugin.names import DENOISERS
from dcase_denoise_plugin.runner.baseline_summary import baseline_summary
from dcase_denoise_plugin.runner.call import comparable, of_other_machines
from dcase_denoise_plugin.runner.submission import gather

# Gets runs and title; hands back what lies where, None if it could not write it.
PageWriter = Callable[[Sequence[MachineRun], str], list[tuple[str, Path]] | None]
logger = logging.getLogger(__name__)


class Summary(NamedTuple):
    """What was reported: a comparison a score, the machine types whose truth the baseline does not
    know, what lies where, and whether a page about them could not be written.
    """

    comparisons: list[Comparison]
    without_truth: list[str]
    places: list[tuple[str, Path]]
    lacks_page: bool


def summarise(
    runs: Sequence[MachineRun], title: str, write_page: PageWriter | None = None
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
    plan.together.folder.mkdir(parents=True, exist_ok=True)
    with FileLock(plan.together.lock):
        return _summarise(runs, title, write_page)


def _summarise(runs: Sequence[MachineRun], title: str, write_page: PageWriter | None) -> Summary:
    without_truth = [
        machine
        for machine in dict.fromkeys(run.machine for run in runs)
        if not all(run.has_truth() for run in runs if run.machine == machine)
    ]
    judged = [run for run in runs if run.machine not in without_truth]
    compared = comparable(judged)
    comparisons = _tables(judged, compared, runs[0].plan, title)
    if findings := {run.machine: line for run in runs if (line := findings_of(run))}:
        logger.info("\n" + "\n".join(findings.values()))
    for remark in _remarks(runs, judged, compared, without_truth):
        logger.info(f"\n{title}: {remark}")
    found = places(runs) + _for_the_evaluator(runs)
    on_page = [run for run in runs if run in compared or run.machine in without_truth]
    written = write_page(on_page, title) if write_page else []
    found += written or []
    logger.info("\n" + "\n".join(f"{what:<22}{where}" for what, where in found))
    return Summary(comparisons, without_truth, found, written is None)


def _tables(
    judged: Sequence[MachineRun],
    compared: Sequence[MachineRun],
    plan: Plan,
    title: str,
) -> list[Comparison]:
    """The baseline's summary of `judged`, and our tables of `compared`; nothing stays of an earlier
    call's.
    """
    shutil.rmtree(plan.together.summary, ignore_errors=True)  # rows of folders that it summarised
    if judged:
        baseline_summary(judged)
    comparisons = [compare_runs(compared, score) for score in SCORES] if compared else []
    if comparisons:
        write_entries(plan.together.table, comparisons)
    for comparison in comparisons:
        logger.info("\n" + screen_table(comparison, title))
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
    receipts = [(run.machine, receipt_of(run, "train")) for run in runs if run.arm == "denoised"]
    untouched = sorted({machine for machine, receipt in receipts if receipt.untouched})
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


def _for_the_evaluator(runs: Sequence[MachineRun]) -> list[tuple[str, Path]]:
    """Of evaluation data, what the challenge takes, with that of other machine types that earlier
    calls finished: what and where; says what it lacks.
    """
    plan = runs[0].plan
    if plan.mode != "eval":
        return []
    folder, lacking = gather([*runs, *of_other_machines(runs)])
    if lacking:
        logger.info(
            f"\n{folder} lacks {', '.join(lacking)}; the challenge and its evaluator want every"
            f" machine type of {plan.dataset}."
        )
    return [("for the evaluator", folder)]


def places(runs: Sequence[MachineRun]) -> list[tuple[str, Path]]:
    """What lies where, each folder once."""
    plan = runs[0].plan
    found = [
        ("scores and AUCs" if step in SCORES else "models", run.folder(step))
        for step in (*SCORES, "train")
        for run in runs
    ]
    receipts = [receipt_of(run, "train") for run in runs if run.arm == "denoised"]
    if any(Path(receipt.checkpoint or "").is_relative_to(DENOISERS) for receipt in receipts):
        found += [("denoisers", plan.baseline.folder / DENOISERS)]
    if plan.together.summary.is_dir():
        found += [("summary and table", plan.together.summary)]
    return list(dict.fromkeys(found + [("logs", plan.log_folder)]))
