import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dcase_denoise_plugin import freed_memory

# Blocks of 1 MB between others that stay, as a training leaves them: on its own, glibc returns none of those.
PROGRAM = """
import mmap
from dcase_denoise_plugin.freed_memory import give_back

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * mmap.PAGESIZE / 2**20

bytearray(30 << 20)  # from now on, glibc takes blocks up to this size from its heap
blocks = [b"x" * (1 << 20) for _ in range(200)]
kept = blocks[::20]
del blocks
before = resident_mb()
give_back()
print(before - resident_mb())
"""
# Resident code of CUDA's libraries in MB, and that PyTorch works without it.
CUDA_PROGRAM = """
import re
from dcase_denoise_plugin.freed_memory import import_torch_for_the_cpu

import_torch_for_the_cpu()
import torch
assert torch.ones(3, 3).mm(torch.ones(3, 3)).sum() == 27
with open("/proc/self/smaps") as maps:
    code = re.findall(r"r-xp .*/nvidia/.*\\nSize:.*\\n(?:\\w+PageSize:.*\\n)*Rss: +(\\d+) kB", maps.read())
print(len(code), sum(map(int, code)) / 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from Linux's /proc")
def test_freed_memory_goes_back_to_the_system():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert float(run.stdout) > 100


def test_a_c_library_that_cannot_is_left_alone(monkeypatch):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    freed_memory.give_back()


@pytest.mark.skipif(torch.version.cuda is None, reason="this PyTorch loads none of CUDA's libraries")
def test_of_cudas_libraries_hardly_any_code_stays_resident():
    run = subprocess.run([sys.executable, "-c", CUDA_PROGRAM], capture_output=True, text=True, check=True)
    libraries, resident_mb = map(float, run.stdout.split())
    assert libraries > 3 and resident_mb < 10


def test_without_a_list_of_what_is_mapped_pytorch_is_imported_all_the_same(monkeypatch):
    def no_proc(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(freed_memory, "open", no_proc, raising=False)
    freed_memory.import_torch_for_the_cpu()
