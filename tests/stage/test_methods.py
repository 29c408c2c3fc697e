import dataclasses
import sys
from importlib import metadata

import numpy as np
import pytest
import torch
from small_machine import RATE_HZ, SMALL, hiss, hum, small_machine, write

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import (
    AudioError,
    CheckpointError,
    ConfigError,
    DataError,
    DenoiseError,
)
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.stage.methods import build_method
from dcase_denoise_plugin.stage.own_method import ENTRY_POINTS, find, own_digest, source_digest
from dcase_denoise_plugin.training.loop import train_denoiser

USER_CODE = """
import functools
from pathlib import Path

def halve(array, sample_rate_hz):
    return array / 2

class Offset:
    def __init__(self, machine, config):
        self.name, self.domain = machine.machine_type, config.domain
    def __call__(self, array, sample_rate_hz):
        return array + len(self.name)

class Box:
    halve = staticmethod(halve)

class Trained:
    def __init__(self, machine, config):
        self.weights = machine.seed
    def __call__(self, array, sample_rate_hz):
        return array

class WithWeights(Trained):
    digest = "weights 1"

class ReadsWeights(Trained):
    @staticmethod
    def digest():
        return Path("weights.txt").read_text()

class TellsOnceBuilt(Trained):
    @functools.cached_property
    def digest(self):
        return f"weights {self.weights}"

class Asks(Trained):
    def digest(self):
        return "weights 1"

class WithoutClips(Trained):
    def __init__(self, machine, config):
        raise ValueError("no clips\\nat all.")

number = 5
halve_partially = functools.partial(halve)
instance = object.__new__(Trained)
named = functools.partial(halve)
named.digest = "weights 1"
numbered = functools.partial(halve)
numbered.digest = 1
"""


@pytest.fixture
def machine(tmp_path):
    return small_machine(tmp_path)


@pytest.fixture
def user_module(tmp_path, monkeypatch):
    (tmp_path / "users_method.py").write_text(USER_CODE)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "users_method.py"
    sys.modules.pop("users_method", None)


def method(machine, name, domain="waveform", path=None, **keys):
    return build_method(
        machine, dataclasses.replace(SMALL, method=name, domain=domain, **keys), path
    )


def array_for(machine, domain, wav):
    spectrogram = Spectrogram(machine.features, RATE_HZ, "mel")
    return wav if domain == "waveform" else spectrogram.level_of_wav_db(wav)


@pytest.mark.parametrize("domain", ["waveform", "mel"])
def test_identity_hands_over_the_very_array(machine, domain):
    array = array_for(machine, domain, hum(0))
    assert np.array_equal(method(machine, "identity", domain)(array, RATE_HZ), array)


@pytest.mark.parametrize("domain", ["waveform", "mel"])
def test_unet_is_the_trained_denoiser_at_full_strength(machine, tmp_path, domain):
    config = dataclasses.replace(SMALL, domain=domain, strength=0.5)
    train_denoiser(machine, config, tmp_path / "denoiser.pt", torch.device("cpu"))
    built = build_method(machine, config, tmp_path / "denoiser.pt", "cpu")
    denoiser = Denoiser.load(tmp_path / "denoiser.pt", "cpu", strength=1.0)
    array = array_for(machine, domain, hum(0))
    assert np.array_equal(
        built(array, RATE_HZ),
        denoiser(array, RATE_HZ) if domain == "waveform" else denoiser.log_mel(array),
    )
    assert built.digest == Checkpoint.load(tmp_path / "denoiser.pt").digest


def test_unet_of_another_configuration_is_refused(machine, tmp_path):
    train_denoiser(machine, SMALL, tmp_path / "denoiser.pt", torch.device("cpu"))
    with pytest.raises(CheckpointError, match="expected denoise_width 4, got 2"):
        method(machine, "unet", "mel", tmp_path / "denoiser.pt", width=4)


@pytest.mark.parametrize("name", ["spectral_gate", "wiener"])
@pytest.mark.parametrize("domain", ["waveform", "mel"])
@pytest.mark.parametrize("noise_clips", [0, 2])
def test_filters_lower_the_noise_and_keep_shape_dtype_and_tone(tmp_path, name, domain, noise_clips):
    machine = small_machine(tmp_path, noise_clips=noise_clips)
    tone = np.where(
        np.arange(8000) > 4000, np.sin(2 * np.pi * 500 * np.arange(8000) / RATE_HZ), 0
    ).astype(np.float32)
    noisy = array_for(machine, domain, hiss(5, 8000) + tone)
    denoised = method(machine, name, domain)(noisy, RATE_HZ)
    assert denoised.shape == noisy.shape and denoised.dtype == noisy.dtype
    before, after = (
        array_for(machine, "mel", wav) if domain == "waveform" else wav for wav in (noisy, denoised)
    )
    assert (before - after)[:, 3:28].mean() > 8  # noise alone, dB
    assert (before - after).max(0)[40:60].min() >= 0 and abs(before.max(0) - after.max(0))[
        40:60
    ].max() < 1  # the tone stays


