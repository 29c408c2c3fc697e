"""How far the runs of one call are: which steps are done, what the running ones are at, and how
long the rest will take.
"""

from __future__ import annotations

import dataclasses
import heapq
import logging
import statistics
import threading
import time
from collections.abc import Callable, Sequence

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.run_record import seconds_of
from dcase_denoise_plugin.runner.step_log import AUTOENCODER, DENOISER, Stage, StepLog

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Running:
    """A step at work: which, since how many seconds, and at what."""

    run: MachineRun
    step: str
    elapsed_s: float
    stage: Stage

    def __str__(self) -> str:
        return f"{self.run}: {self.stage}"


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """Steps done out of all, those at work, and an estimate of the rest.

    Attributes
    ----------
    left_s : seconds until the last run ends, None while nothing that was finished tells.
    at_least : whether a part of the rest has no measure yet, so that `left_s` is only a lower
        bound.
    new_lines : what the logs of running and ended steps have got since the last snapshot, line by
        line with its run.
    """

    done: int
    steps: int
    elapsed_s: float
    left_s: float | None
    at_least: bool
    running: tuple[Running, ...]
    new_lines: Sequence[tuple[MachineRun, str]] = ()

    @property
    def eta(self) -> str:
        """``ETA 12 min``, ``ETA over 12 min``, or nothing where it would tell nothing."""
        if self.left_s is None or (self.at_least and self.left_s < 0.5):
            return ""
        return f"ETA {'over ' * self.at_least}{duration(self.left_s)}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``40 s``, ``12 min``, ``3 h 05 min``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02d} min"


