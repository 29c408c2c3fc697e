"""Faults in the process that calls `install`, and in those that it forks: an end at the k-th
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
        "trace" notes each operation, a line in the file `to`;
        "kill" ends the process that begins operation `at`; `whole`: and the command that it is of;
        "full", "read-only" refuse operations from `at` on; "full" also stops files at `most_bytes`;
        "cut off" ends a process whose file grows over `most_bytes`;
        "descriptors" leaves `free` of them.
    """
    kind = fault["kind"]
    if kind in ("cut off", "full") and "most_bytes" in fault:
        how = signal.SIG_DFL if kind == "cut off" else signal.SIG_IGN
        signal.signal(signal.SIGXFSZ, how)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (fault["most_bytes"], fault["most_bytes"]))
    elif kind == "descriptors":
        most = len(os.listdir("/proc/self/fd")) - 1 + fault["free"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    else:
        sys.addaudithook(_Hook(fault))


class _Hook:
    """Counts the operations of all processes that share it."""

    def __init__(self, fault: dict[str, Any]):
        self.fault, self.kind, self.root, self.top = fault, fault["kind"], os.getpid(), os.getcwd()
        self.count = mmap.mmap(-1, 8)
        self.trace = os.open(fault["to"], os.O_WRONLY | os.O_CREAT, 0o666) if "to" in fault else 0

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        path = self._changed(event, args)
        if path is None:
            return
        count = int.from_bytes(self.count[:], "little") + 1
        self.count[:] = count.to_bytes(8, "little")
        if self.kind == "trace":
            os.write(self.trace, f"{event} {normalised(path)}\n".encode())
        elif self.kind == "kill" and count == self.fault["at"]:
            if self.fault["whole"]:
                os.kill(self.root, signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)
        elif self.kind == "read-only" or (self.kind == "full" and event in GROWS):
            if count >= self.fault["at"]:
                number = ERRNO[self.kind]
                raise OSError(number, os.strerror(number), path)

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