@pytest.mark.parametrize("name", ["spectral_gate", "wiener"])
def test_filters_never_raise_a_level_and_keep_the_scale(machine, name):
    filter_in_mel = method(machine, name, "mel")
    log_mel = array_for(machine, "mel", hum(0))
    assert (filter_in_mel(log_mel, RATE_HZ) <= log_mel).all()
    np.testing.assert_allclose(
        filter_in_mel(log_mel + 200, RATE_HZ), log_mel + 200, atol=0.01
    )  # far above the noise: untouched


@pytest.mark.parametrize("name", ["spectral_gate", "wiener"])
def test_filters_measure_the_noise_on_the_recordings_that_the_keys_name(machine, tmp_path, name):
    log_mel = array_for(machine, "mel", hum(0))
    supplemental = method(machine, name, "mel")
    write(tmp_path / "own" / "loud.wav", 20 * hiss(7))
    own = method(machine, name, "mel", noise_source=str(tmp_path / "own"))
    assert (
        own.digest != supplemental.digest
        and own(log_mel, RATE_HZ).mean() < supplemental(log_mel, RATE_HZ).mean() - 1
    )
    with pytest.raises(
        DataError,
        match="denoise_noise_source: expected at least 1 noise clip .*, got 0 in /.*/nowhere",
    ):
        method(machine, name, "mel", noise_source="./nowhere")


def test_a_noise_clip_of_another_rate_is_refused(machine):
    write(machine.noise_files[0], hiss(0, 8000), 8000)
    with pytest.raises(
        AudioError, match="noise clip: expected 4000 Hz .*, got 8000 Hz in .*noise_0.wav. Resample"
    ):
        method(machine, "wiener")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("users_method:halve", 0.5), ("users_method:Box.halve", 0.5), ("users_method:Offset", 4)],
)
def test_a_users_function_or_class_is_called_by_its_path(machine, user_module, name, expected):
    assert method(machine, name)(np.ones(3, np.float32), RATE_HZ).tolist() == [expected] * 3


def test_an_entry_point_is_found_by_its_name(machine, user_module, monkeypatch):
    entry = metadata.EntryPoint("my-halve", "users_method:halve", ENTRY_POINTS)
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: [entry] if group == entry.group else []
    )
    assert method(machine, "my-halve")(np.ones(3, np.float32), RATE_HZ).tolist() == [0.5] * 3


def test_the_digest_of_users_code_follows_its_source(machine, user_module):
    before, other = (
        method(machine, "users_method:halve").digest,
        method(machine, "users_method:Offset").digest,
    )
    user_module.write_text(USER_CODE.replace("/ 2", "/ 3 "))
    sys.modules.pop("users_method")
    after = method(machine, "users_method:halve").digest
    assert len({before, other, after}) == 3 and all(
        int(digest, 16) for digest in (before, other, after)
    )


def digest_of(machine, name, **keys):
    return method(machine, f"users_method:{name}", **keys).digest


def test_the_digest_of_a_users_class_follows_the_seed(machine, user_module):
    other = dataclasses.replace(machine, seed=8)
    assert (
        digest_of(machine, "Trained")
        == digest_of(machine, "Trained")
        != digest_of(other, "Trained")
    )
    assert digest_of(machine, "halve") == digest_of(other, "halve")


@pytest.mark.parametrize("name", ["users_method:Trained", "wiener"])
def test_the_digest_of_a_class_follows_the_supplemental_clips(tmp_path, machine, user_module, name):
    assert (
        method(machine, name).digest != method(small_machine(tmp_path, noise_clips=3), name).digest
    )


def test_the_digest_of_a_filter_is_one_for_all_seeds(machine):
    assert (
        method(machine, "wiener").digest
        == method(dataclasses.replace(machine, seed=8), "wiener").digest
    )


def test_the_digest_of_a_users_class_follows_the_other_machines_the_noise_folder_and_the_checkpoint(
    tmp_path, machine, user_module
):
    recording = tmp_path / "mine" / "recording.wav"
    before = digest_of(machine, "Trained")
    for samples in (RATE_HZ, 2 * RATE_HZ):
        write(recording, hiss(5, samples))
        with_it = [
            digest_of(dataclasses.replace(machine, other_files=(recording,)), "Trained"),
            digest_of(machine, "Trained", noise_source=str(recording.parent)),
            digest_of(machine, "Trained", checkpoint=str(recording)),
        ]
        assert before not in with_it
        before = with_it[0]


def test_a_digest_of_the_methods_own_stands_in_place_of_seed_and_clips(machine, user_module):
    before = digest_of(machine, "WithWeights")
    assert before == digest_of(dataclasses.replace(machine, seed=8), "WithWeights")
    find("users_method:WithWeights").digest = "weights 2"
    assert digest_of(machine, "WithWeights") != before


