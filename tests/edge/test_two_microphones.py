"""Clips of two microphones away from the benchmark: exported, streamed, piped and watched."""

import io
import sys
import types

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from small_machine import RATE_HZ, denoiser_that, log_mel_of, near_and_far, write
from test_export import busy
from test_pcm import Pipe, Trickle

from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.export import export_denoiser
from dcase_denoise_plugin.edge.onnx_model import OnnxDenoiser, OnnxModel
from dcase_denoise_plugin.edge.pcm import blocks_of, clips_of, encoded
from dcase_denoise_plugin.edge.streaming import streaming
from dcase_denoise_plugin.errors import AudioError, ConfigError
from dcase_denoise_plugin.monitor.calibration import caught_faults, normal_clips
from dcase_denoise_plugin.monitor.verdicts import read_clips, streamed_clips
from dcase_denoise_plugin.sound.far_subtraction import with_rest

SAMPLES = 6001
CLIP = near_and_far(0, 32 * RATE_HZ)[: 4 * RATE_HZ].astype(np.float32)
HEARS_FAR = {
    "mel frames": dict(domain="mel"),
    "waveform frames": dict(domain="waveform"),
    "mel clip spectrum": dict(
        domain="mel", output="clip_spectrum", clip_level="auto", quantile=0.1, fluctuation=0.3
    ),
}


def hearing_far(**keys):
    return denoiser_that(channels=2, far_helps=True, **keys)


@pytest.mark.parametrize("path", HEARS_FAR)
def test_an_exported_denoiser_takes_both_channels_as_the_denoiser_does(tmp_path, path):
    denoiser, clip = hearing_far(**HEARS_FAR[path]), CLIP[:SAMPLES]
    export_denoiser(denoiser, SAMPLES, tmp_path / "model.onnx")
    exported, ours = OnnxDenoiser(tmp_path / "model.onnx"), denoiser(clip, RATE_HZ)
    assert exported.model.channels == 2 and np.abs(ours - clip[:, 0]).max() > 1e-3
    np.testing.assert_allclose(exported(clip, RATE_HZ), ours, rtol=0, atol=1e-4)
    with pytest.raises(AudioError, match=r"expected shape \(6001, 2\), .* got \(6001,\)"):
        exported(clip[:, 0], RATE_HZ)


def test_an_exported_log_mel_is_that_of_both_channels(tmp_path):
    denoiser = hearing_far(**HEARS_FAR["mel clip spectrum"])
    export_denoiser(denoiser, SAMPLES, tmp_path / "model.onnx", log_mel=True)
    near, heard = map(log_mel_of, with_rest(CLIP[:SAMPLES], RATE_HZ).T.copy())
    np.testing.assert_allclose(
        OnnxModel(tmp_path / "model.onnx")(np.stack([near, heard])),
        denoiser.log_mel(near, heard),
        rtol=0,
        atol=1e-4,
    )


def test_where_the_far_channel_is_of_no_help_it_changes_nothing_in_an_exported_file(tmp_path):
    denoiser = busy(dict(domain="mel", channels=2))
    export_denoiser(denoiser, SAMPLES, tmp_path / "model.onnx")
    clip, exported = CLIP[:SAMPLES], OnnxDenoiser(tmp_path / "model.onnx")
    other = np.stack([clip[:, 0], -clip[:, 1] / 2], axis=1)
    assert np.array_equal(exported(clip, RATE_HZ), exported(other, RATE_HZ))


def test_without_scipy_an_exported_file_of_two_microphones_says_what_to_install(
    tmp_path, monkeypatch
):
    export_denoiser(hearing_far(**HEARS_FAR["mel frames"]), SAMPLES, tmp_path / "model.onnx")
    exported = OnnxDenoiser(tmp_path / "model.onnx")
    monkeypatch.setitem(sys.modules, "dcase_denoise_plugin.sound.far_subtraction", None)
    with pytest.raises(ConfigError, match="two microphones: expected scipy, got .*pip install sci"):
        exported(CLIP[:SAMPLES], RATE_HZ)


