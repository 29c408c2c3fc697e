import subprocess
import sys

import pytest
import torch

from dcase_denoise_plugin.edge import torch_for_the_cpu

# Resident code of CUDA's libraries in MB, and that PyTorch works without it.
CUDA_PROGRAM = """
import re
from dcase_denoise_plugin.edge.torch_for_the_cpu import import_torch_for_the_cpu

import_torch_for_the_cpu()
import torch
assert torch.ones(3, 3).mm(torch.ones(3, 3)).sum() == 27
with open("/proc/self/smaps") as maps:
    code = re.findall(r"r-xp .*/nvidia/.*\\nSize:.*\\n(?:\\w+PageSize:.*\\n)*Rss: +(\\d+) kB", maps.read())
print(len(code), sum(map(int, code)) / 1024)
"""


@pytest.mark.skipif(torch.version.cuda is None, reason="this PyTorch loads none of CUDA's libraries")
def test_of_cudas_libraries_hardly_any_code_stays_resident():
    run = subprocess.run([sys.executable, "-c", CUDA_PROGRAM], capture_output=True, text=True, check=True)
    libraries, resident_mb = map(float, run.stdout.split())
    assert libraries > 3 and resident_mb < 10


def test_without_a_list_of_what_is_mapped_pytorch_is_imported_all_the_same(monkeypatch):
    def no_proc(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(torch_for_the_cpu, "open", no_proc, raising=False)
    torch_for_the_cpu.import_torch_for_the_cpu()
