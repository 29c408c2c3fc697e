"""Scores and decisions on the evaluation data, in the names and folders that the challenge and its
official evaluator take.

The evaluator of a challenge year (dcase2023_task2_evaluator to dcase2025_task2_evaluator) reads
``<teams>/<team>/<system>/{anomaly_score,decision_result}_<machine>_section_<section>_test.csv``,
rows ``clip,value`` without a header, for every machine type of that year. It knows clips by the
names of ``test`` and by those of ``test_rename``, and needs nothing else, no ``.meta.yaml`` either.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.result_files import ResultFile, submitted, system_name
from dcase_denoise_plugin.errors import RunError

TEAM = "dcase-denoise-plugin"
KINDS = ("anomaly_score", "decision_result")


def gather(runs: Sequence[MachineRun]) -> tuple[Path, list[str]]:
    """Copies the CSVs of `runs`, all finished and of one data set, a system for each result folder
    and, if there are several, seed.

    Returns
    -------
    folder : what the evaluator takes as ``--teams_root_dir``; its former content is gone.
    lacking : machine types of the data set that it still lacks.

    Raises
    ------
    RunError
        If a run has left no scores or no decisions.
    """
    plan = runs[0].plan
    teams, several = plan.together.submission, len({run.seed for run in runs}) > 1
    shutil.rmtree(teams, ignore_errors=True)
    for run in runs:
        for score in SCORES:
            system = teams / TEAM / system_name(run.folder(score), run.seed, several)
            system.mkdir(parents=True, exist_ok=True)
            for kind in KINDS:
                for source, section in _tables(run, score, kind):
                    shutil.copyfile(source, system / submitted(kind, run.machine, section))
    there = {run.machine for run in runs}
    return teams, [
        machine
        for machine in plan.baseline.machine_types(plan.dataset, plan.mode)
        if machine not in there
    ]


def _tables(run: MachineRun, score: str, kind: str) -> list[tuple[Path, str]]:
    found = [(path, ResultFile.from_name(path.name)) for path in run.outputs(score)]
    own = [(path, file) for path, file in found if file and file.kind == kind]
    tables = [
        (path, file.section.removeprefix("section_"))
        for path, file in own
        if file.dataset + file.machine_type == run.dataset and file.section.startswith("section_")
    ]
    if not tables:
        raise RunError(
            f"{run} {score}: expected {kind}_{run.dataset}_section_<number>_test_…csv from the"
            f" baseline, got none in {run.folder(score)}. Look at {run.log}."
        )
    return tables
