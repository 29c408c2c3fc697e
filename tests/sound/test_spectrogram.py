import sys

import librosa
import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.spectrogram import Spectrogram, mel_filters


def loud_and_quiet(seconds=2, rate_hz=16000):
    random = np.random.default_rng(0)
    return (
        random.standard_normal(seconds * rate_hz) * np.repeat([0.5, 1e-4], seconds * rate_hz // 2)
    ).astype(np.float32)


@pytest.mark.parametrize(
    "features",
    [
        FeatureSettings(),
        FeatureSettings(power=1.0, n_mels=64),
        FeatureSettings(n_fft=2048, win_length=1024, fmin=50.0, fmax=7000.0),
    ],
)
def test_log_mel_is_that_of_librosa_and_the_baseline(features):
    wav = loud_and_quiet()
    mel = librosa.feature.melspectrogram(
        y=wav,
        sr=16000,
        n_fft=features.n_fft,
        hop_length=features.hop_length,
        win_length=features.win_length,
        n_mels=features.n_mels,
        power=features.power,
        fmin=features.fmin,
        fmax=features.fmax,
    )
    expected_db = 20 / features.power * np.log10(np.maximum(mel, sys.float_info.epsilon))
    spectrogram = Spectrogram(features, 16000, "mel")
    np.testing.assert_allclose(
        spectrogram.level_db(spectrogram.spec(torch.from_numpy(wav))), expected_db, atol=1e-3
    )


def test_digital_silence_has_the_level_of_the_baselines_clamp():
    spectrogram = Spectrogram(FeatureSettings(), 16000, "mel")
    assert spectrogram.level_db(
        spectrogram.spec(torch.zeros(16000))
    ).unique().tolist() == pytest.approx([10 * np.log10(sys.float_info.epsilon)], abs=1e-3)


@pytest.mark.parametrize("samples", [4000, 4001, 12345])
@pytest.mark.parametrize("leading", [(), (2,), (2, 3)])
def test_the_inverse_gives_the_waveform_back(samples, leading):
    spectrogram = Spectrogram(FEATURES, RATE_HZ, "waveform")
    wav = torch.randn(*leading, samples, generator=torch.Generator().manual_seed(0))
    back = spectrogram.wav(spectrogram.spec(wav), samples)
    assert back.shape == wav.shape
    torch.testing.assert_close(back, wav, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "features",
    [FEATURES, FeatureSettings(), FeatureSettings(n_fft=512, hop_length=128, win_length=400)],
)
@pytest.mark.parametrize("left_over", [0, 0.5, 0.9, 1])
def test_a_changed_spectrum_does_not_explode_behind_the_last_frame(features, left_over):
    spectrogram = Spectrogram(features, RATE_HZ, "waveform")
    samples = 40 * features.hop_length + round(left_over * (features.hop_length - 1))
    wav = torch.randn(samples, generator=torch.Generator().manual_seed(0))
    spec = spectrogram.spec(wav)
    spec[:, -1] *= torch.linspace(1, 0, len(spec))
    back = spectrogram.wav(spec, samples)
    assert back.abs().max() < 1.5 * wav.abs().max()
    last = 38 * features.hop_length  # what the last frame does not reach
    torch.testing.assert_close(back[:last], wav[:last], atol=1e-5, rtol=0)


def test_a_hop_that_leaves_gaps_is_refused():
    with pytest.raises(
        ConfigError,
        match=(
            r"hop_length: expected less than win_length \(256\), got 256 in the baseline's keys\."
            r" Choose"
        ),
    ):
        Spectrogram(FeatureSettings(n_fft=256, hop_length=256), RATE_HZ, "waveform")


def test_a_constant_gain_of_the_mel_bands_is_that_gain_on_every_bin():
    spectrogram = Spectrogram(FeatureSettings(fmin=500.0, fmax=6000.0), 16000, "mel")
    torch.testing.assert_close(
        spectrogram.bin_gain_db(torch.full((128, 5), -7.0)), torch.full((513, 5), -7.0)
    )


def test_a_gain_of_one_mel_band_stays_near_its_frequency():
    gain_db = torch.zeros(16, 1)
    gain_db[8] = -20
    touched = Spectrogram(FEATURES, RATE_HZ, "mel").bin_gain_db(gain_db)[:, 0].nonzero()[:, 0]
    band_hz = librosa.mel_frequencies(16 + 2, fmin=0, fmax=RATE_HZ / 2)[8:11]
    assert (
        band_hz[0] <= touched.min() * RATE_HZ / 256 and touched.max() * RATE_HZ / 256 <= band_hz[2]
    )


def test_a_waveform_gain_is_that_of_its_bins():
    gain_db = torch.randn(129, 4, generator=torch.Generator().manual_seed(0))
    assert Spectrogram(FEATURES, RATE_HZ, "waveform").bin_gain_db(gain_db) is gain_db


def test_scaling_is_undone():
    scaling = Scaling(torch.linspace(-80, -20, 16)[:, None], 9.0)
    first_db, second_db = (
        torch.randn(2, 3, 16, 20, generator=torch.Generator().manual_seed(0)) * 20 - 50
    )
    torch.testing.assert_close(
        scaling.difference_db(scaling.scaled(first_db) - scaling.scaled(second_db)),
        first_db - second_db,
    )


def test_scaling_keeps_how_much_louder_one_clip_is_than_another():
    scaling = Scaling(torch.zeros(16, 1), 10.0)
    quiet = torch.full((16, 20), -60.0)
    torch.testing.assert_close(
        scaling.scaled(quiet + 20) - scaling.scaled(quiet), torch.full((16, 20), 2.0)
    )


@pytest.mark.parametrize(
    ("image_size", "clip_frames", "tile_frames"),
    [
        (256, 313, 313),
        (256, 376, 376),
        (256, 1000, 410),
        (128, 313, 205),
        (0, 1000, 128),
        (0, 90, 90),
    ],
)
def test_a_clip_is_one_image_until_it_is_squeezed_too_much(image_size, clip_frames, tile_frames):
    assert ImageFormat.for_clips(image_size, 4, clip_frames).tile_frames == tile_frames


@pytest.mark.parametrize("size", [0, 32])
def test_an_image_is_square_or_native_and_a_smooth_picture_survives_it(size):
    images = ImageFormat(size, 16, 30)
    picture = torch.linspace(0, 1, 20)[:, None] + torch.linspace(0, 2, 30)
    image = images.image(picture[None])
    assert image.shape == (1, 1, 32, 32)
    torch.testing.assert_close(
        images.picture(image, 20)[0], picture, atol=0.06 if size else 0, rtol=0
    )


@pytest.mark.parametrize("frames", [1, 29, 30, 31, 57, 100, 1001])
def test_tiles_joined_again_are_the_picture(frames):
    images = ImageFormat(0, 1, 30)
    picture = torch.randn(5, frames, generator=torch.Generator().manual_seed(0))
    tiles = images.tiles(picture)
    assert tiles.shape[1:] == (5, 30)
    torch.testing.assert_close(images.join(tiles, frames), picture)


def test_neighbouring_tiles_cross_fade():
    images = ImageFormat(0, 1, 30)
    joined = images.join(torch.stack([torch.zeros(1, 30), torch.ones(1, 30)]), 50)[0]
    assert joined[:20].eq(0).all() and joined[30:].eq(1).all() and (joined[20:30].diff() > 0).all()


def test_a_torchaudio_that_was_built_for_another_torch_is_told_with_the_one_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchaudio.functional", None)
    version = torch.__version__.partition("+")[0]
    with pytest.raises(ConfigError, match=f"got .*pip install torchaudio=={version}\\.$"):
        mel_filters(FeatureSettings(), 16_000)
