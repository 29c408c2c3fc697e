"""What stands in the way of reading a training; test_monitor reads whole ones."""

import json
import os
import shutil

import fake_baseline
import pytest
import torch
from baseline_checkouts import make_machine

from dcase_denoise_plugin.edge import trained_baseline
from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
from dcase_denoise_plugin.errors import AudioError, BaselineError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.stage import Stage

SETTINGS = {
    **{"n_fft": 1024, "hop_length": 512, "win_length": None, "n_mels": 128, "power": 2.0},
    **{"fmin": 0.0, "fmax": None, "frames": 5, "frame_hop_length": 1, "decision_threshold": 0.9},
}
NAME = "AE_DCASE2025T2fan_id(0_)_seed13711"


@pytest.fixture
def run(tmp_path):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))
    run.served_clips[0].write_text("no sound")
    run.folder("train").mkdir(parents=True)
    (run.folder("train") / f"{NAME}.pth").touch()
    return run


def noted(run, content):
    """Notes the settings of the training, and has it save the model."""
    settings = (
        run.plan.baseline.folder
        / "models/checkpoint"
        / run.plan.export_dir(run.arm)
        / NAME
        / "args.json"
    )
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(content))
    (run.folder("train") / f"{NAME}.pth").touch()
    return settings


@pytest.mark.parametrize(
    "content, complaint",
    [
        (
            {name: value for name, value in SETTINGS.items() if name != "frames"},
            "required field `frames` in",
        ),
        (3, "Expected `object`, got `int` in"),
        ({**SETTINGS, "frames": "5"}, r"Expected `int`, got `str` - at `\$.frames` in"),
        ({**SETTINGS, "frames": 0}, "Expected `int` >= 1"),
        ({**SETTINGS, "decision_threshold": 2}, "Expected `float` <= 1.0"),
    ],
)
def test_settings_that_lack_a_key_are_refused(run, content, complaint):
    noted(run, content)
    with pytest.raises(
        BaselineError,
        match=(
            rf"expected the settings of the training, .*{complaint} .*args\.json. Train it again."
        ),
    ):
        TrainedBaseline.load(run)


def test_a_first_clip_that_cannot_be_read_is_refused(run):
    noted(run, SETTINGS)
    with pytest.raises(
        AudioError,
        match=(
            "clip: expected a readable wav file, got .* in"
            " .*section_00_source_train_normal_0000.wav"
        ),
    ):
        TrainedBaseline.load(run)


def whole_training(plain, arm="plain"):
    """A run of `arm`, and its files by the end of their names, a second apart; none of them can be
    used, which is found out later.
    """
    run = fake_baseline.run_of(plain.plan, arm=arm)
    folder = run.folder("train")
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "args": noted(run, SETTINGS),
        **({"receipt": run.receipt("train")} if arm == "denoised" else {}),
        **{score: folder / f"score_distr_{NAME}_{score}.pickle" for score in ("mse", "mahala")},
        "model": folder / f"{NAME}.pth",
    }
    for second, file in enumerate(files.values()):
        file.touch()
        os.utime(file, (second, second))
    return run, files


@pytest.mark.parametrize("arm", ["plain", "denoised"])
def test_a_whole_training_is_read(run, arm):
    with pytest.raises(AudioError):
        TrainedBaseline.load(whole_training(run, arm)[0])


@pytest.mark.parametrize(
    "arm, rewritten, left",
    [
        ("plain", ["args"], "mse"),
        ("plain", ["mse"], "mahala"),
        ("plain", ["mse", "model"], "mahala"),
        ("plain", ["mse", "mahala"], "model"),
        ("denoised", ["receipt"], "mse"),
        ("denoised", ["args", "mse", "model"], "mahala"),
    ],
)
def test_a_training_that_was_interrupted_over_a_whole_one_is_refused(run, arm, rewritten, left):
    run, files = whole_training(run, arm)
    for name in rewritten:
        os.utime(files[name], (100, 100))
    with pytest.raises(
        BaselineError,
        match="expected a training that came to its end, got an interrupted one that wrote",
    ) as error:
        TrainedBaseline.load(run)
    assert (
        f"anew and not {files[left]}. Delete that and train again: dcase-denoise run"
        f" {'baseline' if arm == 'plain' else 'denoise'} -d" in str(error.value)
    )


@pytest.mark.parametrize("later", ["test_only", "restart"])
def test_a_later_test_or_a_restart_with_nothing_left_to_do_may_note_its_settings(run, later):
    run, files = whole_training(run)
    files["args"].write_text(json.dumps({**SETTINGS, later: True}))
    with pytest.raises(AudioError):
        TrainedBaseline.load(run)


def test_a_noise_folder_that_baseline_yaml_names_is_looked_for_in_the_checkout(
    tmp_path, monkeypatch
):
    baseline = fake_baseline.lay_out(tmp_path, ())
    fan = make_machine(tmp_path / "data/dcase2025t2/dev_data/raw", train=4, test_each=1)
    shutil.copytree(fan / "supplemental", tmp_path / "own_noise")
    run = fake_baseline.run_of(fake_baseline.plan_of(baseline), arm="denoised")
    config = DenoiseConfig(
        denoise=True,
        noise_source="./own_noise",
        image_size=32,
        width=2,
        depth=2,
        epochs=1,
        pairs_per_clip=2,
    )
    monkeypatch.chdir(tmp_path)
    trained = Stage(
        Machine.from_folder(fan, "DCASE2025T2", seed=run.seed), config, torch.device("cpu")
    )
    run.folder("train").mkdir(parents=True)
    run.receipt("train").write_text(json.dumps(trained.receipt()))
    noted(
        run,
        {
            "n_fft": 1024,
            "hop_length": 512,
            "win_length": None,
            "n_mels": 128,
            "power": 2.0,
            "fmin": 0.0,
            "fmax": None,
            "frames": 5,
            "frame_hop_length": 1,
            "decision_threshold": 0.9,
        },
    )
    monkeypatch.setattr(trained_baseline.Autoencoder, "load", lambda *settings: None)
    monkeypatch.setattr(trained_baseline, "decision_threshold", lambda *settings: 0.0)
    monkeypatch.chdir("/")
    assert TrainedBaseline.load(run).stage.checkpoint == tmp_path / trained.checkpoint
