import pytest
import torch

from dcase_denoise_plugin.process import thread_limit


def test_threads_are_limited_for_a_while():
    before = torch.get_num_threads()
    with thread_limit(before + 2):
        assert torch.get_num_threads() == before + 2
    assert torch.get_num_threads() == before


def test_no_limit_touches_nothing(monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: pytest.fail("set"))
    with thread_limit(0):
        pass


def test_threads_are_restored_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(KeyError), thread_limit(before + 1):
        raise KeyError
    assert torch.get_num_threads() == before
