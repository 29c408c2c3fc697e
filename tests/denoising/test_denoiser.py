import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_machine import (
    RATE_HZ,
    SMALL,
    denoiser_that,
    hiss,
    hum,
    log_mel_of,
    small_machine,
)

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import AudioError, CheckpointError, ConfigError
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.training.loop import train_denoiser


@pytest.mark.parametrize("domain", ["mel", "waveform"])
@pytest.mark.parametrize("image_size", [0, 16])
@pytest.mark.parametrize("samples", [4000, 4001, 33333])
def test_a_network_that_takes_nothing_away_returns_the_very_samples(domain, image_size, samples):
    wav = hum(0, samples)
    denoised = denoiser_that(domain=domain, image_size=image_size)(wav, RATE_HZ)
    assert denoised.dtype == np.float32 and np.array_equal(denoised, wav)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_that_takes_nothing_away_returns_the_very_log_mel(dtype):
    log_mel = log_mel_of(hum(0)).astype(dtype)
    denoised = denoiser_that().log_mel(log_mel)
    assert denoised.dtype == dtype and np.array_equal(denoised, log_mel)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_strength_zero_returns_the_input_exactly(domain):
    denoiser, wav = denoiser_that(1.0, domain, strength=0.0), hum(0)
    assert np.array_equal(denoiser(wav, RATE_HZ), wav)
    if domain == "mel":
        assert np.array_equal(denoiser.log_mel(log_mel_of(wav)), log_mel_of(wav))


@pytest.mark.parametrize("domain", ["mel", "waveform"])
@pytest.mark.parametrize(("residual_db", "gain_db"), [(6.0, -6.0), (300.0, -80.0), (-3.0, 0.0)])
def test_a_clip_is_turned_down_by_what_is_taken_away_within_the_mask_range(
    domain, residual_db, gain_db
):
    wav = hum(0)
    denoised = denoiser_that(residual_db / 10, domain)(wav, RATE_HZ)
    np.testing.assert_allclose(denoised, wav * 10 ** (gain_db / 20), atol=1e-5)


def test_a_steady_machine_comes_out_of_bursts_of_noise(tmp_path):
    tone = (0.02 * np.sin(2 * np.pi * 500 * np.arange(10 * RATE_HZ) / RATE_HZ)).astype(np.float32)
    bursts = hiss(0, len(tone)) * (np.arange(len(tone)) % RATE_HZ < RATE_HZ / 2)
    denoised = denoiser_that(domain="waveform", output="steady_machine", quantile=0.1)(
        tone + bursts, RATE_HZ
    )
    assert np.square(denoised - tone).sum() < 0.1 * np.square(bursts).sum()
    assert (
        denoised @ tone / (tone @ tone) > 0.4
    )  # the tone itself is lost only where a burst covers it


@pytest.mark.parametrize("quantile", [None, 0.5, 0.9])
def test_a_machine_that_is_not_heard_in_pauses_is_not_taken_for_steady(quantile):
    wav = hum(0)
    frames, steady = (
        denoiser_that(0.6, "waveform", output=output, quantile=quantile)(wav, RATE_HZ)
        for output in ("frames", "steady_machine")
    )
    assert np.array_equal(frames, steady) and not np.array_equal(frames, wav)


@pytest.mark.parametrize("frames", [3, 26, 32, 500])
def test_log_mel_of_any_length_keeps_its_shape_and_loses_what_is_taken_away(frames):
    log_mel = np.random.default_rng(0).normal(-40, 10, (16, frames)).astype(np.float32)
    np.testing.assert_allclose(denoiser_that(0.7).log_mel(log_mel), log_mel - 7, atol=1e-4)


