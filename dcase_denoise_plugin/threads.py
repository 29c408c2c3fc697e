"""How many CPU threads PyTorch may use, for a while."""
from __future__ import annotations

import contextlib
from typing import Iterator

import torch


@contextlib.contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Limits PyTorch's CPU threads to `threads` and restores them afterwards; a decorator, too. 0 touches nothing: a count that is set, even to what it was,
    changes how MKL and OpenMP choose theirs.
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
