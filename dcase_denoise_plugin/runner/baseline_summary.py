"""The baseline's own summary over plain and denoised results, by its export tool."""

from __future__ import annotations

import contextlib
import csv
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.result_files import summary_log, system_name
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.runner.processes import child_environment


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
        os.path.relpath(folder, plan.baseline.folder)
        for folder in (plan.together.summary, *systems)
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
    log = summary_log(plan.log_folder, plan.dataset)
    with open(log, "wb") as file:
        tool = subprocess.run(
            command,
            cwd=plan.baseline.folder,
            # The tool goes through sets of names: columns and sums follow their hashes.
            env={**child_environment(), "PYTHONHASHSEED": "0"},
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
        plan.together.summary_extract
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
    inputs = plan.together.by_seed
    shutil.rmtree(inputs, ignore_errors=True)
    folders = []
    for run in runs:
        for score in SCORES:
            folder = inputs / system_name(run.folder(score), run.seed, several)
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
