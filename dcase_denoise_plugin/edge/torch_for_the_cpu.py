"""PyTorch without the memory of what only a GPU would run."""
from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import re
from pathlib import Path

MADV_DONTNEED = 4  # Linux, asm-generic/mman-common.h
CODE_OF_CUDA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) r-xp .*(?:/nvidia/|lib(?:torch|c10)_cuda).*")  # a line of /proc/self/maps
LARGEST_OF_CUDA = ("libcublasLt.so.*", "libnvrtc.so.*", "libnvJitLink.so.*")  # none needs another one


def import_torch_for_the_cpu() -> None:
    """Imports PyTorch and gives back the code of CUDA's libraries, which its builds for CUDA load, GPU or not, and the CPU never runs: 110 of 510 MB.

    The largest go one by one before the rest comes, so that the peak falls too. Code that is needed after all is read again from its file.
    """
    spec = importlib.util.find_spec("torch")
    site_packages = Path(spec.origin).parents[1] if spec and spec.origin else Path()
    for library in (file for name in LARGEST_OF_CUDA for file in site_packages.glob(f"nvidia/*/lib/{name}")):
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(library))
        _give_back_code_of_cuda()
    import torch  # noqa: F401

    _give_back_code_of_cuda()


def _give_back_code_of_cuda() -> None:
    with contextlib.suppress(AttributeError, OSError), open("/proc/self/maps") as maps:
        for mapped in filter(None, map(CODE_OF_CUDA.match, maps)):
            first, behind = (int(address, 16) for address in mapped.groups())
            ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(behind - first), MADV_DONTNEED)
