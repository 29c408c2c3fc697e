import matplotlib.image
import pytest
import torch
from small_machine import SMALL, hum, small_machine, write

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.picture import draw
from dcase_denoise_plugin.errors import AudioError, ConfigError
from dcase_denoise_plugin.training.loop import train_denoiser


@pytest.fixture(scope="module")
def denoiser(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train_denoiser(
        small_machine(folder),
        SMALL,
        folder / "denoiser.pt",
        torch.device("cpu"),
    )
    return Denoiser.load(folder / "denoiser.pt", device="cpu")


def width_of(png):
    return matplotlib.image.imread(png).shape[1]


def test_a_reference_gets_a_panel_of_its_own(tmp_path, denoiser):
    clip = write(tmp_path / "clip.wav", hum(1))
    draw(clip, denoiser, tmp_path / "two.png")
    draw(clip, denoiser, tmp_path / "three.png", reference=clip)
    assert width_of(tmp_path / "three.png") == 1.5 * width_of(tmp_path / "two.png")


def test_a_clip_of_another_rate_is_refused(tmp_path, denoiser):
    clip = write(tmp_path / "clip.wav", hum(1, samples=8000), rate_hz=8000)
    with pytest.raises(AudioError, match="expected 4000 Hz"):
        draw(clip, denoiser, tmp_path / "none.png")


def test_a_reference_of_another_rate_is_refused(tmp_path, denoiser):
    clip, reference = (
        write(tmp_path / "clip.wav", hum(1)),
        write(tmp_path / "clean.wav", hum(1, samples=8000), rate_hz=8000),
    )
    with pytest.raises(
        AudioError,
        match=(
            "--reference: expected 4000 Hz as in .*clip.wav, got 8000 Hz in .*clean.wav."
            " Resample it."
        ),
    ):
        draw(clip, denoiser, tmp_path / "none.png", reference)


def test_a_suffix_that_no_picture_has_is_refused(tmp_path, denoiser):
    with pytest.raises(
        ConfigError,
        match=(
            r"picture: expected a name that ends in one of .*\.png.*, got .*clip.wav. Name it .png."
        ),
    ):
        draw(write(tmp_path / "clip.wav", hum(1)), denoiser, tmp_path / "clip.wav")


def test_a_reference_of_another_length_is_refused(tmp_path, denoiser):
    clip, reference = (
        write(tmp_path / "clip.wav", hum(1)),
        write(tmp_path / "clean.wav", hum(1, samples=4001)),
    )
    with pytest.raises(
        AudioError,
        match=(
            "--reference: expected [0-9]+ samples as in .*clip.wav, got 4001 in .*clean.wav. Name"
            " the recording"
        ),
    ):
        draw(clip, denoiser, tmp_path / "none.png", reference)
