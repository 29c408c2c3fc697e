import dataclasses
import tracemalloc

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, denoiser_that, hiss, hum

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.streaming import ClipStream, FrameStream, streaming
from dcase_denoise_plugin.errors import AudioError, ConfigError
from dcase_denoise_plugin.settings.features import FeatureSettings

HOP = FEATURES.hop_length


def busy(**keys):
    """A denoiser whose U-Net says something about every pixel."""
    denoiser = denoiser_that(**keys)
    torch.nn.init.normal_(
        denoiser.network.last.weight, std=0.3, generator=torch.Generator().manual_seed(1)
    )
    return denoiser


def sound(samples):
    return hum(0, samples) + hiss(0, samples) * np.abs(np.sin(np.arange(samples) / 3000)).astype(
        np.float32
    )


def streamed(stream, wav, chunks):
    """Everything that comes out, the sound being pushed in pieces of the lengths that `chunks`
    draws.
    """
    parts, start = [], 0
    while start < len(wav):
        size = chunks()
        parts.append(stream.push(wav[start : start + size]))
        start += size
    return np.concatenate([*parts, stream.flush()])


def pieces(seed):
    rng = np.random.default_rng(seed)
    return lambda: int(rng.choice([0, 1, 7, 100, 1000, 9000]))


FRAME_DENOISERS = {
    "mel, native image": dict(domain="mel", image_size=0, tile_frames=26),
    "mel, square image, half strength": dict(
        domain="mel", image_size=16, tile_frames=30, strength=0.5
    ),
    "waveform": dict(domain="waveform", image_size=0, tile_frames=24),
}


@pytest.mark.parametrize("name", FRAME_DENOISERS)
@pytest.mark.parametrize("tiles", [2, 3, 6])
@pytest.mark.parametrize("beyond", [0, 63, HOP - 1])
def test_a_sound_that_tiles_evenly_comes_out_as_from_the_whole_clip(name, tiles, beyond):
    denoiser = busy(**FRAME_DENOISERS[name])
    images = denoiser.checkpoint.images
    wav = sound((images.tile_frames + (tiles - 1) * images.step_frames - 1) * HOP + beyond)
    whole = denoiser(wav, RATE_HZ)
    assert np.abs(whole - wav).max() > 1e-2
    np.testing.assert_allclose(streamed(streaming(denoiser), wav, pieces(tiles)), whole, atol=1e-5)


@pytest.mark.parametrize("extra", [1, 500, 1500])
def test_away_from_the_end_it_is_the_whole_clip_for_any_length(extra):
    denoiser = busy(**FRAME_DENOISERS["mel, native image"])
    images = denoiser.checkpoint.images
    even = (images.tile_frames + 9 * images.step_frames - 1) * HOP
    wav = sound(even + extra)
    out, whole = streamed(streaming(denoiser), wav, pieces(3)), denoiser(wav[:even], RATE_HZ)
    away = even - images.tile_frames * HOP
    assert len(out) == len(wav)
    np.testing.assert_allclose(out[:away], whole[:away], atol=1e-5)


def test_other_hops_and_windows_stream_as_well():
    for features in (
        FeatureSettings(n_fft=256, hop_length=64, n_mels=16),
        FeatureSettings(n_fft=256, hop_length=100, win_length=200, n_mels=16),
        FeatureSettings(n_fft=256, hop_length=160, n_mels=16),
    ):
        checkpoint = dataclasses.replace(
            busy(domain="mel", image_size=0).checkpoint, features=features
        )
        denoiser = Denoiser(checkpoint, "cpu")
        torch.nn.init.normal_(
            denoiser.network.last.weight, std=0.3, generator=torch.Generator().manual_seed(1)
        )
        images = checkpoint.images
        wav = sound((images.tile_frames + 4 * images.step_frames - 1) * features.hop_length + 10)
        np.testing.assert_allclose(
            streamed(streaming(denoiser), wav, pieces(0)), denoiser(wav, RATE_HZ), atol=1e-5
        )


def clip_denoiser():
    return busy(domain="mel", output="clip_spectrum", fluctuation=0.3, quantile=0.1)


STREAMS = {
    "frames": lambda: FrameStream(busy(**FRAME_DENOISERS["mel, native image"])),
    "clips": lambda: ClipStream(clip_denoiser(), RATE_HZ),
}


