"""What a call shows: the lines that the plugin logs, and its progress, in live bars or in lines."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.runner.progress import Snapshot, duration

PAUSE_S = 60.0


class Quiet:
    """Shows nothing, warnings and errors neither; the caller names what failed."""

    def say(self, text: str) -> None:
        pass

    def watch(self, snapshot: Snapshot) -> None:
        pass


class Lines:
    """Plain lines for logs and pipes: what is said, and where things stand after a minute in which
    nothing was.
    """

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic):
        self._write, self._clock, self._last = write, clock, clock()

    def say(self, text: str) -> None:
        self._last = self._clock()
        self._write(text)

    def watch(self, snapshot: Snapshot) -> None:
        if snapshot.running and self._clock() - self._last >= PAUSE_S:
            self.say(
                "; ".join(
                    filter(
                        None,
                        [
                            f"[{snapshot.done}/{snapshot.steps}] "
                            + ", ".join(map(str, snapshot.running)),
                            snapshot.eta,
                        ],
                    )
                )
            )


class Live:
    """A bar for all steps and one for each running step, under the lines that are said. A context
    manager: the bars go when it ends.
    """

    def __init__(self, console: Console):
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(20),
            TextColumn("{task.fields[state]}", markup=False),
        )
        self._bars = Progress(
            *columns,
            console=console,
            transient=True,
            refresh_per_second=2,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._all = self._bars.add_task("all steps", total=None, state="")
        self._of_stages: dict[tuple[MachineRun, str], TaskID] = {}

    def __enter__(self) -> Live:
        self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def watch(self, snapshot: Snapshot) -> None:
        counted = (
            f"{snapshot.done}/{snapshot.steps}  {duration(snapshot.elapsed_s)}  {snapshot.eta}"
        )
        self._bars.update(self._all, total=snapshot.steps, completed=snapshot.done, state=counted)
        # A bar has a length or pulses for good, so each stage gets its own.
        running = {(step.run, step.stage.name): step for step in snapshot.running}
        for key in self._of_stages.keys() - running.keys():
            self._bars.remove_task(self._of_stages.pop(key))
        for key, step in running.items():
            if key not in self._of_stages:
                self._of_stages[key] = self._bars.add_task(
                    str(step.run), total=step.stage.epochs or None, state=""
                )
            self._bars.update(
                self._of_stages[key],
                completed=step.stage.epoch,
                state=f"{step.stage}  {duration(step.elapsed_s)}",
            )


class Verbose:
    """Another screen, and on it every line that the baseline's processes write."""

    def __init__(self, screen: Lines | Live):
        self.say, self._watch = screen.say, screen.watch

    def watch(self, snapshot: Snapshot) -> None:
        for run, line in snapshot.new_lines:
            self.say(f"{run} | {line}")
        self._watch(snapshot)


class _Lines(logging.Handler):
    """Hands every message on, bare."""

    def __init__(self, say: Callable[[str], None]):
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(self.format(record))


@contextlib.contextmanager
def logged_to(say: Callable[[str], None]) -> Iterator[None]:
    """Meanwhile, what the plugin logs goes to `say`, line by line, and nowhere else."""
    logger = logging.getLogger("dcase_denoise_plugin")
    before = list(logger.handlers), logger.level, logger.propagate
    logger.handlers[:], logger.propagate = [_Lines(say)], False
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.handlers[:], level, logger.propagate = before
        logger.setLevel(level)


@contextlib.contextmanager
def lines_on(stream: TextIO, quiet: bool = False) -> Iterator[None]:
    """Meanwhile, what the plugin logs are lines on `stream`, or nothing."""
    with logged_to(Quiet().say if quiet else _writer(stream)):
        yield


@contextlib.contextmanager
def screen_on(
    stream: TextIO, quiet: bool = False, verbose: bool = False
) -> Iterator[Quiet | Lines | Live | Verbose]:
    """The screen for `stream`, live if it is a terminal that can move its cursor; what the plugin
    logs meanwhile stands above its bars.
    """
    console = Console(file=stream)
    with contextlib.ExitStack() as stack:
        screen: Quiet | Lines | Live | Verbose
        if quiet:
            screen = Quiet()
        elif stream.isatty() and not console.is_dumb_terminal:
            screen = stack.enter_context(Live(console))
        else:
            screen = Lines(_writer(stream))
        if verbose and not isinstance(screen, Quiet):
            screen = Verbose(screen)
        stack.enter_context(logged_to(screen.say))
        yield screen


def _writer(stream: TextIO) -> Callable[[str], None]:
    return lambda text: click.echo(text, file=stream)
