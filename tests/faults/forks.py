"""Commands of ours as forks of one process, in which all imports are made: a call costs its work
alone. The baseline's processes are forks too, hooked as those of a real run.

Run as a script in a checkout of the stand-in, with the hook on PYTHONPATH, it is that one process.
"""

from __future__ import annotations

import ctypes
import dataclasses
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), os.getcwd()]

from baseline_checkouts import PATCHES, PROJECT
from faults import injection

LONGEST_S = 600.0
MOST_SAID_BYTES = 2**20


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a call ended; its status is negative for a signal, None if it, or what it started, did
    not end in time.
    """

    status: int | None
    said: str
    complained: str
    seconds: float
    cpu_s: float


class Forks:
    """The one process, and calls of commands by it.

    Parameters
    ----------
    checkout : of the stand-in, where the process imports the baseline.
    modules : what it imports besides the command line.
    """

    def __init__(self, checkout: Path, modules: Iterable[str]):
        variables = {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "COLUMNS": "400"}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__)), *modules],
            cwd=checkout,
            env={**os.environ, **variables, "PYTHONPATH": f"{PATCHES}{os.pathsep}{PROJECT}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()

    def __call__(self, *calls: dict[str, Any]) -> list[Ended]:
        """Starts all `calls` at once, and waits until they and what they started have ended.

        Each has `words` after dcase-denoise, `cwd`, and as wished `fault` (of `injection`),
        `kill_after_s` and `stdin`, a file.
        """
        self._process.stdin.write(json.dumps(calls) + "\n")
        self._process.stdin.flush()
        return [Ended(**ended) for ended in json.loads(self._process.stdout.readline())]


def _serve() -> None:
    import importlib
    import warnings

    warnings.simplefilter("ignore")
    for module in ("dcase_denoise_plugin.cli", *sys.argv[1:]):
        importlib.import_module(module)
    ctypes.CDLL(None).prctl(36, 1)  # orphans of killed commands become children of this process
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        print(json.dumps(_ended(json.loads(line))), file=answers, flush=True)


def _ended(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    started, running = time.monotonic(), {}
    for number, call in enumerate(calls):
        pipes = _Pipe(), _Pipe()
        if not (pid := os.fork()):
            for pipe in (pipe for _, others in running.values() for pipe in others):
                os.close(pipe.write)
            _become(call, *pipes)
        running[pid] = number, pipes
    due = {pid: calls[at].get("kill_after_s", LONGEST_S) for pid, (at, _) in running.items()}
    results: dict[int, dict[str, Any]] = {}
    late = set()
    while running:
        seconds = time.monotonic() - started
        for pid, (number, pipes) in list(running.items()):
            if seconds > due[pid] and pid not in late:
                late.add(pid)
                os.kill(pid, signal.SIGKILL)
            done, status, used = os.wait4(pid, os.WNOHANG)
            if done:
                hangs = (pid in late and "kill_after_s" not in calls[number]) or _outlives(pid)
                texts = [pipe.text() for pipe in pipes]
                status = None if hangs else os.waitstatus_to_exitcode(status)
                results[number] = dict(zip(("said", "complained"), texts), status=status)
                results[number]["seconds"] = round(seconds, 3)
                results[number]["cpu_s"] = round(used.ru_utime + used.ru_stime, 3)
                del running[pid]
        time.sleep(0.005)
    return [results[number] for number in range(len(calls))]


def _outlives(group: int) -> bool:
    """Whether a process of an ended command is there some seconds later; it is ended then."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            os.waitpid(-group, os.WNOHANG)
        except ChildProcessError:
            return False
        time.sleep(0.005)
    os.killpg(group, signal.SIGKILL)
    return True


class _Pipe:
    """Takes what a process says, which a limit of files shall not stop."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        fcntl.fcntl(self.write, fcntl.F_SETPIPE_SZ, MOST_SAID_BYTES)

    def text(self) -> str:
        """What was said; the pipe is closed."""
        os.close(self.write)
        with os.fdopen(self._read, "rb") as file:
            return file.read().decode(errors="replace")


def _become(call: dict[str, Any], said: _Pipe, complained: _Pipe) -> None:
    """Runs a command in this fork, and ends it."""
    from markupsafe import Markup

    from dcase_denoise_plugin.cli import main
    from dcase_denoise_plugin.runner import baseline_summary
    from dcase_denoise_plugin.runner.processes import Children

    os.setsid()
    os.dup2(os.open(call.get("stdin", os.devnull), os.O_RDONLY), 0)
    os.dup2(said.write, 1)
    os.dup2(complained.write, 2)
    os.chdir(call["cwd"])
    sys.argv = ["dcase-denoise", *call["words"]]
    if "dcase_denoise_plugin.report.charts" in sys.modules:  # takes long, touches no file
        sys.modules["dcase_denoise_plugin.report.charts"].Chart.svg = lambda *_: Markup("")
    Children.run = _run
    baseline_summary.subprocess = _Tool
    if "fault" in call:
        injection.install(call["fault"])
    _end(lambda: main(call["words"], "dcase-denoise"))


def _end(work: Any) -> None:
    status = 1
    try:
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                status = status or 120
        os._exit(status)


def _forked(work: Any, log: Any, cwd: Path, environment: dict[str, str]) -> int:
    """The exit status of a fork that works as a program of the baseline would, and ends with this
    process.
    """
    parent = os.getpid()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        import logging

        from dcase_denoise_plugin import errors, files

        ctypes.CDLL(None).prctl(1, 9)
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        logging.getLogger("dcase_denoise_plugin").handlers.clear()
        files._swept.clear()
        errors._WARNED.clear()
    except BaseException:
        os._exit(1)
    _end(work)
    return 1


def _run(self: Any, command: list[str], log: Any, cwd: Path, env: Any, pass_fds: Any) -> int:
    import train

    def work() -> None:
        sys.argv = command[1:]
        train.main()

    return _forked(work, log, cwd, env)


class _Tool:
    """In the place of `subprocess` for the baseline's summary."""

    DEVNULL = STDOUT = None

    @staticmethod
    def run(command: list[str], cwd: Path, env: Any, stdout: Any, **_: Any) -> Any:
        import runpy

        def work() -> None:
            sys.argv = command[1:]
            runpy.run_path("tools/export_results.py", run_name="__main__")

        status = _forked(work, stdout, cwd, env)
        return subprocess.CompletedProcess(command, status)


if __name__ == "__main__":
    _serve()
    os._exit(0)