@pytest.mark.parametrize("quantile", [None, 0.1, 0.9])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_clip_spectrum_denoiser_hands_over_the_cleaned_spectrum_and_its_share_of_the_fluctuation(
    share, quantile
):
    log_mel = np.random.default_rng(0).normal(-40, 10, (16, 61)).astype(np.float32)
    denoised = denoiser_that(
        0.7, output="clip_spectrum", fluctuation=share, quantile=quantile
    ).log_mel(log_mel)
    mean = log_mel.mean(1, keepdims=True)
    spectrum = mean if quantile is None else np.quantile(log_mel, quantile, axis=1, keepdims=True)
    stays = (
        share if quantile == 0.1 else 1.0
    )  # where the machine is not heard in pauses, its own sound may fluctuate
    np.testing.assert_allclose(denoised, spectrum - 7 + stays * (log_mel - mean), atol=1e-4)


@pytest.mark.parametrize("network", ["auto", "always"])
def test_a_told_quantile_is_taken_even_where_the_u_net_stays_out(network):
    denoiser = denoiser_that(
        0.7,
        quantile=0.1,
        noise_above_clips_db=0.0,
        network=network,
        output="clip_spectrum",
        clip_level="auto",
        fluctuation=0.5,
    )
    log_mel = log_mel_of(hum(0))
    expected = (
        np.quantile(log_mel, 0.1, axis=-1, keepdims=True)
        + 0.5 * (log_mel - log_mel.mean(-1, keepdims=True))
        - (network == "always") * 7
    )
    np.testing.assert_allclose(denoiser.log_mel(log_mel), expected, atol=0.5)


@pytest.mark.parametrize("output", ["clip_spectrum", "steady_machine"])
def test_the_guard_holds_what_goes_out_of_the_spectrum_within_what_is_usual(output):
    log_mel = log_mel_of(hum(3, 16000))
    kept = {
        usual: denoiser_that(0.7, quantile=0.1, output=output, guard_db=usual).log_mel(log_mel)
        for usual in [(-math.inf, math.inf), (1, 3), (9, 12)]
    }
    unguarded = kept[-math.inf, math.inf]
    if output == "clip_spectrum":  # 7 dB by itself
        np.testing.assert_allclose(kept[1, 3], unguarded + 4, atol=1e-4)
        np.testing.assert_allclose(kept[9, 12], unguarded - 2, atol=1e-4)
    else:
        assert (kept[1, 3] >= unguarded).all() and (kept[1, 3] > unguarded).any()
        assert (kept[9, 12] <= unguarded).all() and (kept[9, 12] < unguarded).any()


@pytest.mark.parametrize("quantile", [0.1, None])
def test_the_guard_leaves_frames_alone(quantile):
    log_mel = log_mel_of(hum(3, 16000))
    np.testing.assert_allclose(
        denoiser_that(0.7, quantile=quantile, output="frames", guard_db=(1, 3)).log_mel(log_mel),
        log_mel - 7,
        atol=1e-4,
    )


def test_every_band_has_a_range_of_its_own_and_clips_at_once_are_guarded_as_one_by_one():
    most = torch.arange(1.0, 17).view(16, 1)
    denoiser = denoiser_that(0.7, output="clip_spectrum", quantile=0.1)
    clips = np.stack([log_mel_of(hum(seed, 16000)) for seed in (3, 4)])
    unguarded = denoiser.log_mel(clips)
    denoiser.guard_db = torch.stack([torch.zeros(16, 1), most])
    together = denoiser.log_mel(clips)
    np.testing.assert_allclose(
        together - unguarded,
        np.broadcast_to(7 - np.minimum(most.numpy(), 7), clips.shape),
        atol=1e-4,
    )
    assert np.allclose(together, [denoiser.log_mel(clip) for clip in clips], atol=1e-5)


