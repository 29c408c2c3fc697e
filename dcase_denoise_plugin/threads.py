"""How many CPU threads PyTorch may use, for a while."""
from __future__ import annotations

import contextlib
from typing import Iterator

import torch


@contextlib.contextmanager
def thread_limit(threads: int) -> Iterator[None]:
    """Limits PyTorch's CPU threads to `threads` (0: as they are) and restores them afterwards; a decorator, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)
