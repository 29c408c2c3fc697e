"""A denoised run of the baseline's own train.py makes nothing outside of its checkout."""

import pytest
from baseline_checkouts import Checkout, make_machine

from dcase_denoise_plugin.demo import stand_in

IDENTITY = ("--train_only", "--denoise", "true", "--denoise_method", "identity")


@pytest.mark.parametrize("option", ["--export_dir=../../x", "--result_directory=/nowhere"])
def test_a_folder_outside_is_refused_before_anything_is_made(tmp_path, option):
    stand_in.lay_out(tmp_path / "baseline")
    checkout = Checkout(tmp_path / "baseline")
    before = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    run = checkout.train_py(*IDENTITY, option, ok=False)
    assert run.returncode == 2 and "expected a folder inside the checkout" in run.stderr
    after = {path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts}
    assert after == before


def test_a_checkout_in_which_the_baseline_finds_no_clip_is_refused(tmp_path):
    stand_in.lay_out(tmp_path / "run [1]")
    checkout = Checkout(tmp_path / "run [1]")
    make_machine(checkout.raw, train=2, test_each=1)
    run = checkout.train_py(*IDENTITY, ok=False)
    assert run.returncode == 2 and "expected a path without [, * and ?" in run.stderr
