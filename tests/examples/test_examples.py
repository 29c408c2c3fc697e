import importlib
import sys

import numpy as np
import pytest
import soundfile
from baseline_checkouts import PROJECT
from small_machine import RATE_HZ, hiss, hum, small_machine

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.stage.methods import build_method


@pytest.fixture
def example(monkeypatch):
    """Imports an example by its name, from its own folder."""
    monkeypatch.syspath_prepend(PROJECT / "examples")
    known = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - known:
        if name in ("own_denoiser", "picture_and_sound"):
            del sys.modules[name]


def method_named(name, machine, domain):
    return build_method(machine, DenoiseConfig(method=f"own_denoiser:{name}", domain=domain))


def test_the_function_hands_over_a_log_mel_whose_bands_are_steadier(tmp_path, example):
    domain = example("own_denoiser").steadied.domain
    machine = small_machine(tmp_path)
    noisy = Spectrogram(machine.features, RATE_HZ, "mel").level_of_wav_db(hum(0) + hiss(0))
    steady = method_named("steadied", machine, domain)(noisy, RATE_HZ)
    assert domain == "mel"
    assert steady.shape == noisy.shape and steady.dtype == noisy.dtype
    assert steady.std(axis=-1).mean() < noisy.std(axis=-1).mean()


def test_the_class_takes_the_noise_it_learnt_out_of_a_clip(tmp_path, example):
    domain = example("own_denoiser").SpectralSubtraction.domain
    method = method_named("SpectralSubtraction", small_machine(tmp_path), domain)
    clean, noise = hum(0), hiss(0)
    denoised = method(clean + noise, RATE_HZ)
    assert domain == "waveform" and method.is_fitted
    assert denoised.shape == clean.shape and denoised.dtype == clean.dtype
    assert np.square(denoised - clean).mean() < 0.5 * np.square(noise).mean()


def test_the_script_leaves_a_denoiser_a_picture_and_a_sound(tmp_path, example):
    script = example("picture_and_sound")
    folder, clip = script.made_up_machine(
        tmp_path / "machine", source_train=3, target_train=1, test=1, noise=2, clip_s=1.0
    )
    script.picture_and_sound(tmp_path / "out", folder, clip)
    wav, rate_hz = soundfile.read(tmp_path / "out" / "denoised.wav", dtype="float32")
    noisy, noisy_hz = soundfile.read(clip, dtype="float32")
    assert len(wav) == len(noisy) and rate_hz == noisy_hz and not np.array_equal(wav, noisy)
    assert (tmp_path / "out" / "denoised.png").stat().st_size > 10_000