@pytest.mark.parametrize(
    ("network", "known", "above_clips_db", "spread_db", "taken"),
    [
        ("auto", True, -3.0, 6.0, 7),
        ("auto", True, -3.1, 6.0, 0),
        ("auto", True, -3.0, 5.9, 0),
        ("auto", False, 6.0, 6.0, 0),
        ("auto", False, None, None, 0),
        ("always", True, -30.0, 0.0, 7),
        ("always", False, None, None, 7),
    ],
)
def test_loud_varied_noise_is_taken_away_and_any_if_asked_for(
    network, known, above_clips_db, spread_db, taken
):
    log_mel = np.random.default_rng(0).normal(-40, 10, (16, 60)).astype(np.float32)
    denoiser = denoiser_that(
        0.7,
        noise_known=known,
        noise_above_clips_db=above_clips_db,
        noise_spread_db=spread_db,
        network=network,
    )
    np.testing.assert_allclose(denoiser.log_mel(log_mel), log_mel - taken, atol=1e-4)


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_half_strength_goes_half_the_way(domain):
    wav = hum(0)
    full, half = (
        denoiser_that(1.0, domain)(wav, RATE_HZ),
        denoiser_that(1.0, domain, strength=0.5)(wav, RATE_HZ),
    )
    np.testing.assert_allclose(half, wav - 0.5 * (wav - full), atol=1e-6)


def test_a_louder_clip_stays_louder_by_as_much(tmp_path):
    denoiser = denoiser_that(0.5, "waveform")
    np.testing.assert_allclose(
        denoiser(4 * hum(0), RATE_HZ), 4 * denoiser(hum(0), RATE_HZ), atol=1e-5
    )


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_a_trained_denoiser_lowers_noise_it_knows_and_spares_the_hum(tmp_path, domain):
    machine = small_machine(tmp_path, clips=6, noise_clips=4)
    config = dataclasses.replace(
        SMALL,
        domain=domain,
        image_size=32,
        width=8,
        epochs=3,
        pairs_per_clip=32,
        batch_size=8,
        learning_rate=2e-2,
        snr_db_min=-10.0,
        snr_db_max=20.0,
    )
    train_denoiser(machine, config, tmp_path / "denoiser.pt", torch.device("cpu"))
    denoiser = Denoiser.load(tmp_path / "denoiser.pt", "cpu")
    clean, noisy = hum(1), hum(1) + 3 * hiss(1)
    before, after = (
        np.abs(log_mel_of(wav) - log_mel_of(clean)).mean()
        for wav in (noisy, denoiser(noisy, RATE_HZ))
    )
    assert after < 0.8 * before
    assert np.abs(log_mel_of(denoiser(clean, RATE_HZ)) - log_mel_of(clean)).mean() < 0.3 * before


def test_a_loaded_denoiser_is_the_saved_one(tmp_path):
    saved = denoiser_that(0.3, "waveform", strength=0.5)
    saved.checkpoint.save(tmp_path / "denoiser.pt")
    loaded = Denoiser.load(tmp_path / "denoiser.pt", "cpu")
    assert (loaded.digest, loaded.domain, loaded.strength) == (saved.digest, "waveform", 0.5)
    assert np.array_equal(loaded(hum(0), RATE_HZ), saved(hum(0), RATE_HZ))
    assert Denoiser.load(tmp_path / "denoiser.pt", "cpu", strength=0.25).strength == 0.25


def test_a_preset_says_what_is_made_of_the_prediction_and_a_strength_wins_over_its_own(tmp_path):
    denoiser_that(0.3, fluctuation=0.9).checkpoint.save(tmp_path / "denoiser.pt")
    (tmp_path / "mine.yaml").write_text(
        "denoise_output: clip_spectrum\ndenoise_strength: 0.25\ndenoise_width: 64\n"
    )
    loaded = Denoiser.load(tmp_path / "denoiser.pt", "cpu", preset=str(tmp_path / "mine.yaml"))
    assert (
        loaded.config.output,
        loaded.config.fluctuation,
        loaded.strength,
        loaded.config.width,
    ) == ("clip_spectrum", 0.5, 0.25, SMALL.width)
    assert (
        Denoiser.load(tmp_path / "denoiser.pt", "cpu", 1.0, str(tmp_path / "mine.yaml")).strength
        == 1.0
    )


