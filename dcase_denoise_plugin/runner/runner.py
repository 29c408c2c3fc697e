"""Runs the baseline for every machine type, seed and arm: side by side if asked, each step once,
and whatever happens to one leaves the others alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from dcase_denoise_plugin.checkout.machine_run import STEPS, MachineRun
from dcase_denoise_plugin.checkout.plain_features import drop_half_written, fresh_features
from dcase_denoise_plugin.checkout.run_record import is_finished, wanted, write_record
from dcase_denoise_plugin.errors import DataError, DenoiseError, RunError, error_in
from dcase_denoise_plugin.runner.progress import Progress, Snapshot
from dcase_denoise_plugin.runner.workplace import (
    THREADS_VARIABLE,
    VISIBLE_GPUS_VARIABLE,
    gpu_named,
    gpu_of_each,
    usable_cores,
    workplace,
)
from dcase_denoise_plugin.settings.sources import PRESET_VARIABLE
from dcase_denoise_plugin.sound.audio import check_alike

GRACE_S = 5.0
LOOK_EVERY_S = 1.0
# POSIX locks belong to a process: two of its threads would both be granted the one that the
# baseline left, and drop the same file.
_DROPPING = threading.Lock()


def run_all(
    runs: Iterable[MachineRun],
    jobs: int,
    say: Callable[[str], None] = print,
    watch: Callable[[Snapshot], None] | None = None,
    after: Callable[[MachineRun], None] | None = None,
) -> dict[MachineRun, DenoiseError]:
    """Brings all `runs` to their end, `jobs` at a time, and returns those that failed, with the
    reason.

    `say` gets a line for each finished step and each failure; `watch`, every second and from a
    thread of its own, what is going on; `after` each run that is finished, from the thread that ran
    it.

    Ctrl-C (KeyboardInterrupt) ends the baseline's processes and is passed on; a step cut short is
    not noted as finished.
    """
    runs = list(runs)
    progress, children = Progress(runs, jobs, say), _Children()
    places = queue.SimpleQueue()
    named = any(
        gpu_named(run.plan.settings) != "0" for run in runs
    )  # the one that the baseline takes by itself
    for gpu in [None] * jobs if named else gpu_of_each(jobs, os.environ):
        places.put(child_environment(jobs, gpu=gpu))

    def attempt(run: MachineRun) -> DenoiseError | None:
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
                f"{run}: expected to write its log and records, got {failure}. Free space or choose"
                " another folder."
            )
        finally:
            places.put(environment)
        if not children.ended:  # else it was ended with all others, and that is said once
            progress.fails(run, error)
        return error

    with _watched(progress, watch), ThreadPoolExecutor(jobs) as pool:
        waiting = {run: pool.submit(attempt, run) for run in runs}
        try:
            return {run: future.result() for run, future in waiting.items() if future.result()}
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.end()
            raise


def child_environment(
    jobs: int = 1, environment: Mapping[str, str] = os.environ, gpu: str | None = None
) -> dict[str, str]:
    """The environment of the baseline's processes: the hook on PYTHONPATH, this Python first on
    PATH, and of several GPUs only `gpu`, if one is named.

    One job at a time leaves the thread counts alone, so that the plain CSVs are byte for byte the
    user's own. Several jobs share the cores that this process may use, unless the user has set a
    thread count: with default ones, two trainings on two cores run 30 times slower.

    Raises
    ------
    RunError
        If the hook is not installed beside the package.
    """
    hook = find_spec("baseline_patches")
    if hook is None:
        raise RunError(
            "installation: expected the package baseline_patches beside dcase_denoise_plugin, got"
            " none. Install the plugin again."
        )
    path = [
        str(Path(entry).absolute())
        for entry in environment.get("PYTHONPATH", "").split(os.pathsep)
        if entry
    ]  # the baseline runs in its own folder
    child = {
        **environment,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join([next(iter(hook.submodule_search_locations)), *path]),
        "PATH": os.pathsep.join(
            filter(None, [str(Path(sys.executable).parent), environment.get("PATH")])
        ),
    }
    if environment.get(PRESET_VARIABLE, "").endswith((".yaml", ".yml")):
        child[PRESET_VARIABLE] = str(Path(environment[PRESET_VARIABLE]).absolute())
    if jobs > 1 and not environment.get(THREADS_VARIABLE):
        child[THREADS_VARIABLE] = str(max(1, usable_cores() // jobs))
    if gpu is not None:
        child[VISIBLE_GPUS_VARIABLE] = gpu
    return child


@contextlib.contextmanager
def _watched(progress: Progress, watch: Callable[[Snapshot], None] | None):
    """Shows `watch` a snapshot every second, and a last one at the end."""
    ended = threading.Event()

    def look():
        while not ended.wait(LOOK_EVERY_S):
            watch(progress.snapshot())
        watch(progress.snapshot())

    watcher = threading.Thread(target=look, daemon=True)
    if watch:
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if watch:
            watcher.join()


def _run_steps(
    run: MachineRun, children: _Children, environment: Mapping[str, str], progress: Progress
) -> None:
    with _own_log(run) as log:
        for step in STEPS:
            if is_finished(run, step):
                progress.was_finished(run, step)
                continue
            if step == "train":
                _refuse_to_overwrite(run, log)
                log.truncate(0)
                log.write(
                    f"{shlex.join([sys.executable, *run.command(step)])}\n".encode(
                        errors="surrogateescape"
                    )
                )
                log.flush()
                progress.say(f"{run} starts; its log is {run.log}")
            progress.starts(run, step, log.seek(0, os.SEEK_END))
            if run.arm == "plain":
                _drop_half_written(run, progress)
            _run_step(run, step, log, children, environment)
            progress.ends(run, step)


def _refuse_to_overwrite(run, log):
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


def _drop_half_written(run, progress):
    with _DROPPING:
        for pickle in drop_half_written(run.processed.parent):
            progress.say(f"deleted {pickle}, which an interrupted run left half-written")


def _run_step(run, step, log, children, environment):
    asked = wanted(run, step)
    settings = asked["settings"]
    place = workplace(environment, settings)
    start, start_ns = log.seek(0, os.SEEK_END), time.time_ns()
    if (
        run.arm == "plain"
        # behind the flag the stage refuses them; the baseline takes them, and scores vectors that
        # it made up
    ):
        check_alike(run.served_clips)
    with (
        fresh_features(run.raw, run.processed, settings, run.plan.baseline.loader_digest())
        if run.arm == "plain"
        else contextlib.nullcontext()
    ):
        status = children.run(
            [sys.executable, *run.command(step)], log, cwd=run.plan.baseline.folder, env=environment
        )
        if status:
            raise RunError(f"{run} {step}: {_last_words(run.log, start, status)}")
    write_record(run, step, start_ns, asked, place)


def _last_words(log: Path, start: int, status: int) -> str:
    """The hook's own error if it wrote one after byte `start`, else the last line and the exit
    status.
    """
    lines = [
        line.strip()
        for line in log.read_bytes()[start:].decode(errors="replace").splitlines()
        if line.strip()
    ]
    errors = [error for error in map(error_in, lines) if error]
    if errors:
        return f"{errors[-1]} (log: {log})"
    return (
        f"expected the baseline's train.py to end well, got exit status {status} in {log}."
        f" {(lines or ['It said nothing.'])[-1]}"
    )


@contextlib.contextmanager
def _own_log(run: MachineRun):
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


class _Children:
    """The baseline's processes, each the head of a process group of its own, so that `end` reaches
    what they started too.
    """

    def __init__(self):
        self._alive: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self.ended = False

    def run(self, command: list[str], log: BinaryIO, **options) -> int:
        """Runs `command` to its end, with all it says in `log`, and returns its exit status."""
        with self._lock:
            if self.ended:
                return -signal.SIGTERM
            child = subprocess.Popen(
                command,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **options,
            )
            self._alive.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._alive.discard(child)

    def end(self) -> None:
        """Ends all of them at once, the hard way after a few seconds, and lets none start after."""
        with self._lock:
            self.ended = True
            alive = list(self._alive)
        for how in (signal.SIGTERM, signal.SIGKILL):
            until = time.monotonic() + GRACE_S
            for child in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, how)
            for child in alive:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(max(0.0, until - time.monotonic()))
