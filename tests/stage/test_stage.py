import dataclasses
import sys

import numpy as np
import pytest
import soundfile
import torch
from baseline_checkouts import RATE_HZ, make_machine
from small_machine import SMALL, small_machine

from dcase_denoise_plugin.denoising import checkpoint as checkpoint_module
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import AudioError, CheckpointError, DenoiseError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import read_wav, write_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage import stage as stage_module
from dcase_denoise_plugin.stage.stage import Stage

TINY = {
    "image_size": 32,
    "width": 2,
    "depth": 2,
    "epochs": 1,
    "pairs_per_clip": 2,
    "network": "always",
}


@pytest.fixture
def machine(tmp_path):
    return Machine.from_folder(
        make_machine(tmp_path / "raw", train=4, test_each=1), "DCASE2025T2", seed=5
    )


@pytest.fixture
def stage_of(machine, tmp_path):
    def make(train_command=None, **settings):
        return Stage(
            machine,
            DenoiseConfig(denoise=True, **settings),
            torch.device("cpu"),
            tmp_path / "denoisers",
            train_command,
        )

    return make


def clip_of(machine):
    return read_wav(machine.train_files[0]), str(machine.train_files[0])


def denoised(stage, loaded, path, log_mel=None):
    """What the stage makes of one clip, or of its log-mel spectrogram."""
    wav, _ = stage.check_clip(path, lambda path: loaded)
    (clip,) = stage.denoise([wav if log_mel is None else log_mel], RATE_HZ, [path])
    return clip


@pytest.mark.parametrize("domain", ["waveform", "mel"])
def test_strength_blends_between_the_clip_and_the_denoised_clip(machine, stage_of, domain):
    (wav, rate), path = clip_of(machine)
    clip = wav if domain == "waveform" else np.random.default_rng(1).normal(-40, 10, (128, 47))
    full, half, none = (
        denoised(
            stage_of(domain=domain, method="wiener", strength=strength), (wav, rate), path, clip
        )
        for strength in (1.0, 0.5, 0.0)
    )
    assert none is clip and not np.allclose(full, clip, atol=1e-4)
    np.testing.assert_allclose(half, (full + clip) / 2, atol=1e-5)
    assert half.dtype == clip[0].dtype


def test_a_missing_denoiser_is_trained_once_and_what_was_found_is_told_each_time(
    machine, stage_of, said
):
    first = stage_of(**TINY)
    found, epoch = said
    assert found == f"denoiser {first.findings}" and "epoch 1/1" in epoch
    said.clear()
    assert stage_of(**TINY).digest == first.digest and said == [f"stage {first.findings}"]


def test_at_strength_0_nothing_is_trained_and_clips_stay_what_they_are(machine, stage_of):
    stage = stage_of(**TINY, strength=0.0)
    assert not stage.checkpoint.exists() and stage.is_idle
    assert stage.findings == "fan: strength 0 → clips handed over as they are"


def test_without_recordings_clips_are_handed_over_as_they_are(tmp_path):
    machine = small_machine(tmp_path, noise_clips=0)
    config = dataclasses.replace(SMALL, denoise=True, network="auto", clip_level="auto")
    stage = Stage(machine, config, torch.device("cpu"), tmp_path / "denoisers")
    clip = np.ones((16, 30))
    assert stage.is_idle and not stage.takes_batches and stage.receipt()["untouched"]
    assert stage.denoise([clip], RATE_HZ, ["a.wav"])[0] is clip


def test_a_resume_file_that_a_kill_left_beside_the_denoiser_goes(stage_of):
    left = stage_of(**TINY).checkpoint.with_name("denoiser.pt.resume")
    left.write_bytes(b"of the last epoch")
    stage_of(**TINY)
    assert not left.exists()


def test_a_shared_file_does_not_tell_who_trained_it(machine, stage_of):
    first = stage_of(**TINY, strength=0.5, output="frames")
    content = first.checkpoint.read_bytes()
    first.checkpoint.unlink()
    assert stage_of(**TINY).checkpoint.read_bytes() == content
    denoiser = Denoiser.load(first.checkpoint, "cpu")
    assert (denoiser.strength, denoiser.config.output) == (
        DenoiseConfig().strength,
        DenoiseConfig().output,
    )


def test_another_recording_in_the_users_noise_folder_takes_a_denoiser_of_its_own(
    machine, stage_of, tmp_path
):
    noise = tmp_path / "noise"
    for index in range(2):
        write_wav(
            noise / f"{index}.wav",
            0.1 * np.random.default_rng(index).standard_normal(2 * RATE_HZ),
            RATE_HZ,
        )
        denoisers = {stage_of(**TINY, noise_source=str(noise)).checkpoint for _ in range(2)}
        assert len(denoisers) == 1 and len(list((tmp_path / "denoisers").iterdir())) == index + 1