@pytest.mark.parametrize("kind", STREAMS)
@pytest.mark.parametrize("samples", [4001, 5555, 14321])
def test_how_the_sound_is_cut_changes_nothing(kind, samples):
    wav = sound(samples)
    at_once = streamed(STREAMS[kind](), wav, lambda: samples)
    assert at_once.dtype == np.float32 and len(at_once) == samples
    for seed in range(3):
        np.testing.assert_allclose(streamed(STREAMS[kind](), wav, pieces(seed)), at_once, atol=1e-6)


@pytest.mark.parametrize("kind", STREAMS)
def test_the_latency_is_the_one_stated(kind):
    stream, wav, waiting, out = STREAMS[kind](), sound(15000), [], 0
    for start in range(len(wav)):
        out += len(stream.push(wav[start : start + 1]))
        waiting.append(start + 1 - out)
    assert max(waiting) == stream.latency_samples


@pytest.mark.parametrize("kind", STREAMS)
def test_what_is_kept_does_not_grow(kind):
    stream, wav = STREAMS[kind](), sound(2 * RATE_HZ)

    def kept():
        """Bytes of every array and tensor that the stream holds, those that a view keeps alive
        included.
        """
        values = vars(stream).values()
        return sum(
            (value if value.base is None else value.base).nbytes
            for value in values
            if isinstance(value, np.ndarray)
        ) + sum(
            value.untyped_storage().nbytes() for value in values if isinstance(value, torch.Tensor)
        )

    def minute():
        largest = 0
        for _ in range(30):
            stream.push(wav)
            largest = max(largest, kept())
        return largest

    minute()
    tracemalloc.start()
    try:
        first, (before, _) = minute(), tracemalloc.get_traced_memory()
        third, (after, _) = max(minute(), minute()), tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert third <= first < 300_000 and after - before < 20_000


def test_in_the_middle_of_its_clip_a_clip_stream_is_the_denoised_clip():
    denoiser, wav = clip_denoiser(), sound(3 * RATE_HZ)
    out = streamed(ClipStream(denoiser, RATE_HZ), wav, pieces(0))
    step = RATE_HZ - RATE_HZ // 8
    for start in (0, step, 2 * step):
        middle = slice(RATE_HZ // 8 if start else 0, step)
        np.testing.assert_allclose(
            out[start:][:RATE_HZ][middle],
            denoiser(wav[start : start + RATE_HZ], RATE_HZ)[middle],
            atol=1e-6,
        )
    assert np.abs(out - wav).max() > 1e-2


def test_silence_passes_a_clip_stream():
    out = streamed(
        ClipStream(clip_denoiser(), RATE_HZ), np.zeros(3 * RATE_HZ, np.float32), pieces(0)
    )
    assert len(out) == 3 * RATE_HZ and not out.any()


def test_the_denoiser_decides_the_kind_of_stream():
    assert isinstance(streaming(busy()), FrameStream)
    assert streaming(clip_denoiser(), 1.5).samples == 6000
    with pytest.raises(
        ConfigError,
        match=(
            "clip_s: expected the length of a clip .*denoise_output clip_spectrum.*, got none. Pass"
            " the length of its training"
        ),
    ):
        streaming(clip_denoiser())


def test_samples_that_are_not_finite_are_refused():
    with pytest.raises(
        AudioError,
        match=(
            "stream: expected finite samples, got 1 that are NaN or infinite. Look at the"
            " microphone."
        ),
    ):
        STREAMS["frames"]().push(np.array([0, np.nan], np.float32))


@pytest.mark.parametrize("samples", [1, 100, RATE_HZ - 1])
def test_sound_of_under_a_second_passes_a_clip_stream_as_it_is_and_the_stream_says_so(
    samples,
):
    stream, wav = STREAMS["clips"](), sound(samples)
    assert (
        np.array_equal(streamed(stream, wav, pieces(0)), wav)
        and stream.untouched_samples == samples
    )


@pytest.mark.parametrize("kind", STREAMS)
def test_otherwise_as_many_samples_come_out_denoised_as_went_in(kind):
    for samples in (0, RATE_HZ, RATE_HZ + 1) + (() if kind == "clips" else (1, 100)):
        stream = STREAMS[kind]()
        assert (
            len(streamed(stream, sound(samples), pieces(0))) == samples
            and stream.untouched_samples == 0
        )
