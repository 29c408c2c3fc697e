import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hum, small_machine, two_channel_machine, write

from dcase_denoise_plugin.denoising.adaptation import adapted
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.methods import build_method
from dcase_denoise_plugin.training.loop import train_denoiser

IN_PAUSES = dataclasses.replace(SMALL, clip_level="0.1")


@pytest.fixture
def machine(tmp_path):
    return small_machine(tmp_path / "here")


@pytest.fixture
def path(tmp_path, machine):
    path = tmp_path / "denoiser.pt"
    train_denoiser(machine, IN_PAUSES, path, torch.device("cpu"))
    return path


def machine_elsewhere(folder, gain=0.25, rate_hz=RATE_HZ, clips=6, domain="source"):
    """Another machine, quieter."""
    for index in range(clips):
        write(
            folder / "valve" / "train" / f"section_00_{domain}_train_normal_{index}.wav",
            gain * hum(index, rate_hz, rate_hz),
            rate_hz,
        )
    return Machine.from_folder(folder / "valve", "MADEUP", FEATURES, seed=7)


def test_a_denoiser_of_the_machines_own_clips_stays_as_it_is(machine, path):
    assert adapted(Checkpoint.load(path), machine).digest == Checkpoint.load(path).digest


def test_a_denoiser_from_elsewhere_keeps_its_weights_and_takes_the_level_of_the_machine_it_serves(
    tmp_path, path
):
    trained = Checkpoint.load(path)
    here = adapted(trained, machine_elsewhere(tmp_path))
    assert all(torch.equal(here.weights[name], trained.weights[name]) for name in trained.weights)
    assert (trained.scaling.mean_db - here.scaling.mean_db).mean() == pytest.approx(12, abs=1)
    assert here.digest != trained.digest


def test_a_denoiser_from_a_mono_machine_hears_the_far_microphone_of_the_one_it_serves(
    tmp_path, path
):
    here = adapted(Checkpoint.load(path), two_channel_machine(tmp_path / "two"))
    assert here.channels == 2 and here.findings.far_helps
    back = adapted(here, machine_elsewhere(tmp_path))
    assert back.channels == 1 and not back.findings.far_helps


def taken_by_domain(checkpoint, machine):
    """What goes out of the spectra of source and of target training clips, (clips, rows, 1) dB
    each.
    """
    denoiser = Denoiser(checkpoint, "cpu")
    of_files = [
        denoiser.taken_from_spectrum_db(
            torch.from_numpy(denoiser.spectrogram.level_of_wav_db(read_wav(file)[0]))
        )
        for file in machine.train_files
    ]
    return [
        torch.stack(
            [taken for taken, file in zip(of_files, machine.train_files) if domain in file.name]
        )
        for domain in ("_source_", "_target_")
    ]


def test_the_guard_is_the_wider_range_of_nine_tenths_of_either_domains_clips(tmp_path, path):
    machine_elsewhere(tmp_path, clips=40)
    machine = machine_elsewhere(tmp_path, gain=0.5, clips=20, domain="target")
    here = adapted(Checkpoint.load(path), machine)
    ranges = [
        taken.quantile(torch.tensor([0.05, 0.95]), dim=0)
        for taken in taken_by_domain(here, machine)
    ]
    assert not torch.allclose(ranges[0], ranges[1], atol=0.05)
    torch.testing.assert_close(here.findings.guard_db[0], torch.minimum(ranges[0][0], ranges[1][0]))
    torch.testing.assert_close(here.findings.guard_db[1], torch.maximum(ranges[0][1], ranges[1][1]))


def test_a_denoiser_named_by_key_serves_another_machine(tmp_path, path):
    machine = machine_elsewhere(tmp_path)
    method = build_method(machine, dataclasses.replace(IN_PAUSES, checkpoint=str(path)), path)
    log_mel = np.random.default_rng(0).normal(-60, 5, (16, 40)).astype(np.float32)
    assert (
        np.isfinite(method(log_mel, RATE_HZ)).all()
        and method.digest == adapted(Checkpoint.load(path), machine).digest
    )


def test_clips_of_another_rate_are_refused(tmp_path, path):
    with pytest.raises(
        AudioError,
        match=(
            f"clip: expected {RATE_HZ} Hz as the denoiser was trained at, got 8000 Hz in"
            " .*normal_0.wav. Resample"
        ),
    ):
        adapted(Checkpoint.load(path), machine_elsewhere(tmp_path, rate_hz=8000))