def test_other_machines_clips_shape_the_denoiser_that_takes_them_for_noise_and_no_other(
    machine, stage_of, tmp_path
):
    def denoiser(source):
        again = Machine.from_folder(tmp_path / "raw" / machine.machine_type, "DCASE2025T2", seed=5)
        return Stage(
            again,
            DenoiseConfig(denoise=True, method="identity", noise_source=source),
            torch.device("cpu"),
            tmp_path,
        ).checkpoint

    before = denoiser("floor"), denoiser("other_machines")
    write_wav(tmp_path / "raw/valve/train/valve.wav", np.zeros(RATE_HZ), RATE_HZ)
    assert denoiser("floor") == before[0] and denoiser("other_machines") != before[1]


def test_the_digest_follows_strength_weights_and_method(stage_of):
    stages = [
        stage_of(**TINY),
        stage_of(**TINY, strength=0.5),
        stage_of(**TINY, learning_rate=1e-4),
        stage_of(method="wiener"),
        stage_of(method="identity"),
    ]
    assert len({stage.digest for stage in stages}) == 5


def test_the_digest_follows_the_plugins_own_code(machine, stage_of, monkeypatch):
    stage = stage_of(method="identity")
    before = stage.digest, stage.feature_digest([], {}, "loader")
    monkeypatch.setattr(stage_module, "plugin_source_digest", lambda: "code of tomorrow")
    assert stage.digest != before[0] and stage.feature_digest([], {}, "loader") != before[1]


def test_a_newer_file_format_trains_a_denoiser_anew_beside_the_old_one(stage_of, monkeypatch):
    old = stage_of(**TINY)
    for module in (stage_module, checkpoint_module):
        monkeypatch.setattr(module, "FORMAT", "a newer one")
    new = stage_of(**TINY)
    assert (
        new.checkpoint != old.checkpoint and old.checkpoint.is_file() and new.checkpoint.is_file()
    )


def test_the_feature_digest_follows_clips_settings_and_the_baselines_loader(machine, stage_of):
    stage, files = stage_of(method="identity"), list(machine.train_files)
    before = stage.feature_digest(files, {"n_fft": 1024}, "loader")
    assert stage.feature_digest(files, {"n_fft": 1024}, "loader") == before
    assert (
        len(
            {
                before,
                stage.feature_digest(files[1:], {"n_fft": 1024}, "loader"),
                stage.feature_digest(files, {"n_fft": 512}, "loader"),
                stage.feature_digest(files, {"n_fft": 1024}, "another loader"),
            }
        )
        == 4
    )


def test_a_missing_denoiser_that_may_not_be_trained_names_the_command(stage_of):
    with pytest.raises(
        CheckpointError,
        match="denoiser of fan: expected one trained .* Train it first: python3 train.py",
    ):
        stage_of(train_command="python3 train.py", **TINY)


def test_a_named_checkpoint_that_is_missing_is_never_trained(stage_of, tmp_path):
    with pytest.raises(
        CheckpointError, match="denoise_checkpoint: expected a trained denoiser, got no file at"
    ):
        stage_of(checkpoint=str(tmp_path / "none.pt"), **TINY)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of librosa's own imports
def test_a_whole_clip_that_the_baseline_could_not_load_is_not_called_broken(
    machine, stage_of, monkeypatch
):
    import librosa

    clip, stage = str(machine.train_files[0]), stage_of(method="identity")
    with pytest.raises(AudioError, match="clip: expected the baseline to load it, got nothing"):
        stage.check_clip(clip, lambda path: None)

    def no_cache(path, **settings):
        raise RuntimeError("cannot cache function '__o_fold': no locator available")

    monkeypatch.setattr(librosa, "load", no_cache)
    with pytest.raises(AudioError, match="librosa: expected .*no locator.*NUMBA_CACHE_DIR") as said:
        stage.check_clip(clip, lambda path: None)
    assert "emove" not in str(said.value)


def test_a_clip_longer_than_the_training_clips_is_refused_naming_both(machine, stage_of, tmp_path):
    stage = stage_of(method="identity")
    (wav, rate), path = clip_of(machine)
    longer = tmp_path / "longer.wav"
    soundfile.write(longer, np.tile(wav, 2), rate)
    with pytest.raises(
        AudioError,
        match=(
            "expected 24000 samples as in section_00_source_train_normal_0000_spd_1.wav, got 48000"
            " in .*longer.wav"
        ),
    ):
        stage.check_clip(str(longer), read_wav)


