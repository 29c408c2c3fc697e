import json
import os
import subprocess
import sys
import time

import fake_baseline
import pytest

from dcase_denoise_plugin.checkout import run_record
from dcase_denoise_plugin.checkout.run_record import is_finished, seconds_of, wanted, write_record
from dcase_denoise_plugin.errors import ConfigError, RunError
from dcase_denoise_plugin.settings.sources import preset_path


def finish(run, step="train"):
    """Runs a step as the runner does."""
    asked, start_ns = wanted(run, step), time.time_ns()
    subprocess.run(
        [sys.executable, *run.command(step)],
        cwd=run.plan.baseline.folder,
        check=True,
        capture_output=True,
    )
    write_record(run, step, start_ns, asked, {"threads": "1", "device": "cpu"})


@pytest.fixture
def baseline(tmp_path):
    return fake_baseline.lay_out(tmp_path)


@pytest.fixture
def run(baseline):
    """A plain run whose training is finished."""
    run = fake_baseline.run_of(fake_baseline.plan_of(baseline))
    finish(run)
    return run


@pytest.fixture
def denoised(baseline):
    """A denoised run whose training is finished."""
    run = fake_baseline.run_of(fake_baseline.plan_of(baseline), arm="denoised")
    finish(run)
    return run


def test_a_step_is_finished_when_its_record_says_so(run):
    assert is_finished(run, "train")
    assert not is_finished(run, "MSE")


def test_another_setting_is_another_step(run, baseline):
    assert not is_finished(
        fake_baseline.run_of(fake_baseline.plan_of(baseline, "epochs=2")), "train"
    )


def test_another_name_of_the_same_preset_does_not_undo_it(denoised, baseline, tmp_path):
    finish(denoised, "MSE")
    preset = tmp_path / "same.yaml"
    preset.write_text(preset_path("recommended").read_text())
    again = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, f"denoise_preset={preset}"),
        arm="denoised",
    )
    assert is_finished(again, "train") and is_finished(again, "MSE")
    assert f"--denoise_preset={preset}" in again.command("train")
    finish(again, "MAHALA")
    assert is_finished(denoised, "MAHALA")
    preset.write_text("denoise_strength: 0.5\n")
    assert not is_finished(
        fake_baseline.run_of(
            fake_baseline.plan_of(baseline, f"denoise_preset={preset}"), arm="denoised"
        ),
        "train",
    )


def test_a_changed_clip_baseline_or_output_undoes_it(run):
    clip, code, model = (
        next(iter(run.clips)),
        run.plan.baseline.folder / "networks/base_model.py",
        run.outputs("train")[0],
    )
    for file in (clip, code, model):
        before, times = file.read_bytes(), file.stat()
        file.write_text("changed")
        assert not is_finished(run, "train")
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert is_finished(run, "train")


def test_settings_are_those_in_the_baselines_file_when_the_step_starts_not_when_it_was_planned(
    run, baseline
):
    file = baseline.folder / "baseline.yaml"
    file.write_text(file.read_text().replace("--epochs: 100", "--epochs: 99"))
    assert not is_finished(run, "train") and wanted(run, "train")["settings"]["epochs"] == 99
    file.write_text("[")
    assert not is_finished(run, "train")


def test_the_denoise_flag_in_the_yaml_does_not_undo_a_plain_step(run, baseline):
    file = baseline.folder / "baseline.yaml"
    file.write_text(file.read_text() + "denoise: true\ndenoise_preset: recommended\n")
    again = fake_baseline.run_of(fake_baseline.plan_of(type(baseline).from_folder(baseline.folder)))
    assert is_finished(again, "train")


def test_a_test_rests_on_the_model_it_tested(run):
    finish(run, "MSE")
    assert is_finished(run, "MSE")
    run.outputs("train")[0].write_text("another model")
    assert not is_finished(run, "MSE")


@pytest.mark.parametrize(
    "record",
    ["{", "[]", '{"wanted": 3}', '{"wanted": {"command": 3}}', '{"wanted": {"command": [3]}}'],
)
def test_a_damaged_record_counts_as_none(run, record):
    run.record("train").write_text(record)
    assert not is_finished(run, "train")


def test_the_record_says_what_the_result_rests_on(denoised):
    record = json.loads(denoised.record("train").read_text())
    assert (
        record["stage_digest"] == "d" * 64
        and record["wanted"]["stage"]["denoise_preset"] == "recommended"
    )
    assert {"torch", "numpy", "librosa", "dcase_denoise_plugin"} == set(
        record["wanted"]["versions"]
    ) and record["place"] == {"threads": "1", "device": "cpu"}


