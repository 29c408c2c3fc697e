"""Where verdicts and events go besides the screen: lines of a file, a command that is told, and a
sign of life. None of them stops the watch.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.errors import ConfigError, DataError, first_line, warning_line

COLUMNS = ("time", "clip", "verdict", "alarm", "score", "value", "threshold", "p_value", "skipped")
COMMAND_LIMIT_S = 30.0


class CsvFile:
    """Appends a line a verdict, each whole or not at all; a full disk is told once and the watch
    goes on.

    Raises
    ------
    DataError
        If the file cannot be opened, or its first line is of something else.
    """

    def __init__(self, path: Path, say: Callable[[str], None]):
        self._path, self._say, self._works = path, say, True
        header = _row(COLUMNS)
        try:
            with open(path, "a+b") as file:
                file.seek(0)
                there = file.readline(len(header) + 1)  # a device's may have no end
                if header.startswith(there) and there != header:
                    file.truncate(0)  # what a crash left of the first line
                    there = b""
                elif there != header:
                    raise DataError(
                        f"--csv: expected a file that begins with {','.join(COLUMNS)}, got another"
                        f" one in {path}. Name a new file."
                    )
                if file.seek(0, os.SEEK_END) and _last_byte(file) != b"\n":
                    file.write(b"\n")  # of a line that a crash cut off
        except OSError as error:
            raise DataError(
                f"--csv: expected to write {path}, got {first_line(error)}. Free space or name"
                " another file."
            ) from None
        if not there:
            self._write(header)

    def append(self, verdict: Mapping[str, Any]) -> None:
        score = verdict.get("score")
        values = {
            **verdict,
            "value": verdict.get("scores", {}).get(score),
            "threshold": verdict.get("thresholds", {}).get(score),
            "p_value": verdict.get("p_values", {}).get(score),
        }
        self._write(_row(["" if values.get(name) is None else values[name] for name in COLUMNS]))

    def _write(self, line: bytes) -> None:
        try:
            with open(self._path, "ab", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                try:
                    if file.write(line) != len(line):
                        raise OSError("a full disk")
                except OSError:
                    with contextlib.suppress(OSError):
                        file.truncate(size)
                    raise
        except OSError as error:
            if self._works:
                self._say(
                    warning_line(
                        f"--csv: expected to append to {self._path}, got {first_line(error)}. The"
                        " watch goes on without; free space."
                    )
                )
            self._works = False
        else:
            self._works = True


def _row(values: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue().encode(errors="surrogateescape")


def _last_byte(file: Any) -> bytes:
    file.seek(-1, os.SEEK_END)
    return bytes(file.read(1))


class Command:
    """A program with arguments that is told of events: JSON on its standard input, no shell. It has
    a limited time, and the watch does not wait for it; its failure is a line.

    Raises
    ------
    ConfigError
        If there is no such program.
    """

    def __init__(self, text: str, say: Callable[[str], None], limit_s: float = COMMAND_LIMIT_S):
        self._say, self._limit_s = say, limit_s
        self._running: list[threading.Thread] = []
        try:
            self._words = shlex.split(text)
        except ValueError as error:
            self._words, reason = [], f"{text!r} ({error})"
        else:
            reason = repr(text)
        if not self._words or not shutil.which(self._words[0]):
            raise ConfigError(
                f"--on-alarm: expected a program with its arguments, got {reason}. Name one that"
                " is there and may be run."
            )

    def tell(self, event: Mapping[str, Any]) -> None:
        self._running = [thread for thread in self._running if thread.is_alive()]
        thread = threading.Thread(target=self._run, args=(json.dumps(event),), daemon=True)
        thread.start()
        self._running.append(thread)

    def wait(self) -> None:
        """Until all that were told have ended, or had their time."""
        for thread in self._running:
            thread.join()

    def _run(self, event: str) -> None:
        try:
            program = subprocess.Popen(
                self._words, stdin=subprocess.PIPE, stdout=sys.__stderr__, start_new_session=True
            )
        except OSError as error:
            self._fails(first_line(error))
            return
        try:
            program.communicate(event.encode(), self._limit_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait()
            self._fails(f"no end within {self._limit_s:g} s")
            return
        if program.returncode:
            self._fails(f"exit status {program.returncode}")

    def _fails(self, how: str) -> None:
        self._say(
            warning_line(
                f"--on-alarm: expected {self._words[0]} to end well, got {how}. The watch goes on."
            )
        )


@contextlib.contextmanager
def heartbeat(every_s: float | None, beat: Callable[[], None]) -> Iterator[None]:
    """Meanwhile, `beat` is called every so many seconds, whether clips come or not."""
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every_s):
            beat()

    thread = threading.Thread(target=go_on, daemon=True)
    if every_s:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if every_s:
            thread.join()
