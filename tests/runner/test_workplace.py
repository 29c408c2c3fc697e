import os

import pytest

from dcase_denoise_plugin.runner import workplace as workplaces
from dcase_denoise_plugin.runner.workplace import usable_cores, workplace


@pytest.fixture(autouse=True)
def asked_anew():
    workplaces._gpu_name.cache_clear()
    yield
    workplaces._gpu_name.cache_clear()


def test_the_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5}, raising=False)
    assert usable_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores() == 1


@pytest.mark.parametrize(
    "environment, threads",
    [
        ({"OMP_NUM_THREADS": "3"}, "3"),
        ({}, str(usable_cores())),
        ({"OMP_NUM_THREADS": ""}, str(usable_cores())),
    ],
)
def test_the_threads_are_those_of_the_environment_else_all_cores(environment, threads):
    assert workplace(environment, {"use_cuda": "False"}) == {"threads": threads, "device": "cpu"}


def test_the_device_is_what_pytorch_says_in_a_process_that_sees_the_same_gpus(monkeypatch):
    monkeypatch.setattr(
        workplaces,
        "GPU_QUESTION",
        "import os, sys; print('GPU', sys.argv[1], os.environ.get('CUDA_VISIBLE_DEVICES'))",
    )
    assert workplace({"CUDA_VISIBLE_DEVICES": "1"}, {})["device"] == "GPU 0 1"
    assert workplace({}, {"use_cuda": True, "gpu_id": ["2"]})["device"] == "GPU 2 None"


def test_without_a_gpu_the_device_is_the_cpu():
    assert workplace({"CUDA_VISIBLE_DEVICES": ""}, {"use_cuda": True})["device"] == "cpu"


def test_a_gpu_that_cannot_be_asked_is_unknown(monkeypatch):
    monkeypatch.setattr(workplaces, "GPU_QUESTION", "import sys; sys.exit(1)")
    assert workplace({}, {})["device"] == "unknown"
