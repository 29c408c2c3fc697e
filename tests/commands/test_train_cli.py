import re

import numpy as np
import pytest
from click.testing import CliRunner
from small_machine import hiss, hum, write

from dcase_denoise_plugin import Denoiser
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint

RATE_HZ = 16000
TINY = [
    word
    for key in (
        "image_size=32",
        "width=2",
        "depth=2",
        "epochs=1",
        "pairs_per_clip=1",
        "network=always",
    )
    for word in ("--set", f"denoise_{key}")
]


def train(folder, *words):
    for index in range(3):
        write(folder / "fan" / "train" / f"clip_{index}.wav", hum(index, RATE_HZ, RATE_HZ), RATE_HZ)
    write(
        folder / "fan" / "supplemental" / "section_00_noise_0.wav", 0.2 * hiss(0, RATE_HZ), RATE_HZ
    )
    return again(folder, *words)


def again(folder, *words):
    return CliRunner().invoke(
        main, ["train", str(folder / "fan"), "--out", str(folder / "denoiser.pt"), *TINY, *words]
    )


def test_a_folder_of_clips_becomes_a_denoiser(tmp_path):
    result = train(tmp_path)
    assert (
        result.exit_code == 0
        and "denoiser fan: epoch 1/1  loss" in result.output
        and result.output.endswith(f"wrote {tmp_path / 'denoiser.pt'}\n")
    )
    denoised = Denoiser.load(tmp_path / "denoiser.pt", "cpu")(hum(9, RATE_HZ, RATE_HZ), RATE_HZ)
    assert denoised.shape == (RATE_HZ,) and np.isfinite(denoised).all()
    header, first = (tmp_path / "denoiser.loss.csv").read_text().splitlines()
    epoch, loss = first.split(",")
    said = re.search(r"loss (\S+)", result.output)[1]
    assert (header, epoch) == ("epoch,loss", "1") and float(loss) == pytest.approx(float(said))


def test_a_finished_denoiser_is_said_to_be_one_unless_another_output_is_asked_for(tmp_path):
    file = tmp_path / "denoiser.pt"
    train(tmp_path)
    assert (
        again(tmp_path).output == f"{file} was finished before\n"
        and Checkpoint.load(file).config.strength == 1.0
    )
    assert (
        again(tmp_path, "--set", "denoise_strength=0.5").output == f"wrote {file}\n"
        and Checkpoint.load(file).config.strength == 0.5
    )


def test_the_current_folder_is_a_machine_by_its_own_name(tmp_path, monkeypatch):
    train(tmp_path)
    monkeypatch.chdir(tmp_path / "fan")
    result = CliRunner().invoke(main, ["train", ".", "--out", str(tmp_path / "denoiser.pt"), *TINY])
    assert (
        result.exit_code == 0
        and result.output == f"{tmp_path / 'denoiser.pt'} was finished before\n"
    )


def test_a_setting_that_is_none_of_the_stages_is_refused_in_one_line(tmp_path):
    result = train(tmp_path, "--set", "epochs=3")
    assert (
        result.exit_code == 2
        and "expected a known denoise key" in result.output
        and result.output.count("\n") == 1
    )


def test_a_device_that_is_not_there_is_refused_in_one_line(tmp_path):
    result = train(tmp_path, "--device", "cuda:99")
    assert (
        result.exit_code == 2
        and "--device: expected" in result.output
        and result.output.count("\n") == 1
    )


def test_a_method_that_has_nothing_to_train_is_refused_in_one_line(tmp_path):
    result = train(tmp_path, "--set", "denoise_method=wiener")
    assert (
        result.exit_code == 2
        and "denoise_method: expected unet, which has something to train, got wiener"
        in result.output
    )
    assert result.output.count("\n") == 1 and not (tmp_path / "denoiser.pt").exists()
