"""Files of tensors and plain values: written whole, read without running any of their code."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from dcase_denoise_plugin.errors import CheckpointError, first_line
from dcase_denoise_plugin.files import regular, written_whole
from dcase_denoise_plugin.quoting import quoted, shortened


def misfit(weights: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> str:
    """Why `weights` are not the state of a network whose state is like `wanted`; empty if they
    are.
    """
    other = sorted(weights.keys() ^ wanted.keys())
    if other:
        return f"weights with or without {quoted(other[0])}"
    for name, weight in weights.items():
        like = wanted[name]
        if (weight.shape, weight.dtype, weight.layout) != (like.shape, like.dtype, like.layout):
            return f"weights {name} of shape {tuple(weight.shape)}, not {tuple(like.shape)}"
        if not weight.isfinite().all():
            return f"weights {name} that are not finite"
    return ""


def content_digest(content: Any) -> str:
    """Hex SHA-256 of nested dictionaries of plain values and tensors."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            digest.update(
                f"{value.dtype}{tuple(value.shape)}".encode()
                + value.detach().cpu().contiguous().numpy().tobytes()
            )
        elif isinstance(value, dict):
            for key in sorted(value):
                digest.update(f"{key}:".encode())
                add(value[key])
        else:
            digest.update(json.dumps(value).encode())

    add(content)
    return digest.hexdigest()


def save_aside(content: Any, path: Path) -> None:
    """Writes beside `path`, then renames, so that a file that is there is whole. Raises
    CheckpointError if that is not possible.
    """
    try:
        # By its path, PyTorch would write the file's name into it.
        with written_whole(path) as aside, open(aside, "wb") as file:
            torch.save(content, file)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"denoiser: expected to write {path}, got {error}. Free space or choose another folder."
        ) from None


def load_tensors(path: Path) -> Any:
    """Reads a file of tensors and plain values, on the CPU, running none of its code. Raises
    CheckpointError if it is missing or not readable.
    """
    try:
        return torch.load(regular(path), map_location="cpu", weights_only=True)
    # damaged bytes make the unpickler raise anything, struct.error and IndexError included
    except Exception as error:
        # The unpickler's own advice is to let the file run code.
        reason = shortened(f"{type(error).__name__}: {first_line(error)}")
        if isinstance(error, pickle.UnpicklingError):
            reason = "one that this plugin did not write"
        raise CheckpointError(
            f"denoiser: expected a readable file, got {reason} in {path}. Train it again."
        ) from None