def test_a_clip_of_another_rate_than_the_training_clips_is_refused_naming_both(machine, stage_of):
    stage = stage_of(method="identity")
    (wav, rate), path = clip_of(machine)
    with pytest.raises(
        AudioError,
        match=(
            "expected 16000 Hz as in section_00_source_train_normal_0000_spd_1.wav, got 8000 Hz in"
            " .*Resample it or leave it out"
        ),
    ):
        stage.check_clip(path, lambda path: (wav, 8000))


@pytest.mark.parametrize(
    "body, message",
    [
        ("wav[:-1]", "expected float32 of shape .24000,. back, got float32 .23999,."),
        ("wav.astype('float64')", "got float64"),
        ("wav + float('inf')", "expected finite values back"),
    ],
)
def test_a_method_that_breaks_the_contract_is_refused(
    machine, stage_of, tmp_path, monkeypatch, body, message
):
    (tmp_path / "broken_method.py").write_text(
        f"def denoise(wav, sample_rate_hz):\n    return {body}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "broken_method", raising=False)
    stage = stage_of(method="broken_method:denoise", domain="waveform")
    with pytest.raises(DenoiseError, match=message):
        denoised(stage, *clip_of(machine))


@pytest.fixture
def users_stage(stage_of, tmp_path, monkeypatch):
    """The stage with a user's function of this body."""

    def make(body, **settings):
        (tmp_path / "users_own.py").write_text(
            f"def denoise(wav, sample_rate_hz):\n    {body}\n    return wav\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "users_own", raising=False)
        return stage_of(method="users_own:denoise", domain="waveform", **settings)

    return make


def test_a_method_that_works_in_place_is_blended_with_the_noisy_clip(machine, users_stage):
    (wav, rate), path = clip_of(machine)
    before = wav.copy()
    np.testing.assert_allclose(
        denoised(users_stage("wav *= 0", strength=0.5), (wav, rate), path), before / 2
    )
    assert np.array_equal(wav, before)


def test_what_a_users_method_raises_stops_in_one_line_that_names_the_clip_and_the_place(
    machine, users_stage
):
    expected = (
        r"^denoise_method users_own:denoise: expected it to denoise .*normal_0000_spd_1.wav, got"
        r" ZeroDivisionError: .* \(users_own.py, line 2\)"
    )
    with pytest.raises(DenoiseError, match=expected) as stopped:
        denoised(users_stage("1 / 0"), *clip_of(machine))
    assert isinstance(stopped.value.__cause__, ZeroDivisionError)


def test_an_error_of_the_plugins_own_in_a_users_method_stays_as_it_is(machine, users_stage):
    with pytest.raises(AudioError, match="^too loud$"):
        denoised(
            users_stage(
                "from dcase_denoise_plugin.errors import AudioError; raise AudioError('too loud')"
            ),
            *clip_of(machine),
        )


def test_a_method_that_draws_from_the_global_streams_does_not_disturb_them(
    machine, stage_of, tmp_path, monkeypatch
):
    source = (
        "import numpy as np, torch\ndef denoise(wav, sample_rate_hz):\n    np.random.rand(3),"
        " torch.rand(3)\n    return wav\n"
    )
    (tmp_path / "drawing_method.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    stage = stage_of(method="drawing_method:denoise", domain="waveform")
    numpy_before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    denoised(stage, *clip_of(machine))
    assert (np.random.get_state()[1] == numpy_before).all() and torch.equal(
        torch.get_rng_state(), torch_before
    )


def test_the_thread_count_is_handed_back(machine, stage_of):
    before = torch.get_num_threads()
    denoised(stage_of(method="wiener", domain="waveform"), *clip_of(machine))
    assert torch.get_num_threads() == before


def test_the_receipt_names_machine_settings_and_digests(machine, stage_of):
    stage = stage_of(machine_epochs="fan=1", **TINY)
    receipt = stage.receipt()
    assert (
        receipt["machine"] == "fan"
        and receipt["per_machine_settings"] == ["fan=1"]
        and receipt["config"]["denoise_width"] == 2
    )
    assert (
        receipt["stage_digest"] == stage.digest
        and receipt["checkpoint"].endswith("denoiser.pt")
        and receipt["epochs"] == 1
    )


def test_the_receipt_of_a_method_without_training_tells_no_epochs(stage_of):
    assert stage_of(method="wiener").receipt()["epochs"] is None
