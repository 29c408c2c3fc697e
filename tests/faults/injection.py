"""Faults in the process that calls `install`, and in those that it forks: an end at an
operation on files, a disk that is full or read-only, few file descriptors.

An operation is what changes a folder or opens a file for writing, by Python's audit events.
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import resource
import signal
import sys
from collections.abc import Sequence
from typing import Any

CHANGES = {"os.rename", "os.link", "os.symlink", "os.mkdir", "os.rmdir", "os.remove", "os.truncate"}
GROWS = {"open", "os.mkdir", "os.link", "os.symlink"}  # what a full disk refuses
ERRNO = {"full": errno.ENOSPC, "read-only": errno.EROFS}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def install(fault: dict[str, Any]) -> None:
    """Installs a fault for good.

    Parameters
    ----------
    fault : with `kind`:
        "trace" notes each operation;
        "kill" ends the process that begins one of `sites`; `whole`: and the command that it is of;
        "full", "read-only" refuse what comes from the first of `sites` on;
        "too large" stops files at `most_bytes`, as a full disk does; "cut off" ends who writes one;
        "descriptors" leaves `free` of them.
        What is noted, and the operation that was hit, are lines at the end of the file `to`.
    """
    kind = fault["kind"]
    if kind in ("cut off", "too large"):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kind == "cut off" else signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["most_bytes"], fault["most_bytes"]))
    elif kind == "descriptors":
        most = len(os.listdir("/proc/self/fd")) - 1 + fault["free"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    else:
        sys.addaudithook(_Hook(**fault))


class _Hook:
    """One of all processes that are forks of the one that made it."""

    def __init__(self, kind: str, to: str, sites: Sequence[str] = (), whole: bool = False):
        self.kind, self.sites, self.whole = kind, frozenset(sites), whole
        self.root, self.top = os.getpid(), os.getcwd()
        self.refuses = mmap.mmap(-1, 1)
        self.to = os.open(to, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        path = self._changed(event, args)
        if path is None:
            return
        site = f"{event} {normalised(path)}"
        is_hit = site in self.sites and not self.refuses[0]
        if is_hit or self.kind == "trace":
            os.write(self.to, f"{site}\n".encode())
        if is_hit and self.kind == "kill":
            if self.whole:
                os.kill(self.root, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        if is_hit:
            self.refuses[0] = 1
        if self.refuses[0] and (self.kind == "read-only" or event in GROWS):
            raise OSError(ERRNO[self.kind], os.strerror(ERRNO[self.kind]), path)

    def _changed(self, event: str, args: tuple[Any, ...]) -> str | None:
        """The path below the current folder of `install` that the operation changes, else None."""
        if event == "open":
            path, _, flags = args
            if not isinstance(flags, int) or not flags & _WRITES:
                return None
        elif event in CHANGES:
            path = args[0]
        else:
            return None
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        whole = os.path.join(os.getcwd(), os.fsdecode(path))
        return os.path.relpath(whole, self.top) if whole.startswith(self.top + os.sep) else None


def normalised(path: str) -> str:
    """A path without what differs from call to call, and from clip to clip."""
    return re.sub(r"\d{2,}", "0", re.sub(r"[0-9a-f]{8,}", "#", path))
