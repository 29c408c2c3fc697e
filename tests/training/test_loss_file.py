"""The loss of each epoch beside the denoiser."""

import sys
from types import SimpleNamespace

import pytest

from dcase_denoise_plugin.training.epoch_line import EpochLine
from dcase_denoise_plugin.training.loss_file import LossFile

BOARD = "torch.utils.tensorboard"


def epoch(number, loss):
    return EpochLine("fan", number, 3, loss, clips_per_s=10.0, left_s=1.0)


@pytest.fixture(autouse=True)
def without_tensorboard(monkeypatch):
    monkeypatch.setitem(sys.modules, BOARD, None)


def test_each_epoch_is_a_line_and_a_training_that_goes_on_goes_on_in_the_table(tmp_path):
    first = LossFile(tmp_path / "fan.pt")
    first(epoch(1, 0.25))
    first(epoch(2, 0.125))
    LossFile(tmp_path / "fan.pt")(epoch(3, 0.1))
    table = tmp_path / "fan.loss.csv"
    assert table.read_text() == "epoch,loss\n1,0.25\n2,0.125\n3,0.1\n"
    LossFile(tmp_path / "fan.pt")(epoch(1, 0.5))
    assert table.read_text() == "epoch,loss\n1,0.5\n"
    assert [path.name for path in tmp_path.iterdir()] == ["fan.loss.csv"]


def test_tensorboard_gets_them_where_it_is_installed(tmp_path, monkeypatch):
    told = []

    def writer(folder):
        told.append(folder)
        return SimpleNamespace(add_scalar=lambda *point: told.append(point), flush=lambda: None)

    monkeypatch.setitem(sys.modules, BOARD, SimpleNamespace(SummaryWriter=writer))
    losses = LossFile(tmp_path / "fan.pt")
    losses(epoch(1, 0.25))
    losses(epoch(2, 0.125))
    assert told == [tmp_path / "fan.tensorboard", ("loss", 0.25, 1), ("loss", 0.125, 2)]
