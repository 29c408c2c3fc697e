"""Which GPU each of several jobs side by side gets."""
from __future__ import annotations

from typing import Mapping

VISIBLE_GPUS_VARIABLE = "CUDA_VISIBLE_DEVICES"


def gpu_of_each(jobs: int, environment: Mapping[str, str]) -> list[str | None]:
    """What CUDA_VISIBLE_DEVICES is to be for each job: one GPU each in turn, of those the caller may see; None leaves it as it is.

    One job alone, and several on a machine with one GPU or none, see what the caller sees.
    """
    visible = _visible(environment) if jobs > 1 else []
    return [visible[job % len(visible)] if len(visible) > 1 else None for job in range(jobs)]


def _visible(environment: Mapping[str, str]) -> list[str]:
    import torch

    # PyTorch counts what the variable leaves visible; the names in it (numbers, or UUIDs) are the ones to pass on.
    names = [name.strip() for name in environment.get(VISIBLE_GPUS_VARIABLE, "").split(",") if name.strip()]
    return names[:torch.cuda.device_count()] or [str(number) for number in range(torch.cuda.device_count())]
