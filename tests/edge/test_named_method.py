"""A method of the user's is run because the user names it in the command, never because a receipt
does.
"""

import json
import shutil
import sys

import fake_baseline
import pytest
from baseline_checkouts import make_machine
from click.testing import CliRunner

from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.edge import trained_baseline
from dcase_denoise_plugin.settings.values import BUILT_IN_METHODS
from dcase_denoise_plugin.stage import methods
from dcase_denoise_plugin.stage.named_method import code_behind
from dcase_denoise_plugin.stage.own_method import find, source_digest

RAW = "data/dcase2025t2/dev_data/raw"
FEATURES = {"n_fft": 1024, "hop_length": 512, "n_mels": 128, "power": 2.0, "fmin": 0.0}
SETTINGS = {
    **FEATURES,
    "win_length": None,
    "fmax": None,
    "frames": 5,
    "frame_hop_length": 1,
    "decision_threshold": 0.9,
}
METHOD = "their_denoiser:halved"
SOURCE = """
from pathlib import Path
Path({ran!r}).touch()
def halved(log_mel, sample_rate_hz):
    return log_mel / 2
"""


class Sum:
    """Stands in for the autoencoder: its scores tell what it was handed."""

    def __call__(self, log_mel):
        return log_mel.double().sum().repeat(2)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose receipt says that the autoencoder was trained behind `METHOD`."""
    baseline = fake_baseline.lay_out(tmp_path)
    shutil.rmtree(tmp_path / RAW / "fan")
    make_machine(tmp_path / RAW, train=4, test_each=1)
    run = fake_baseline.run_of(fake_baseline.plan_of(baseline), arm="denoised")
    name = f"AE_DCASE2025T2fan_id(0_)_seed{run.seed}"
    noted = tmp_path / "models/checkpoint" / run.plan.export_dir(run.arm) / name / "args.json"
    noted.parent.mkdir(parents=True)
    noted.write_text(json.dumps(SETTINGS))
    (tmp_path / "their_denoiser.py").write_text(SOURCE.format(ran=str(tmp_path / "ran")))
    run.folder("train").mkdir(parents=True)
    write_receipt(run, METHOD, "f" * 64)
    monkeypatch.setattr(trained_baseline.Autoencoder, "load", lambda *settings: Sum())
    monkeypatch.setattr(trained_baseline, "decision_threshold", lambda *settings: 0.0)
    yield run
    sys.modules.pop("their_denoiser", None)


def write_receipt(run, method, digest):
    receipt = {"config": {"denoise_method": method}, "stage_digest": "", "method_digest": digest}
    receipt["method_source"] = code_behind(method, (run.plan.baseline.folder,))
    run.receipt("train").write_text(json.dumps(receipt))
    (run.folder("train") / f"AE_DCASE2025T2fan_id(0_)_seed{run.seed}.pth").touch()


def call(command, run, *words):
    words = command, *words, "--machine", "fan", "--baseline", str(run.plan.baseline.folder)
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def monitored(run, *words):
    clips = run.plan.baseline.folder / RAW / "fan/test"
    return call("monitor", run, clips, "--once", "--json", *words)


def has_run(run):
    return (run.plan.baseline.folder / "ran").exists()


def assert_refused(result, text):
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1, result.stderr
    assert text in result.stderr


def test_the_monitor_does_not_import_a_method_that_only_a_receipt_names(checkout):
    assert_refused(
        monitored(checkout),
        f"denoise_method: expected {', '.join(BUILT_IN_METHODS)}, got '{METHOD}' in",
    )
    assert not has_run(checkout)


def test_an_export_does_not_import_it_either(checkout, tmp_path):
    result = call("export", checkout, "--out", tmp_path / "scorer.onnx")
    assert_refused(result, f"if you name it there: --method {METHOD}.")
    assert not has_run(checkout)


def test_another_method_than_the_receipts_is_refused_unimported(checkout):
    assert_refused(
        monitored(checkout, "--method", "their_denoiser:other"),
        f"--method: expected '{METHOD}', which the autoencoder was trained behind, got",
    )
    assert not has_run(checkout)


def test_the_method_that_the_command_names_is_in_front_of_the_scores(checkout):
    write_receipt(checkout, "identity", source_digest(methods.identity))
    whole = lines_of(monitored(checkout))
    write_receipt(checkout, METHOD, source_digest(find(METHOD, (checkout.plan.baseline.folder,))))
    halved = lines_of(monitored(checkout, "--method", METHOD))
    for behind, plain in zip(halved, whole, strict=True):
        assert behind["scores"]["MSE"] == pytest.approx(plain["scores"]["MSE"] / 2, rel=1e-6)


def lines_of(result):
    assert result.exit_code == 0 and result.stdout, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_named_method_whose_source_has_changed_is_not_even_imported(checkout):
    (checkout.plan.baseline.folder / "beside.py").touch()
    assert_refused(
        monitored(checkout, "--method", METHOD),
        f"--method {METHOD}: expected the code of the training (",
    )
    assert not has_run(checkout)


def test_one_that_has_learnt_something_else_denoises_no_clip(checkout):
    assert_refused(
        monitored(checkout, "--method", METHOD),
        "expected the denoiser it was trained behind (ffffffffffff), got another one (",
    )
