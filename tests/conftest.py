import logging
import os
import subprocess
from pathlib import Path

import pytest
from baseline_checkouts import Checkout

from dcase_denoise_plugin.demo import stand_in as stand_in_baseline
from dcase_denoise_plugin.runner.screen import logged_to


@pytest.fixture
def said():
    """The lines that the plugin logs in this test."""
    lines = []
    with logged_to(lines.append):
        yield lines


@pytest.fixture(autouse=True)
def quiet_log():
    """The plugin's log as a fresh process has it, whatever command an earlier test ran in this
    one.
    """
    logger = logging.getLogger("dcase_denoise_plugin")
    logger.handlers.clear()
    logger.setLevel(logging.NOTSET)
    logger.propagate = True


@pytest.fixture
def stand_in(tmp_path):
    """A fresh stand-in baseline, without data."""
    stand_in_baseline.lay_out(tmp_path / "baseline")
    return Checkout(tmp_path / "baseline")


@pytest.fixture(scope="session")
def real_checkout_of(tmp_path_factory):
    """Makes a fresh checkout of the real baseline at a tag, from the clone that DCASE_BASELINE_DIR
    names.
    """

    def make(tag="v4.3.0"):
        source = os.environ.get("DCASE_BASELINE_DIR")
        if not source:
            pytest.skip("DCASE_BASELINE_DIR is not set: the real baseline is not at hand")
        root = tmp_path_factory.mktemp(tag) / "baseline"
        subprocess.run(
            ["git", "clone", "--quiet", "--branch", tag, str(Path(source).resolve()), str(root)],
            check=True,
            capture_output=True,
        )
        return Checkout(root)

    return make


@pytest.fixture(
    scope="module", params=["stand-in", pytest.param("real", marks=pytest.mark.baseline)]
)
def any_checkout(request, tmp_path_factory, real_checkout_of):
    """The stand-in, and the real baseline where it is at hand."""
    if request.param == "real":
        return real_checkout_of()
    root = tmp_path_factory.mktemp("stand_in") / "baseline"
    stand_in_baseline.lay_out(root)
    return Checkout(root)
