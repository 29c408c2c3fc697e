"""What holds for a whole process: its threads, random streams, place among others, and its log."""

from __future__ import annotations

import contextlib
import logging
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
import torch.distributed as dist


@contextlib.contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Limits PyTorch's CPU threads to `threads` and restores them afterwards; a decorator, too. 0
    touches nothing: a count that is set, even to what it was, changes how MKL and OpenMP choose
    theirs.
    """
    if not threads:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def untouched_random_streams() -> Iterator[None]:
    """Restores the states of `random`, NumPy and PyTorch (CPU and every CUDA device) on the way
    out, errors included.

    The stage itself draws from explicit generators only; this guards against a library or a user's
    method that does not.
    """
    python_state, numpy_state, torch_state = (
        random.getstate(),
        np.random.get_state(),
        torch.get_rng_state(),
    )
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if cuda_states is not None:
            torch.cuda.set_rng_state_all(cuda_states)


def rank() -> int:
    """Number of this process, from 0; process 0 writes the files and says the lines."""
    return dist.get_rank() if dist.is_initialized() else 0


def processes() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


class _ToStdout(logging.Handler):
    """Writes bare messages to what `sys.stdout` is when they come."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stdout, flush=True)


def log_to_stdout() -> None:
    """Writes what the plugin logs, from INFO on, to stdout; a second call changes nothing."""
    logger = logging.getLogger("dcase_denoise_plugin")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not any(isinstance(handler, _ToStdout) for handler in logger.handlers):
        logger.addHandler(_ToStdout())