def test_a_stream_of_frames_comes_clip_by_clip_too():
    with pytest.raises(ConfigError, match=r"rests on a whole clip \(two microphones\), got none"):
        streaming(hearing_far(domain="mel"))


def test_a_stream_of_clips_is_each_clip_denoised():
    denoiser = hearing_far(**HEARS_FAR["mel clip spectrum"])
    stream, silence = streaming(denoiser, 1.0), np.zeros((2 * RATE_HZ, 2), np.float32)
    out = np.concatenate([stream.push(CLIP), stream.push(silence), stream.flush()])
    first = slice(0, RATE_HZ - RATE_HZ // 8)
    np.testing.assert_allclose(
        out[first], denoiser(CLIP[:RATE_HZ], RATE_HZ)[first], rtol=0, atol=1e-6
    )
    assert out.shape == (6 * RATE_HZ,) and not out[-RATE_HZ:].any()


def test_a_stream_refuses_one_channel_where_it_takes_two():
    with pytest.raises(AudioError, match="expected two channels .*, got one in what was pushed"):
        streaming(hearing_far(domain="mel"), 1.0).push(CLIP[:, 0])


def test_the_command_takes_interleaved_samples_and_says_so(tmp_path):
    hearing_far(domain="mel").checkpoint.save(tmp_path / "denoiser.pt")
    words = [
        "stream",
        "--checkpoint",
        str(tmp_path / "denoiser.pt"),
        "--pcm",
        "f32le",
        "--clip-s",
        "1",
    ]
    result = CliRunner().invoke(main, words, input=CLIP.tobytes())
    stream = streaming(Denoiser.load(tmp_path / "denoiser.pt", "cpu"), 1.0)
    ours = np.concatenate([stream.push(CLIP), stream.flush()])
    assert "4000 Hz, f32le, two channels in (near, far), one out, " in result.stderr
    assert np.array_equal(np.frombuffer(result.stdout_bytes, "<f4"), ours)
    result = CliRunner().invoke(main, words, input=CLIP.tobytes()[:-4])
    assert result.exit_code == 2
    assert (
        "expected whole samples of 8 bytes (near, far), got 4 bytes of one at the end"
        in result.stderr.splitlines()[-1]
    )


@pytest.mark.parametrize("pcm", ["u8", "s16le", "s24le", "S24_LE", "f32le"])
def test_interleaved_samples_come_as_two_channels_in_clips_and_in_blocks(pcm):
    content = encoded(CLIP.ravel(), pcm)
    stored = np.concatenate(list(clips_of(Pipe(content), 1000, RATE_HZ, pcm, 2)))
    np.testing.assert_allclose(stored, CLIP, atol=0.01)
    assert np.array_equal(np.concatenate(list(blocks_of(Trickle(content), pcm, 2))), stored)


def wav_of(clip, **kind):
    stream = io.BytesIO()
    soundfile.write(stream, clip, RATE_HZ, format="WAV", **kind)
    return stream.getvalue()


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_a_wav_of_two_channels_is_cut_into_clips_of_both(subtype):
    content = wav_of(CLIP, subtype=subtype)
    cut = np.concatenate(list(clips_of(Pipe(content), 1000, RATE_HZ, channels=2)))
    assert np.array_equal(cut, soundfile.read(io.BytesIO(content), dtype="float32")[0])


@pytest.mark.parametrize(
    ("content", "pcm", "message"),
    [
        (
            encoded(CLIP.ravel()[:-1], "s16le"),
            "s16le",
            r"whole samples of 4 bytes \(near, far\), got 2 bytes of one at the end, after 3 clips",
        ),
        (wav_of(CLIP[:, 0]), None, r"expected two channels \(near .*, far from it\), got 1. Send"),
        (wav_of(CLIP[:, [0, 1, 1]]), None, r"expected two channels .*, got 3. Send both."),
    ],
    ids=["half a sample", "a mono wav", "three channels"],
)
def test_a_stream_of_other_channels_is_refused(content, pcm, message):
    with pytest.raises(AudioError, match=message):
        list(clips_of(Pipe(content), 4000, RATE_HZ, pcm, 2))


def scorer_of_two(score=None):
    """A scorer of clips of 1 s, by `score` of both channels."""

    def scores(wav, clip):
        near, far = wav.T
        return {"MSE": score(near, far) if score else 0.0}

    facts = dict(sample_rate_hz=RATE_HZ, samples=RATE_HZ, channels=2, channel=None, name="fan")
    scores.__dict__.update(facts, thresholds={"MSE": 1.0}, calibration=None)
    return scores


def test_a_file_and_a_stream_give_the_monitor_both_channels(tmp_path):
    write(tmp_path / "a.wav", CLIP)
    whole = np.concatenate([c.wav for c in read_clips(tmp_path / "a.wav", scorer_of_two())])
    assert np.array_equal(whole, CLIP)
    piped = streamed_clips(Pipe(encoded(CLIP.ravel(), "f32le")), scorer_of_two(), "f32le")
    assert np.array_equal(np.concatenate([clip.wav for clip in piped]), CLIP)


def test_an_unplugged_far_microphone_ends_no_watch_but_a_broken_sample_is_told(tmp_path):
    unplugged, broken = (CLIP[:RATE_HZ].copy() for _ in range(2))
    unplugged[:, 1], broken[5, 1] = 0, np.nan
    for name, clip in (("unplugged.wav", unplugged), ("broken.wav", broken)):
        write(tmp_path / name, clip)
    (clip,) = read_clips(tmp_path / "unplugged.wav", scorer_of_two())
    assert clip.wav is not None
    (clip,) = read_clips(tmp_path / "broken.wav", scorer_of_two())
    assert "expected finite samples, got 1" in clip.problem


@pytest.mark.parametrize(
    ("channels", "message"),
    [(1, "expected two channels .*, got one in"), (3, "expected one channel, or two .*, got 3 in")],
)
def test_one_clip_of_other_channels_among_them_is_told(tmp_path, channels, message):
    write(tmp_path / "a.wav", CLIP)
    write(tmp_path / "b.wav", CLIP[:, [0, 1, 1]][:, :channels])
    with pytest.raises(AudioError, match=f"{message} .*b.wav"):
        read_clips(tmp_path / "b.wav", scorer_of_two())
    with pytest.raises(AudioError, match=f"{message} .*b.wav"):
        list(normal_clips(tmp_path, scorer_of_two()))


def test_a_stereo_recording_of_a_mono_machine_is_refused_with_both_remedies(tmp_path):
    write(tmp_path / "a.wav", CLIP)
    mono = types.SimpleNamespace(sample_rate_hz=RATE_HZ, samples=RATE_HZ, channels=1, channel=None)
    for use in (
        lambda: read_clips(tmp_path / "a.wav", mono),
        lambda: list(normal_clips(tmp_path, mono)),
    ):
        with pytest.raises(AudioError, match="got 2 in .* to mono; or, .* with --mono=False"):
            use()


def test_a_known_fault_is_added_to_the_near_channel_alone():
    heard = []
    scorer = scorer_of_two(lambda near, far: heard.append((near, far)) or 0.0)
    calibration = types.SimpleNamespace(thresholds={"MSE": 1.0})
    caught_faults(scorer, calibration, [CLIP[:RATE_HZ]], (0.0,))
    near, far = CLIP[:RATE_HZ].T
    assert len(heard) == 4 and all(np.array_equal(of_far, far) for _, of_far in heard)
    assert all(np.abs(faulty - near).max() > 0.01 for faulty, _ in heard)


@pytest.mark.slow
def test_int8_takes_training_clips_of_both_channels(tmp_path):
    write(tmp_path / "train/a.wav", CLIP[:SAMPLES])
    write(tmp_path / "mono/a.wav", CLIP[:SAMPLES, 0])
    denoiser, folder = busy(dict(domain="mel", channels=2)), tmp_path / "train"
    export_denoiser(denoiser, SAMPLES, tmp_path / "m.onnx", calibration=sorted(folder.iterdir()))
    assert OnnxModel(tmp_path / "m.onnx").facts["int8"]
    with pytest.raises(AudioError, match="expected two channels"):
        mono = sorted((tmp_path / "mono").iterdir())
        export_denoiser(denoiser, SAMPLES, tmp_path / "n.onnx", calibration=mono)
