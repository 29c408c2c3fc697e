import pytest
import torch

from dcase_denoise_plugin.denoising import device
from dcase_denoise_plugin.denoising.device import ready_device
from dcase_denoise_plugin.errors import ConfigError, TrainingError


@pytest.fixture
def gpus(monkeypatch):
    """Lets PyTorch believe in two GPUs, which are both taken."""

    def taken(*shape, device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nmore")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(device.torch, "zeros", taken)


def test_auto_takes_the_cpu_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ready_device("auto") == ready_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "meta"])
def test_a_device_of_an_unknown_name_is_refused(name):
    with pytest.raises(
        ConfigError, match=f"--device: expected auto, cpu, cuda or cuda:<number>, got '{name}'"
    ):
        ready_device(name)


@pytest.mark.parametrize("name", ["cuda:2", "cuda"])
def test_a_gpu_that_is_not_there_is_refused(gpus, monkeypatch, name):
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(
        ConfigError,
        match="--device: expected one of the 2 GPUs that PyTorch can use here, got cuda:2",
    ):
        ready_device(name)


@pytest.mark.parametrize(
    ("name", "local_rank", "expected"), [("cuda", "1", 1), ("auto", "1", 1), ("cuda:0", "1", 0)]
)
def test_each_process_of_a_node_gets_a_gpu_and_one_that_is_busy_is_said(
    gpus, monkeypatch, name, local_rank, expected
):
    monkeypatch.setenv("LOCAL_RANK", local_rank)
    with pytest.raises(
        TrainingError,
        match=(
            rf"--device cuda:{expected}: expected a device that can be used, got CUDA error: .*"
            r" busy or unavailable\. Wait"
        ),
    ):
        ready_device(name)