def test_a_users_method_undoes_its_steps_when_its_source_changes(baseline, tmp_path, monkeypatch):
    source = tmp_path / "own_method_of_a_test.py"
    source.write_text("def method(array, sample_rate_hz):\n    return array\n")
    monkeypatch.syspath_prepend(tmp_path)
    run = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, "denoise_method=own_method_of_a_test:method"),
        arm="denoised",
    )
    finish(run)
    assert is_finished(run, "train")
    source.write_text("def method(array, sample_rate_hz):\n    return 2 * array\n")
    assert not is_finished(run, "train")


def test_a_users_class_undoes_its_steps_when_the_digest_that_it_tells_changes(
    baseline, tmp_path, monkeypatch
):
    weights = tmp_path / "weights.txt"
    (tmp_path / "weighted_method_of_a_test.py").write_text(
        "from pathlib import Path\n\nclass Weighted:\n    @staticmethod\n    def digest():\n       "
        f" return Path({str(weights)!r}).read_text()\n    def __call__(self, array,"
        " sample_rate_hz):\n        return array\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    weights.write_text("weights 1")
    run = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, "denoise_method=weighted_method_of_a_test:Weighted"),
        arm="denoised",
    )
    finish(run)
    assert is_finished(run, "train")
    weights.write_text("weights 2")
    assert not is_finished(run, "train")
    weights.unlink()
    assert not is_finished(run, "train")
    with pytest.raises(ConfigError, match="without arguments, got FileNotFoundError.*weights.txt"):
        wanted(run, "train")


def test_other_code_of_the_plugin_undoes_the_denoised_steps_alone(run, denoised, monkeypatch):
    monkeypatch.setattr(run_record, "plugin_source_digest", lambda: "code of tomorrow")
    assert is_finished(run, "train") and not is_finished(denoised, "train")


def test_a_recording_added_to_the_users_noise_folder_undoes_the_denoised_steps(baseline):
    noise = baseline.folder / "noise"
    noise.mkdir()
    (noise / "hall.wav").write_text("noise")
    run = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, f"denoise_noise_source={noise}"), arm="denoised"
    )
    finish(run)
    assert is_finished(run, "train")
    (noise / "yard.wav").write_text("noise")
    assert not is_finished(run, "train")


@pytest.mark.parametrize("source, undone", [("other_machines", True), ("auto", False)])
def test_another_machines_training_clip_undoes_the_steps_of_a_denoiser_that_takes_it_for_noise(
    tmp_path, source, undone
):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    run = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, f"denoise_noise_source={source}"), arm="denoised"
    )
    finish(run)
    next((tmp_path / "data/dcase2025t2/dev_data/raw/ToyCar/train").glob("*.wav")).unlink()
    assert is_finished(run, "train") is not undone


def test_a_checkpoint_of_the_users_undoes_its_steps_when_it_changes(baseline, tmp_path):
    checkpoint = tmp_path / "mine.pt"
    checkpoint.write_text("weights")
    run = fake_baseline.run_of(
        fake_baseline.plan_of(baseline, f"denoise_checkpoint={checkpoint}"), arm="denoised"
    )
    finish(run)
    checkpoint.write_text("other weights")
    assert not is_finished(run, "train")


def test_without_a_receipt_a_denoised_step_is_not_finished(denoised):
    denoised.receipt("train").unlink()
    assert not is_finished(denoised, "train")
    with pytest.raises(RunError, match="receipt.*did not denoise"):
        write_record(denoised, "train", 0, wanted(denoised, "train"), {})


def test_a_receipt_from_before_does_not_vouch_for_a_new_run(denoised):
    with pytest.raises(RunError, match="got an earlier one"):
        write_record(
            denoised,
            "train",
            denoised.receipt("train").stat().st_mtime_ns + 1,
            wanted(denoised, "train"),
            {},
        )


def test_a_receipt_of_another_configuration_is_refused_by_what_differs(denoised):
    receipt = json.loads(denoised.receipt("train").read_text())
    receipt["config"].update(denoise_strength=0.25, denoise_preset="any.yaml")
    denoised.receipt("train").write_text(json.dumps(receipt))
    with pytest.raises(RunError, match="other values of denoise_strength in"):
        write_record(denoised, "train", 0, wanted(denoised, "train"), {})


def test_a_test_through_another_denoiser_than_the_training_is_refused(denoised):
    finish(denoised, "MSE")
    receipt = json.loads(denoised.receipt("MSE").read_text())
    denoised.receipt("MSE").write_text(json.dumps({**receipt, "stage_digest": "e" * 64}))
    with pytest.raises(RunError, match="expected the denoiser of the training run"):
        write_record(denoised, "MSE", 0, wanted(denoised, "MSE"), {})


def test_the_record_says_how_long_the_step_took(run):
    assert 0 < seconds_of(run, "train") < 60 and seconds_of(run, "MSE") is None


@pytest.mark.parametrize("record", ["{", "{}", "[]", '{"seconds": null}'])
def test_a_record_that_does_not_say_how_long_says_nothing(run, record):
    run.record("train").write_text(record)
    assert seconds_of(run, "train") is None
