import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from Linux's /proc")
def test_freed_memory_goes_back_to_the_system():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert float(run.stdout) > 100


def test_a_c_library_that_cannot_is_left_alone(monkeypatch):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    freed_memory.give_back()