def test_denoising_leaves_the_array_and_the_random_stream_alone():
    wav, before = hum(0), torch.get_rng_state()
    denoiser_that(0.5)(wav, RATE_HZ)
    assert np.array_equal(wav, hum(0)) and torch.equal(before, torch.get_rng_state())


def test_denoising_takes_one_thread_and_gives_the_others_back(monkeypatch):
    denoiser, seen = denoiser_that(0.5), []
    monkeypatch.setattr(
        denoiser.network, "forward", lambda image: seen.append(torch.get_num_threads()) or image
    )
    with thread_limit(3):
        denoiser(hum(0), RATE_HZ)
        denoiser.log_mel(log_mel_of(hum(0)))
        assert seen == [1, 1] and torch.get_num_threads() == 3


def test_a_clip_of_another_rate_is_refused():
    with pytest.raises(
        AudioError,
        match="expected 4000 Hz as in training, got 8000 Hz in the array passed in. Resample it",
    ):
        denoiser_that()(hum(0, 8000, 8000), 8000)


@pytest.mark.parametrize(
    "wav",
    [
        np.zeros(4000, np.float32),
        hum(0)[:3999],
        hum(0)[:1],
        np.full(4000, np.nan, np.float32),
        np.ones((2, 4000), np.float32),
    ],
)
def test_a_clip_that_is_unfit_is_refused(wav):
    with pytest.raises(AudioError, match="in the array passed in"):
        denoiser_that()(wav, RATE_HZ)


@pytest.mark.parametrize(
    ("shape", "complaint"),
    [
        ((2, 4000), r"got \(2, 4000\), \(channels, samples\), in .* Transpose it"),
        ((1, 4000), r"got \(1, 4000\), \(channels, samples\), in .* Transpose it"),
        ((4000, 2), "expected one channel, got 2 in"),
        ((2, 4000, 1), r"expected shape .* got \(2, 4000, 1\) in .* Pass one clip"),
        ((), r"expected shape .* got \(\) in .* Pass one clip"),
    ],
)
def test_a_shape_is_named_as_what_it_is(shape, complaint):
    with pytest.raises(AudioError, match=complaint):
        denoiser_that()(np.ones(shape, np.float32), RATE_HZ)


def test_a_clip_may_be_a_column():
    denoiser = denoiser_that(0.5)
    assert np.array_equal(denoiser(hum(0)[:, None], RATE_HZ), denoiser(hum(0), RATE_HZ))


def test_a_denoiser_says_what_it_is():
    said = repr(denoiser_that(strength=0.5))
    assert said == "<Denoiser of fan: mel, 4000 Hz, 1 channel(s), strength 0.5>"


def test_a_waveform_denoiser_has_no_log_mel():
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_domain: expected a denoiser trained for mel, got one for waveform .* Call it"
            " with the waveform"
        ),
    ):
        denoiser_that(domain="waveform").log_mel(log_mel_of(hum(0)))


def test_log_mel_of_other_bands_is_refused():
    with pytest.raises(
        CheckpointError,
        match=r"log-mel: expected shape \(16, frames\), got \(64, 40\) in the array passed in",
    ):
        denoiser_that().log_mel(np.zeros((64, 40), np.float32))


def test_importing_the_package_is_light_and_denoiser_is_there():
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
import dcase_denoise_plugin.settings.config
assert not {{"torch", "numpy", "librosa"}} & set(sys.modules)
from dcase_denoise_plugin import Denoiser
assert Denoiser.load
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_has_no_other_surprises():
    import dcase_denoise_plugin

    with pytest.raises(
        AttributeError, match="module 'dcase_denoise_plugin' has no attribute 'Denoizer'"
    ):
        _ = dcase_denoise_plugin.Denoizer
