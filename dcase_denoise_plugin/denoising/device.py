"""Where a network runs: the GPU that was asked for, if it can be used at all."""

from __future__ import annotations

import os

import torch

from dcase_denoise_plugin.errors import ConfigError, TrainingError, first_line


def ready_device(name: str) -> torch.device:
    """The device `name` (cpu, cuda, cuda:1 …; auto: CUDA where there is one), tried out; of several
    processes on a node each gets its own GPU.

    Raises
    ------
    ConfigError
        If there is no such device.
    TrainingError
        If it is there and cannot be used, for example because another process holds it alone.
    """
    try:
        device = torch.device(
            ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name
        )
    except RuntimeError:
        device = None
    if not device or device.type not in ("cpu", "cuda"):
        raise ConfigError(
            f"--device: expected auto, cpu, cuda or cuda:<number>, got {name!r}. Correct the name."
        )
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"--device: expected one of the {torch.cuda.device_count()} GPUs that PyTorch can use"
            f" here, got {device}. Name another, start fewer processes, or take --device cpu."
        )
    try:
        torch.zeros(1, device=device)
    except RuntimeError as error:
        raise TrainingError(
            f"--device {device}: expected a device that can be used, got {first_line(error)}. "
            "Wait until it is free, name another, or take --device cpu."
        ) from None
    return device
