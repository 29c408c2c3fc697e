"""Runs the baseline for every machine type, seed and arm: side by side if asked, each step once,
and whatever happens to one leaves the others alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.plain_features import drop_half_written, fresh_features
from dcase_denoise_plugin.checkout.run_record import (
    findings_of,
    is_finished,
    wanted,
    write_record,
)
from dcase_denoise_plugin.errors import DataError, DenoiseError, RunError
from dcase_denoise_plugin.runner.processes import Children, child_environment
from dcase_denoise_plugin.runner.progress import Progress, Snapshot
from dcase_denoise_plugin.runner.step_log import last_words
from dcase_denoise_plugin.runner.workplace import gpu_named, gpu_of_each, workplace
from dcase_denoise_plugin.sound.audio import check_alike
from dcase_denoise_plugin.stage.receipts import refuse_other_stage

LOOK_EVERY_S = 1.0
# POSIX locks belong to a process: two of its threads would both be granted the one that the
# baseline left, and drop the same file.
_DROPPING = threading.Lock()
logger = logging.getLogger(__name__)


def run_all(
    runs: Iterable[MachineRun],
    jobs: int,
    watch: Callable[[Snapshot], None] | None = None,
    after: Callable[[MachineRun], None] | None = None,
) -> dict[MachineRun, DenoiseError]:
    """Brings all `runs` to their end, `jobs` at a time, and returns those that failed, with the
    reason. Every finished step and every failure is a line in the log.

    Ctrl-C (KeyboardInterrupt) ends the baseline's processes and is passed on; a step cut short is
    not noted as finished.

    Parameters
    ----------
    watch : gets what is going on, every second and from a thread of its own.
    after : gets each run that is finished, from the thread that ran it.

    Raises
    ------
    DataError, AudioError
        As `refuse_unfit` does; nothing is started then.
    """
    runs = list(runs)
    refuse_unfit(runs)
    progress, children = Progress(runs, jobs), Children()
    places = _environments(runs, jobs)

    def attempt(run: MachineRun) -> DenoiseError | None:
        error: DenoiseError
        environment = places.get()  # never waits: there are as many as threads
        try:
            _run_steps(run, children, environment, progress)
            if after:
                after(run)
            return None
        except DenoiseError as failure:
            error = failure
        except OSError as failure:
            error = RunError(
                f"{run}: expected to read its clips and write its log and records, got {failure}."
                " Correct path or rights, or free space."
            )
        finally:
            places.put(environment)
        if not children.ended:  # else it was ended with all others, and that is said once
            progress.fails(run, error)
        return error

    with _watched(progress, watch), ThreadPoolExecutor(jobs) as pool:
        waiting = {run: pool.submit(attempt, run) for run in runs}
        try:
            results = {run: future.result() for run, future in waiting.items()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise
    return {run: error for run, error in results.items() if error}


def refuse_unfit(runs: Iterable[MachineRun]) -> None:
    """Raises DataError if one of `runs` would overwrite what another denoising stage has finished,
    or cannot take all clips; AudioError if the baseline does not read a clip's name.
    """
    for run in runs:
        run.check_names()
        if run.arm == "denoised" and run.has_sections:
            folders = [run.folder(step) for step in run.steps]
            refuse_other_stage(folders, run.name, run.plan.config, "--set export_dir=NAME")


def _environments(runs: list[MachineRun], jobs: int) -> queue.SimpleQueue[dict[str, str]]:
    """One for each job; the GPUs in turn, unless the settings name one."""
    environments: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
    # The baseline takes GPU 0 by itself.
    is_named = any(gpu_named(run.plan.settings) != "0" for run in runs)
    for gpu in [None] * jobs if is_named else gpu_of_each(jobs, os.environ):
        environments.put(child_environment(jobs, gpu=gpu))
    return environments


@contextlib.contextmanager
def _watched(progress: Progress, watch: Callable[[Snapshot], None] | None) -> Iterator[None]:
    """Shows `watch` a snapshot every second, and a last one at the end."""
    if watch is None:
        yield
        return
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_EVERY_S):
            watch(progress.snapshot())
        watch(progress.snapshot())

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _run_steps(
    run: MachineRun, children: Children, environment: Mapping[str, str], progress: Progress
) -> None:
    with _own_log(run) as log:
        for step in run.steps:
            if is_finished(run, step):
                progress.was_finished(run, step)
                continue
            if step == "train":
                _refuse_to_overwrite(run, log)
                _begin(run, log)
            progress.starts(run, step, log.seek(0, os.SEEK_END))
            if run.arm == "plain":
                _drop_half_written(run)
            _run_step(run, step, log, children, environment)
            progress.ends(run, step)
            if step == "train" and (findings := findings_of(run)):
                logger.info(findings)


def _begin(run: MachineRun, log: BinaryIO) -> None:
    command = shlex.join([sys.executable, *run.command("train")])
    log.truncate(0)
    log.write(f"{command}\n".encode(errors="surrogateescape"))
    log.flush()
    logger.info(f"{run} starts; its log is {run.log}")


def _refuse_to_overwrite(run: MachineRun, log: BinaryIO) -> None:
    """A training of this runner leaves a log even where it was interrupted; a model beside none is
    somebody's own.
    """
    if log.seek(0, os.SEEK_END) or run.record("train").exists():
        return
    for model in run.folder("train").glob(run.name.model()):
        raise DataError(
            f"{run} train: expected no model yet, for this runner has trained none, got {model}. It"
            " and its results would be overwritten; move them, or name another folder by --set"
            " export_dir=NAME."
        )


def _drop_half_written(run: MachineRun) -> None:
    with _DROPPING:
        for pickle in drop_half_written(run.processed.parent):
            logger.info(f"deleted {pickle}, which an interrupted run left half-written")


def _run_step(
    run: MachineRun,
    step: str,
    log: BinaryIO,
    children: Children,
    environment: Mapping[str, str],
) -> None:
    asked, baseline = wanted(run, step), run.plan.baseline
    settings = asked["settings"]
    place = workplace(environment, settings)
    start, start_ns = log.seek(0, os.SEEK_END), time.time_ns()
    fresh: contextlib.AbstractContextManager[tuple[int, ...]] = contextlib.nullcontext(())
    if run.arm == "plain":
        # Behind the flag the stage refuses them; the baseline takes them, and scores vectors that
        # it made up.
        check_alike(run.served_clips, run.channels if baseline.takes_two_channels else 1)
        fresh = fresh_features(run.raw, run.processed, settings, baseline.loader_digest())
    command = [sys.executable, *run.command(step)]
    with fresh as held:
        status = children.run(command, log, cwd=baseline.folder, env=environment, pass_fds=held)
        if status:
            raise RunError(f"{run} {step}: {last_words(run.log, start, status)}")
    write_record(run, step, start_ns, asked, place)


@contextlib.contextmanager
def _own_log(run: MachineRun) -> Iterator[BinaryIO]:
    """The run's log, locked. The baseline's process inherits the lock, so it outlives a runner that
    was killed.
    """
    run.log.parent.mkdir(parents=True, exist_ok=True)
    with open(run.log, "ab") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"{run}: expected to be the only one at it, got another process that writes"
                f" {run.log}. Wait for it or end it."
            ) from None
        yield log
