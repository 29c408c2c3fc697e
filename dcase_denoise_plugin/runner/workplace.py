"""What a step of the baseline runs on: its CPU threads and its device, which round in another order
and so move the AUCs a little.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

THREADS_VARIABLE = "OMP_NUM_THREADS"
UNKNOWN = "unknown"
# In a process of its own: naming the GPU takes memory on it, and the runner would keep that for as
# long as it runs.
GPU_QUESTION = (
    "import sys, torch; print(torch.cuda.get_device_name(int(sys.argv[1])) if"
    " torch.cuda.is_available() else 'cpu')"
)


def usable_cores() -> int:
    """How many cores this process may use; a container, a batch system or taskset may leave it
    fewer than the machine has.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workplace(environment: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, str]:
    """The threads and the device of a process of the baseline in this `environment`, under these
    `settings` of the baseline.
    """
    return {
        "threads": environment.get(THREADS_VARIABLE) or str(usable_cores()),
        "device": _device(environment, settings),
    }


def gpu_named(settings: Mapping[str, Any]) -> str:
    """The number of the GPU that these settings of the baseline name, among those that its process
    sees.
    """
    gpus = settings.get("gpu_id") or [0]
    return str(gpus[0] if isinstance(gpus, list) else gpus)


def _device(environment: Mapping[str, str], settings: Mapping[str, Any]) -> str:
    if str(settings.get("use_cuda", True)).lower() == "false":
        return "cpu"
    return _gpu_name(environment.get(VISIBLE_GPUS_VARIABLE), gpu_named(settings))


@functools.lru_cache
def _gpu_name(visible: str | None, gpu: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name != VISIBLE_GPUS_VARIABLE
    }
    environment |= {} if visible is None else {VISIBLE_GPUS_VARIABLE: visible}
    try:
        return subprocess.run(
            [sys.executable, "-c", GPU_QUESTION, gpu],
            env=environment,
            cwd=os.sep,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return UNKNOWN  # the baseline itself will say what is wrong with the GPU


VISIBLE_GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES"


def gpu_of_each(jobs: int, environment: Mapping[str, str]) -> list[str | None]:
    """What CUDA_VISIBLE_DEVICES is to be for each job: one GPU each in turn, of those the caller
    may see; None leaves it as it is.

    One job alone, and several on a machine with one GPU or none, see what the caller sees.
    """
    visible = _visible(environment) if jobs > 1 else []
    return [visible[job % len(visible)] if len(visible) > 1 else None for job in range(jobs)]


def _visible(environment: Mapping[str, str]) -> list[str]:
    import torch

    # PyTorch counts what the variable leaves visible; the names in it (numbers, or UUIDs) are the
    # ones to pass on.
    names = [
        name.strip()
        for name in environment.get(VISIBLE_GPUS_VARIABLE, "").split(",")
        if name.strip()
    ]
    return names[: torch.cuda.device_count()] or [
        str(number) for number in range(torch.cuda.device_count())
    ]
