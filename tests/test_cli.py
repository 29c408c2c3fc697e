import json

import fake_baseline
import pytest
from click.testing import CliRunner

from dcase_denoise_plugin import startup_file
from dcase_denoise_plugin.cli import main


def call(*words):
    """What ``dcase-denoise <words>`` ends with."""
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of a fake baseline with two machine types, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DCASE_BASELINE_DIR", raising=False)
    return fake_baseline.lay_out(tmp_path / "checkout", ("fan", "ToyCar")).folder


def test_compare_ends_with_the_tables_and_names_what_has_no_clips(root):
    result = call("run", "-d", "compare", "--baseline", root, "--jobs", 2)
    assert result.exit_code == 0
    assert "fan, ToyCar; no clips of valve" in result.output
    assert result.output.index("development data, MSE") < result.output.index("development data, MAHALA") < result.output.rindex("logs")
    assert "+10.00" in result.output


def test_machine_seed_and_settings_are_handed_on(root):
    call("run", "-d", "baseline", "--baseline", root, "--machine", "fan", "--seed", 1, "--seed", 2, "--seed", 2, "--set", "epochs=2")
    calls = fake_baseline.calls(fake_baseline.Baseline.from_folder(root))
    assert len(calls) == 6 and all("T2fan" in call and "--epochs=2" in call for call in calls)
    assert {word for call in calls for word in call.split() if word.startswith("--seed")} == {"--seed=1", "--seed=2"}


def test_denoise_after_baseline_completes_the_comparison(root):
    assert "difference" not in call("run", "-d", "baseline", "--baseline", root, "--machine", "fan").output
    assert "difference" in call("run", "-d", "denoise", "--baseline", root, "--machine", "fan").output
    assert "difference" not in call("run", "-d", "denoise", "--baseline", root).output


def test_a_failed_machine_is_named_last_and_the_exit_code_is_1(root):
    (root / "orders.json").write_text(json.dumps({"DCASE2025T2fan": {"complaint": "no space left"}}))
    result = call("run", "-d", "baseline", "--baseline", root)
    assert result.exit_code == 1
    assert result.output.rstrip().endswith("FAILED: fan seed 13711 plain") and "ToyCar" in result.output


def test_an_interrupted_features_file_is_dropped_aloud(root):
    lock_file = root / "data/dcase2025t2/dev_data/processed/fan/train/mels128/section_00_lockfile"
    lock_file.parent.mkdir(parents=True)
    lock_file.touch()
    lock_file.with_name("section_00.pickle").touch()
    assert "left half-written" in call("run", "-d", "baseline", "--baseline", root, "--machine", "fan").output


@pytest.mark.parametrize("words, line", [
    (("run", "-d"), "dcase-denoise: baseline: expected a checkout"),
    (("run", "-d", "--baseline", "."), "dcase-denoise: baseline: expected a checkout"),
    (("run", "-d", "--baseline", "checkout", "--machine", "fann"), "dcase-denoise: --machine: expected one of fan, ToyCar, valve, got 'fann'"),
    (("run", "-d", "--baseline", "checkout", "--set", "denoise_epochs=0"), "dcase-denoise: denoise_epochs: expected"),
    (("apply", "checkout/networks", "out", "--checkpoint", "none.pt"), "dcase-denoise: IN_DIR"),
])
def test_an_error_is_one_line_and_exit_code_2_and_nothing_has_run(root, words, line):
    result = call(*words)
    assert result.exit_code == 2 and result.output.startswith(line) and result.output.count("\n") == 1
    assert not (root / "calls.txt").exists()


@pytest.mark.parametrize("words, complaint", [
    (("run", "compare", "--baseline", "checkout"), "Say -d"),
    (("run", "--demo", "--baseline", "checkout"), "leave out --baseline"),
    (("run", "--demo", "-e"), "leave out --baseline and -e"),
    (("run", "-d", "denoised"), "denoised"),
])
def test_a_call_that_makes_no_sense_says_how_to_put_it(root, words, complaint):
    result = call(*words)
    assert result.exit_code == 2 and complaint in result.output


def test_the_demo_refuses_a_folder_that_holds_something_else(root):
    result = call("run", "--demo", "--demo-dir", root)
    assert result.exit_code == 2 and "stand-in" in result.output and not (root / "calls.txt").exists()


def test_clone_baseline_uses_the_folder_that_is_there(root):
    root.rename(root.parent / "baseline")
    assert call("run", "-d", "baseline", "--clone-baseline", "--machine", "fan").exit_code == 0


def test_ctrl_c_is_exit_code_130(root, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt
    monkeypatch.setattr("dcase_denoise_plugin.runner.run_all", interrupted)
    result = call("run", "-d", "--baseline", root)
    assert result.exit_code == 130 and "goes on from the last finished step" in result.output


def test_a_full_disk_is_one_line(root, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")
    monkeypatch.setattr("dcase_denoise_plugin.summary.summarise", full)
    result = call("run", "-d", "baseline", "--baseline", root, "--machine", "fan")
    assert result.exit_code == 2 and result.output.splitlines()[-1].startswith("dcase-denoise: files: expected") and "No space left" in result.output


def test_doctor_says_what_it_finds(root):
    result = call("doctor", "--baseline", root)
    assert result.exit_code == 0 and "torch 2.11" in result.output and "v4 (2025) family" in result.output and "pinned versions: all met" in result.output
    assert "expected a checkout" in call("doctor").output


def test_doctor_fails_when_a_pin_is_not_met(root, monkeypatch):
    monkeypatch.setattr("dcase_denoise_plugin.environment.pinned", lambda: ["torch >=9999"])
    result = call("doctor", "--baseline", root)
    assert result.exit_code == 1 and "torch>=9999 (here: 2.11" in result.output


def test_enable_and_disable_say_what_they_did(tmp_path, monkeypatch):
    monkeypatch.setattr(startup_file, "startup_file", lambda folder=None: tmp_path / "hook.pth")
    assert call("enable").output == f"wrote {tmp_path / 'hook.pth'}\n"
    assert call("disable").output == f"removed {tmp_path / 'hook.pth'}\n"
    assert call("disable").output == "was not enabled\n"