def test_a_class_may_tell_its_digest_by_a_function_that_is_asked_each_time(
    machine, user_module, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    digests = []
    for weights in ("1", "2", "2"):
        (tmp_path / "weights.txt").write_text(weights)
        digests.append(source_digest(find("users_method:ReadsWeights")))
        assert own_digest(find("users_method:ReadsWeights")) == weights
    assert digests[0] != digests[1] == digests[2]
    (tmp_path / "weights.txt").unlink()
    with pytest.raises(
        ConfigError,
        match=r"function without arguments, got FileNotFoundError.* \(users_method.py, line \d+\)",
    ):
        source_digest(find("users_method:ReadsWeights"))


def test_what_instances_alone_tell_is_not_asked_of_their_class(machine, user_module):
    assert own_digest(find("users_method:TellsOnceBuilt")) is None
    other = dataclasses.replace(machine, seed=8)
    assert digest_of(machine, "TellsOnceBuilt") != digest_of(other, "TellsOnceBuilt")


def test_a_digest_that_wants_an_argument_is_refused(machine, user_module):
    with pytest.raises(ConfigError, match="expected its digest to be a text or a function without"):
        source_digest(find("users_method:Asks"))


def test_the_digest_of_users_code_follows_the_modules_beside_it(machine, user_module):
    before = digest_of(machine, "halve")
    (user_module.parent / "helper.py").write_text("GAIN = 2")
    assert digest_of(machine, "halve") != before


def test_the_digest_of_a_users_package_follows_all_of_its_modules(machine, tmp_path, monkeypatch):
    for name, text in (
        ("__init__", ""),
        ("deep/__init__", ""),
        ("deep/method", USER_CODE),
        ("weights", "SCALE = 1"),
    ):
        (tmp_path / "users_package" / name).with_suffix(".py").parent.mkdir(
            parents=True, exist_ok=True
        )
        (tmp_path / "users_package" / name).with_suffix(".py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    before = method(machine, "users_package.deep.method:halve").digest
    (tmp_path / "beside.py").write_text("")
    assert method(machine, "users_package.deep.method:halve").digest == before
    (tmp_path / "users_package/weights.py").write_text("SCALE = 2")
    assert method(machine, "users_package.deep.method:halve").digest != before


@pytest.mark.parametrize(
    "name", ["users_method:halve_partially", "users_method:instance", "sys:getsizeof"]
)
def test_a_callable_whose_source_cannot_be_told_is_refused(machine, user_module, name):
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_method: expected a function or class that is written in a file, got .*. Wrap"
            " it in a function, or give it"
        ),
    ):
        method(machine, name)


def test_such_a_callable_is_taken_with_a_digest_of_its_own(machine, user_module):
    before = digest_of(machine, "named")
    find("users_method:named").digest = "weights 2"
    assert digest_of(machine, "named") != before


def test_a_digest_that_is_no_text_is_refused(machine, user_module):
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_method: expected a text as the method's own digest, got int in"
            " functools.partial.* Make it one."
        ),
    ):
        method(machine, "users_method:numbered")


def test_of_an_installed_module_its_file_alone_counts():
    assert source_digest(dataclasses.replace) != source_digest(dataclasses.field)


def test_a_users_class_that_cannot_be_built_stops_in_one_line_with_its_place(machine, user_module):
    expected = (
        r"^denoise_method users_method:WithoutClips: expected it to be built for machine fan, got"
        r" ValueError: no clips at all \(users_method.py, line"
    )
    with pytest.raises(DenoiseError, match=expected) as stopped:
        method(machine, "users_method:WithoutClips")
    assert isinstance(stopped.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "name", ["unett", "no_such_package:function", "users_method:no_such_function", "users_method"]
)
def test_a_name_that_leads_nowhere_is_refused(machine, user_module, name):
    expected = (
        "denoise_method: expected a built-in method, an entry point or package.module:function,"
        f" got '{name}' .* Correct the name"
    )
    with pytest.raises(ConfigError, match=expected):
        method(machine, name)


def test_a_users_module_that_does_not_import_is_refused(machine, user_module):
    user_module.write_text("1 / 0")
    with pytest.raises(
        ConfigError,
        match=(
            r"got 'users_method:halve' \(ZeroDivisionError: division by zero \(users_method.py,"
            r" line 1\)\)"
        ),
    ):
        method(machine, "users_method:halve")


def test_something_that_cannot_be_called_is_refused(machine, user_module):
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_method: expected a function or class, got int 'users_method:number'. Name"
            " something that can be called."
        ),
    ):
        method(machine, "users_method:number")


@pytest.mark.parametrize(
    "code, told",
    [
        (
            "raise SystemExit('please install foo')",
            r"SystemExit: please install foo \(users_method.py, line 1\)",
        ),
        ("{}['weights']", r"KeyError: 'weights' \(users_method.py, line 1\)"),
        (
            "import json\njson.loads('')",
            (
                r"JSONDecodeError: Expecting value: line 1 column 1 \(char 0\) \(users_method.py,"
                r" line 2\)"
            ),
        ),
    ],
)
def test_a_users_module_that_does_not_import_is_told_in_one_line_with_its_own_place(
    user_module, code, told
):
    user_module.write_text(code)
    with pytest.raises(ConfigError, match=told) as raised:
        find("users_method:halve")
    assert "\n" not in str(raised.value)
