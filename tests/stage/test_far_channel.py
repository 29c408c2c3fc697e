"""The far microphone on its way through the stage, the denoiser and a folder of clips."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch
from small_machine import (
    FEATURES,
    RATE_HZ,
    SMALL,
    hum,
    near_and_far,
    small_machine,
    two_channel_machine,
    with_far,
)

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.folder import denoise_folder
from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.stage.stage import Stage

AUTO = dataclasses.replace(
    SMALL, output="clip_spectrum", clip_level="auto", network="auto", pairing="to_original"
)


def stage_of(machine, folder, **keys):
    config = dataclasses.replace(AUTO, denoise=True, **keys)
    return Stage(machine, config, torch.device("cpu"), folder / "denoisers")


def served(stage, file):
    """A clip's near channel before and after the stage."""
    near = soundfile.read(file, dtype="float32", always_2d=True)[0][:, 0]
    if stage.config.domain == "mel":
        near = Spectrogram(FEATURES, RATE_HZ, "mel").level_of_wav_db(near).astype(float)
    return near, stage.denoise([near], RATE_HZ, [str(file)])[0]


@pytest.mark.parametrize("domain", ["mel", "waveform"])
@pytest.mark.parametrize("method", ["unet", "far_subtraction"])
def test_the_stage_hands_over_less_of_the_noise(tmp_path, domain, method):
    machine = two_channel_machine(tmp_path)
    stage = stage_of(machine, tmp_path, domain=domain, method=method)
    assert "what the far one hears subtracted" in stage.findings
    noisy, denoised = served(stage, machine.train_files[0])
    clean = hum(1, 4 * RATE_HZ)
    if domain == "mel":
        clean = Spectrogram(FEATURES, RATE_HZ, "mel").level_of_wav_db(clean)
    assert np.square(denoised - clean).mean() < 0.6 * np.square(noisy - clean).mean()


@pytest.mark.parametrize("method", ["unet", "far_subtraction"])
def test_a_far_channel_of_no_help_costs_nothing(tmp_path, method):
    machine = two_channel_machine(tmp_path, with_far(lambda near, far: near))
    stage = stage_of(machine, tmp_path, method=method)
    assert "far microphone of no help (it is a copy of the near one)" in stage.findings
    near, handed_over = served(stage, machine.train_files[0])
    np.testing.assert_array_equal(handed_over, near)


def test_off_leaves_the_far_channel_out(tmp_path):
    stage = stage_of(two_channel_machine(tmp_path), tmp_path, far_microphone="off")
    assert "far" not in stage.findings and stage.is_idle


def test_far_subtraction_of_a_mono_machine_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected clips of two channels .*, got mono ones"):
        stage_of(small_machine(tmp_path), tmp_path, method="far_subtraction")


@pytest.fixture
def denoiser(tmp_path):
    """A trained file of a two-channel machine."""
    return stage_of(two_channel_machine(tmp_path), tmp_path).checkpoint


def test_a_denoiser_takes_both_channels_and_hands_back_the_near_one(denoiser):
    clip = near_and_far(9).astype(np.float32)
    denoised = Denoiser.load(denoiser, "cpu")(clip, RATE_HZ)
    assert denoised.shape == clip[:, 0].shape and denoised.dtype == np.float32
    assert np.square(denoised - hum(1, len(clip))).mean() < np.square(clip[:, 0] - denoised).mean()


def test_a_denoiser_of_two_channels_refuses_one(denoiser):
    loaded, near = Denoiser.load(denoiser, "cpu"), near_and_far(9)[:, 0].astype(np.float32)
    with pytest.raises(AudioError, match="expected two channels .*, got one in the array passed"):
        loaded(near, RATE_HZ)


def test_a_log_mel_of_two_microphones_needs_both(denoiser):
    level_db = Spectrogram(FEATURES, RATE_HZ, "mel").level_of_wav_db(hum(1, RATE_HZ))
    with pytest.raises(AudioError, match="log-mel: expected that of without_noise too, got"):
        Denoiser.load(denoiser, "cpu").log_mel(level_db)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_strength_is_a_share_of_what_the_far_channel_takes_too(denoiser, tmp_path, domain):
    machine = two_channel_machine(tmp_path, clips=6)
    keys = dict(domain=domain, method="far_subtraction")
    near, half = served(stage_of(machine, tmp_path, strength=0.5, **keys), machine.train_files[0])
    _, whole = served(stage_of(machine, tmp_path, **keys), machine.train_files[0])
    np.testing.assert_allclose(half, (near + whole) / 2, atol=1e-5)


def test_a_folder_of_two_channel_clips_becomes_one_of_mono_clips(denoiser, tmp_path):
    assert denoise_folder(tmp_path / "fan/train", tmp_path / "out", denoiser) == 6
    assert soundfile.info(tmp_path / "out/clip_0.wav").channels == 1


@pytest.mark.parametrize("domain", ["mel", "waveform"])
@pytest.mark.parametrize("method", ["unet", "far_subtraction"])
def test_clips_that_are_handed_in_are_those_of_the_files(tmp_path, domain, method):
    machine = two_channel_machine(tmp_path)
    stage, file = stage_of(machine, tmp_path, domain=domain, method=method), machine.train_files[0]
    near, from_file = served(stage, file)
    clip = soundfile.read(file, dtype="float32")[0]
    assert np.array_equal(stage.denoise([near], RATE_HZ, ["no file"], [clip])[0], from_file)