class Progress:
    """Keeps account of the steps of `runs`, from any thread; every step that is done and every run
    that failed is one line in the log.
    """

    def __init__(
        self,
        runs: Sequence[MachineRun],
        jobs: int,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._left = {(run, step) for run in runs for step in run.steps}
        self._steps, self._done, self._jobs = len(self._left), 0, jobs
        self._clock, self._start = clock, clock()
        self._order = {run: place for place, run in enumerate(runs)}
        self._running: dict[tuple[MachineRun, str], _Pace] = {}
        self._took: dict[tuple[str, str], list[float]] = {}
        self._new_lines: list[tuple[MachineRun, str]] = []
        # Two locks: lines come in the order of their counts, and while one is being written, a
        # snapshot need not wait.
        self._lock, self._line_lock = threading.Lock(), threading.Lock()

    def starts(self, run: MachineRun, step: str, log_bytes: int) -> None:
        """A step begins, and its log has this size."""
        epochs = run.plan.settings.get("epochs", 0)
        epochs = int(epochs) if str(epochs).isdigit() else 0
        with self._lock:
            self._running[run, step] = _Pace(
                StepLog(run.log, log_bytes, step, epochs), self._clock()
            )

    def ends(self, run: MachineRun, step: str) -> None:
        """A step that was started has ended well."""
        with self._lock:
            took_s = self._end(run, step)
            self._took.setdefault((run.arm, step), []).append(took_s)
        self._one_done(run, step, f"{took_s:.0f} s")

    def was_finished(self, run: MachineRun, step: str) -> None:
        """A step needs no run; what it took then tells what others will."""
        seconds = seconds_of(run, step)
        if seconds is not None:
            with self._lock:
                self._took.setdefault((run.arm, step), []).append(seconds)
        self._one_done(run, step, "finished before")

    def fails(self, run: MachineRun, reason: Exception) -> None:
        """A run has ended, and its other steps will not come."""
        with self._lock:
            for step in run.steps:
                if (run, step) in self._running:
                    self._end(run, step)
                self._left.discard((run, step))
        logger.error(f"{run} FAILED: {reason}")

    def snapshot(self) -> Snapshot:
        with self._lock:
            now = self._clock()
            for run, step in self._running:
                self._look(run, step, now)
            running = tuple(
                Running(*key, now - pace.start, pace.log.stage)
                for key, pace in self._running.items()
            )
            left_s, at_least = self._rest(now)
            new_lines, self._new_lines = self._new_lines, []
            return Snapshot(
                self._done, self._steps, now - self._start, left_s, at_least, running, new_lines
            )

    def _look(self, run: MachineRun, step: str, now: float) -> None:
        self._new_lines += [(run, line) for line in self._running[run, step].look(now)]

    def _end(self, run: MachineRun, step: str) -> float:
        """Seconds that the step took; what it said last is for the next snapshot."""
        now = self._clock()
        self._look(run, step, now)
        return now - self._running.pop((run, step)).start

    def _one_done(self, run: MachineRun, step: str, how: str) -> None:
        with self._line_lock:
            with self._lock:
                self._left.discard((run, step))
                self._done += 1
            logger.info(f"[{self._done}/{self._steps}] {run} {step}: {how}")

    def _rest(self, now: float) -> tuple[float | None, bool]:
        """Seconds until the last run ends, if those that wait start in their order as soon as
        another one ends.
        """
        of_runs, unknown = (
            dict.fromkeys(sorted((run for run, _ in self._left), key=self._order.__getitem__), 0.0),
            False,
        )
        for run, step in self._left:
            seconds, sure = self._rest_of(run, step, self._running.get((run, step)), now)
            of_runs[run] += seconds
            unknown = unknown or not sure
        if unknown and not any(of_runs.values()):
            return None, True
        at_work = {run for run, _ in self._running}
        ends = [0.0] * self._jobs
        for run in sorted(of_runs, key=lambda run: run not in at_work):
            heapq.heapreplace(ends, ends[0] + of_runs[run])
        return max(ends), unknown

    def _rest_of(
        self, run: MachineRun, step: str, pace: _Pace | None, now: float
    ) -> tuple[float, bool]:
        """Seconds, and whether all of them are known."""
        whole, sure = self._usual(run.arm, step)
        if pace is None:
            return whole, sure
        of_stage = pace.rest_of_stage(now)
        if of_stage is None:
            return max(0.0, whole - (now - pace.start)), sure
        if pace.log.stage.name == AUTOENCODER:
            return of_stage, True
        # After the denoiser's own epochs comes what the plain arm takes.
        after, sure = (
            (statistics.mean(self._took["plain", step]), True)
            if ("plain", step) in self._took
            else (0.0, False)
        )
        return of_stage + after, sure

    def _usual(self, arm: str, step: str) -> tuple[float, bool]:
        """What such a step took on average; that of the other score will do for a test, that of the
        other arm as a lower bound.
        """
        for steps in ((step,), SCORES if step in SCORES else ()):
            took = [seconds for name in steps for seconds in self._took.get((arm, name), ())]
            if took:
                return statistics.mean(took), True
        took = [
            seconds
            for (_, name), all_of_it in self._took.items()
            if name == step
            for seconds in all_of_it
        ]
        return (min(took), False) if took else (0.0, False)


class _Pace:
    """The speed of one running step, from when its stage and its epochs were first seen."""

    def __init__(self, log: StepLog, start: float):
        self.log, self.start = log, start
        self._first = self._last = (log.stage, start)

    def look(self, now: float) -> list[str]:
        lines = self.log.read()
        stage, (seen, _) = self.log.stage, self._last
        if stage != seen:
            self._last = stage, now
            if stage.name != seen.name:
                self._first = self._last
        return lines

    def rest_of_stage(self, now: float) -> float | None:
        """Seconds that the epochs to come take; None before two epochs were seen."""
        (first, first_time), (last, last_time) = self._first, self._last
        if last.epoch <= first.epoch:
            return None
        per_epoch = (last_time - first_time) / (last.epoch - first.epoch)
        # The denoiser's line ends an epoch, the autoencoder's first one begins it.
        to_come = last.epochs - last.epoch + (last.name != DENOISER)
        return max(0.0, to_come * per_epoch - (now - last_time))
