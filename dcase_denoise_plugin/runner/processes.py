"""The baseline's processes: what they find in their environment, and how all of them are ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.runner.workplace import (
    THREADS_VARIABLE,
    VISIBLE_GPUS_VARIABLE,
    usable_cores,
)
from dcase_denoise_plugin.settings.sources import PRESET_VARIABLE

GRACE_S = 5.0
# Linux ends the program with this process, even if that is killed and can end nothing any more:
# prctl(PR_SET_PDEATHSIG, SIGKILL), which outlives exec. Elsewhere there is no prctl.
END_WITH_PARENT = """
import ctypes, os, sys
prctl = getattr(ctypes.CDLL(None), "prctl", None)
prctl and prctl(1, 9)
if os.getppid() == int(sys.argv[1]):
    os.execvp(sys.argv[2], sys.argv[2:])
"""


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
    if hook is None or not hook.submodule_search_locations:
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


class Children:
    """The baseline's processes, each the head of a process group of its own, so that `end` reaches
    what they started too.
    """

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen] = set()
        self._lock = threading.Lock()
        self.ended = False

    def run(self, command: list[str], log: BinaryIO, **options: Any) -> int:
        """Runs `command` to its end, with all it says in `log`, and returns its exit status."""
        with self._lock:
            if self.ended:
                return -signal.SIGTERM
            child = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", END_WITH_PARENT, str(os.getpid()), *command],
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
