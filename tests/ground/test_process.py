import io
import logging
import sys

import pytest
import torch

from dcase_denoise_plugin.process import log_to_stdout, thread_limit


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


@pytest.fixture
def plugin_logger():
    logger = logging.getLogger("dcase_denoise_plugin")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    logger.handlers.clear()
    yield logger
    logger.setLevel(level)
    logger.handlers[:], logger.propagate = handlers, propagate


def test_what_the_plugin_logs_goes_bare_and_once_to_the_stdout_of_the_moment(
    plugin_logger, monkeypatch
):
    log_to_stdout()
    log_to_stdout()
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    logging.getLogger("dcase_denoise_plugin.training.loop").info("epoch %d/%d", 1, 2)
    logging.getLogger("dcase_denoise_plugin.training.loop").debug("nobody's business")
    logging.getLogger("somebody_else").info("nobody's business")
    assert sys.stdout.getvalue() == "epoch 1/2\n"
