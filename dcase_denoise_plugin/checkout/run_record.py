"""What is noted of a finished step, so that it is not done again and a result cannot pass for
another one.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.checkout.machine_run import STEPS, MachineRun
from dcase_denoise_plugin.checkout.record_file import read_record
from dcase_denoise_plugin.checkout.result_files import is_receipt
from dcase_denoise_plugin.errors import DenoiseError, RunError, first_line
from dcase_denoise_plugin.files import digest_of, file_digest, written_whole
from dcase_denoise_plugin.names import OWN_RUNS, Folders
from dcase_denoise_plugin.quoting import in_one_line
from dcase_denoise_plugin.settings.config import DenoiseConfig, keys_that_shape_nothing
from dcase_denoise_plugin.settings.keys import PREFIX
from dcase_denoise_plugin.settings.values import BUILT_IN_METHODS
from dcase_denoise_plugin.sound.machine import (
    manifest,
    recordings_from_elsewhere,
    training_clips_beside,
)
from dcase_denoise_plugin.stage.code_digests import plugin_source_digest
from dcase_denoise_plugin.stage.receipts import Receipt, read_receipt

RECORDED_LIBRARIES = ("torch", "numpy", "librosa")
NOT_DENOISED = "The run did not denoise and is not reported; try dcase-denoise doctor, and look at"


def is_finished(run: MachineRun, step: str) -> bool:
    """Whether the step was finished as it is wanted now, and its files are still those."""
    try:
        record = read_record(run.record(step))
        is_as_wanted = _compared(record.wanted) == _compared(wanted(run, step))
        return is_as_wanted and record.files == _digests(run, step)
    except (OSError, ValueError, DenoiseError):
        return False


def finished_runs(runs: Iterable[MachineRun]) -> list[MachineRun]:
    """Those of `runs` whose steps are all done as they are wanted now."""
    return [run for run in runs if all(is_finished(run, step) for step in STEPS)]


def write_record(
    run: MachineRun, step: str, start_ns: int, asked: dict[str, Any], place: dict[str, str]
) -> None:
    """Notes a step that was started at `start_ns` and has ended well; aside first, so that a record
    that is there is whole.

    Parameters
    ----------
    asked : what was `wanted` when it started.
    place : its threads and device. They are noted and told in the report, and another place does
        not undo the step.

    Raises
    ------
    RunError
        If the step left nothing, a denoised step has no valid receipt, or something that shapes the
        result has changed since the start.
    """
    now = wanted(run, step)
    changed = sorted(
        what.replace("_", " ")
        for what in asked.keys() | now.keys()
        if asked.get(what) != now.get(what)
    )
    if changed:
        raise RunError(
            f"{run} {step}: expected the same {', '.join(changed)} at its end as at its start, got"
            f" changed ones in {run.plan.baseline.folder}. Nobody knows which of them shaped the"
            " result, and it does not count; run the same command again."
        )
    content = {
        "files": _digests(run, step),
        "stage_digest": check_receipt(run, step, start_ns) if run.arm == "denoised" else None,
        "wanted": asked,
        "place": place,
        "seconds": round((time.time_ns() - start_ns) / 1e9, 3),
    }
    with written_whole(run.record(step)) as aside:
        aside.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def seconds_of(run: MachineRun, step: str) -> float | None:
    """How long a finished step took; None if nobody noted it."""
    try:
        return read_record(run.record(step)).seconds
    except (OSError, ValueError):
        return None


def wanted(run: MachineRun, step: str) -> dict[str, Any]:
    """Everything that shapes what the step leaves, as JSON, and as it is on the disk now: hours may
    have gone by since `run` was planned.
    """
    plan = run.plan
    settings = {
        key: value
        for key, value in {**plan.baseline.settings_now(), **plan.overrides.baseline}.items()
        if not key.startswith(PREFIX)
    }
    content: dict[str, Any] = {
        "command": run.command(step),
        "settings": settings,
        "baseline_code": plan.baseline.code_digest(),
        "clips": digest_of(manifest(run.clips)),
        "versions": {name: metadata.version(name) for name in RECORDED_LIBRARIES},
    }
    if run.arm == "denoised":
        content["stage"] = plan.config.as_keys()
        content["versions"]["dcase_denoise_plugin"] = __version__
        content["plugin_code"] = plugin_source_digest()
        content["checkpoint"] = (
            _digest_or_missing(plan.baseline.folder / plan.config.checkpoint)
            if plan.config.checkpoint
            else None
        )
        beside = training_clips_beside(run.raw)
        content["recordings_from_elsewhere"] = digest_of(
            manifest(recordings_from_elsewhere(plan.config, beside, plan.baseline.folder))
        )
        content["method"] = _own_method_digest(plan.config)
    if step != "train":
        content["trained"] = _digests(run, "train")
    return json.loads(json.dumps(content, default=str))


def check_receipt(run: MachineRun, step: str, start_ns: int) -> str:
    """The digest of the stage that took part in a denoised step.

    Raises
    ------
    RunError
        If the hook left no receipt since `start_ns`, or one of another configuration, or a test
        went through another denoiser than the training.
    """
    receipt, path = receipt_of(run, step), run.receipt(step)
    if path.stat().st_mtime_ns < start_ns:
        raise RunError(
            f"{run} {step}: expected a receipt of this run, got an earlier one in {path}."
            f" {NOT_DENOISED} {run.log}."
        )
    asked = _shaping(run.plan.config.as_keys())
    other = sorted(key for key in asked if receipt.config.get(key) != asked[key])
    if other:
        raise RunError(
            f"{run} {step}: expected a run with the settings asked for, got other values of"
            f" {', '.join(other)} in {path}. The run is not reported; look at {run.log}."
        )
    digest = str(receipt.stage_digest)
    if step != "train" and digest != receipt_of(run, "train").stage_digest:
        raise RunError(
            f"{run} {step}: expected the denoiser of the training run, got another one in {path}."
            f" Remove {run.record('train')} and run again."
        )
    return digest


def receipt_of(run: MachineRun, step: str) -> Receipt:
    """What the hook noted of a denoised step. Raises RunError if it noted nothing."""
    path = run.receipt(step)
    try:
        receipt = read_receipt(path)
        if receipt.stage_digest is None:
            raise ValueError("no stage_digest")
        return receipt
    except (OSError, ValueError) as error:
        raise RunError(
            f"{run} {step}: expected the denoising stage's receipt, got {first_line(error)} in"
            f" {path}. {NOT_DENOISED} {run.log}."
        ) from None


def findings_of(run: MachineRun) -> str:
    """What the stage found out about the machine, in one line; empty for a plain run and where it
    noted nothing.
    """
    if run.arm != "denoised":
        return ""
    findings = in_one_line(receipt_of(run, "train").findings or "")
    if not run.own_name:
        return findings
    return f"{run.own_name}:{findings.removeprefix(run.machine).removeprefix(':')}"


def findings_in(checkout: Path) -> list[str]:
    """What the stage found out about the machines of a checkout, by the receipts of all finished
    trainings but a user's own machines', line by line.
    """
    models = Folders(checkout, "dev").models("")
    receipts = [path for path in models.glob("*/*.json") if is_receipt(path.name)]
    receipts = [path for path in receipts if not path.parent.name.startswith(OWN_RUNS)]
    found = []
    for path in sorted(receipts):
        try:
            found.append(read_receipt(path).findings)
        except (OSError, ValueError):
            continue  # damaged; the run that needs it will say so
    return list(dict.fromkeys(in_one_line(line) for line in found if line))


def _compared(wanted: dict[str, Any]) -> dict[str, Any]:
    """What `wanted` says without the keys that shape nothing."""
    command = [
        word
        for word in wanted.get("command", ())
        if word.partition("=")[0].lstrip("-") not in keys_that_shape_nothing()
    ]
    return {**wanted, "command": command, "stage": _shaping(wanted.get("stage", {}))}


def _shaping(keys: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if key not in keys_that_shape_nothing()}


def _own_method_digest(config: DenoiseConfig) -> str | None:
    """Of a user's method, which may change under the same name."""
    if config.method in BUILT_IN_METHODS:
        return None
    from dcase_denoise_plugin.stage.own_method import find, source_digest

    return source_digest(find(config.method))


def _digests(run: MachineRun, step: str) -> dict[str, str]:
    return {file.name: _digest_or_missing(file) for file in run.outputs(step)}


def _digest_or_missing(file: Path) -> str:
    try:
        return file_digest(file)
    except OSError:
        return "missing"
