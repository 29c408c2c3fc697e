"""`dcase-denoise export --checkpoint` and what `monitor` refuses, without a baseline."""

import dataclasses
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from small_machine import RATE_HZ, hum, write
from test_export import PATHS, SAMPLES, busy, clips

from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.export import write_graph
from dcase_denoise_plugin.edge.onnx_model import OnnxDenoiser, OnnxModel
from dcase_denoise_plugin.edge.pcm import encoded
from dcase_denoise_plugin.edge.streaming import streaming
from dcase_denoise_plugin.sound.recordings import Clip

SCORER = types.SimpleNamespace(
    thresholds={"MSE": 1.0}, calibration=None, name="fan", samples=4000, sample_rate_hz=4000
)


def call(*words, stdin=None):
    return CliRunner().invoke(
        main, [str(word) for word in words], input=stdin, catch_exceptions=False
    )


@pytest.fixture
def checkpoint(tmp_path):
    denoiser = busy(PATHS["mel clip spectrum at its mean, clip shorter than a tile"])
    dataclasses.replace(denoiser.checkpoint, weights=denoiser.network.state_dict()).save(
        tmp_path / "denoiser.pt"
    )
    return tmp_path / "denoiser.pt"


def export(checkpoint, out, *options):
    return call(
        "export", "--checkpoint", checkpoint, "--clip-s", SAMPLES / RATE_HZ, "--out", out, *options
    )


def test_an_exported_checkpoint_denoises_at_the_strength_asked_for(checkpoint, tmp_path):
    result = export(checkpoint, tmp_path / "model.onnx", "--strength", 0.5)
    assert (
        result.exit_code == 0
        and result.output
        == f"wrote {tmp_path / 'model.onnx'} ({(tmp_path / 'model.onnx').stat().st_size / 1e6:.1f}"
        " MB)\n"
    )
    for wav in clips():
        ours = Denoiser.load(checkpoint, "cpu", strength=0.5)(wav, RATE_HZ)
        np.testing.assert_allclose(
            OnnxDenoiser(tmp_path / "model.onnx")(wav, RATE_HZ), ours, atol=1e-4
        )


@pytest.mark.parametrize("log_mel", [False, True])
def test_an_int8_export_is_near_and_says_so(checkpoint, tmp_path, log_mel):
    for index, wav in enumerate(clips()):
        write(tmp_path / "train" / f"{index}.wav", wav)
    result = export(
        checkpoint,
        tmp_path / "int8.onnx",
        "--int8",
        "--clips",
        tmp_path / "train",
        *(["--log-mel"] if log_mel else []),
    )
    assert result.exit_code == 0, result.output
    model, denoiser = OnnxModel(tmp_path / "int8.onnx"), Denoiser.load(checkpoint, "cpu")
    assert model.facts["int8"] is True
    spectrogram, near = denoiser.spectrogram, []
    for wav in clips():
        level_db = spectrogram.level_of_wav_db(wav)
        given, ours = (
            (level_db, denoiser.log_mel(level_db)) if log_mel else (wav, denoiser(wav, RATE_HZ))
        )
        near.append(np.abs(model(given) - ours).mean() / np.abs(ours - given).mean())
    assert 1e-6 < max(near) < 0.2
    assert sorted(file.name for file in tmp_path.iterdir()) == ["denoiser.pt", "int8.onnx", "train"]


def refused(result, text):
    assert (
        result.exit_code == 2 and text in result.stderr and len(result.stderr.splitlines()) == 1
    ), result.stderr


def test_training_clips_that_are_missing_or_do_not_fit_are_refused(checkpoint, tmp_path):
    (tmp_path / "none").mkdir()
    refused(
        export(checkpoint, tmp_path / "model.onnx", "--int8", "--clips", tmp_path / "none"),
        "--clips: expected training clips (*.wav), got none in",
    )
    write(tmp_path / "short" / "a.wav", hum(0))
    refused(
        export(checkpoint, tmp_path / "model.onnx", "--int8", "--clips", tmp_path / "short"),
        f"expected {SAMPLES} samples as in training, got 4000 in",
    )
    write(tmp_path / "fast" / "a.wav", hum(0, 9000), 8000)
    refused(
        export(checkpoint, tmp_path / "model.onnx", "--int8", "--clips", tmp_path / "fast"),
        "expected 4000 Hz as in training, got 8000 Hz in",
    )
    assert not list(tmp_path.glob("*.onnx*"))


def test_a_monitor_refuses_a_missing_file_a_denoiser_and_a_source_that_is_none(
    checkpoint, tmp_path
):
    refused(
        call("monitor", tmp_path, "--onnx", tmp_path / "none.onnx"),
        "exported model: expected a file, got none at",
    )
    export(checkpoint, tmp_path / "model.onnx")
    refused(
        call("monitor", tmp_path, "--onnx", tmp_path / "model.onnx"),
        "expected a graph with output scores, got wav in",
    )


def test_ctrl_c_ends_a_watch_quietly(monkeypatch, tmp_path):
    def watched(*settings):
        yield Clip("a.wav", None, "no sound")
        raise KeyboardInterrupt

    monkeypatch.setattr("dcase_denoise_plugin.monitor.folder.clips_in", watched)
    monkeypatch.setattr("dcase_denoise_plugin.edge.onnx_model.OnnxScorer", lambda path: SCORER)
    result = call("monitor", tmp_path, "--onnx", "scorer.onnx")
    assert result.exit_code == 0 and result.stdout.endswith(" a.wav: skipped: no sound\n")
    assert result.stderr.splitlines() == [
        f"fan: watches {tmp_path}; MSE above 1 is an anomaly, by the baseline's own threshold,"
        " which promises nothing; each anomaly is an alarm"
    ]


def test_a_checkpoint_that_is_none_is_refused(tmp_path):
    refused(
        export(tmp_path / "none.pt", tmp_path / "model.onnx"), "denoiser: expected a readable file"
    )


def test_a_stream_denoises_what_comes_in_and_says_how_far_behind_it_is(checkpoint):
    wav, clip_s = np.concatenate(clips()), SAMPLES / RATE_HZ
    result = call(
        "stream",
        "--checkpoint",
        checkpoint,
        "--clip-s",
        clip_s,
        "--pcm",
        "f32le",
        "--strength",
        0.5,
        stdin=encoded(wav, "f32le"),
    )
    ours = streaming(Denoiser.load(checkpoint, "cpu", strength=0.5), clip_s)
    assert (
        result.exit_code == 0 and result.stderr == f"{RATE_HZ} Hz, f32le, {clip_s:.1f} s behind\n"
    )
    assert np.array_equal(
        np.frombuffer(result.stdout_bytes, "<f4"), np.concatenate([ours.push(wav), ours.flush()])
    )


def test_a_stream_of_less_than_a_second_passes_as_it_is_and_says_so(checkpoint):
    short = encoded(hum(0)[:1000], "s16le")
    result = call("stream", "--checkpoint", checkpoint, "--clip-s", 1, stdin=short)
    assert result.exit_code == 0 and result.stdout_bytes == short
    assert result.stderr.splitlines()[1:] == [
        "dcase-denoise: stream: expected at least 1 s of sound, got 1000 samples, which pass as"
        " they are. Send more."
    ]


def test_a_stream_refuses_a_denoiser_that_needs_the_length_of_its_clips_and_half_a_sample(
    checkpoint,
):
    refused(
        call("stream", "--checkpoint", checkpoint),
        "clip_s: expected the length of a clip for a denoiser that rests on a whole clip",
    )
    result = call("stream", "--checkpoint", checkpoint, "--clip-s", 1, stdin=b"abcde")
    assert (
        result.exit_code == 2
        and "expected whole samples of 2 bytes, got 1 bytes of one at the end" in result.stderr
    )


@pytest.mark.parametrize(
    "words", [("monitor", "-", "--onnx", "model.onnx", "--pcm", "s16le"), ("stream",)]
)
def test_a_closed_standard_input_is_told_in_one_line(checkpoint, tmp_path, words):
    command = [sys.executable, "-m", "dcase_denoise_plugin", *words]
    if words == ("stream",):
        command += ["--checkpoint", str(checkpoint), "--clip-s", "2"]
    else:
        export_scorer_of_zeros(tmp_path / "model.onnx")
    call = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command], cwd=tmp_path, capture_output=True, text=True
    )
    lines = [line for line in call.stderr.splitlines() if line.startswith("dcase-denoise: ")]
    assert call.returncode == 2 and "Traceback" not in call.stderr
    assert lines == [
        "dcase-denoise: standard input: expected an open one, got a closed one. Pipe the sound in,"
        " or name a folder."
    ]


def export_scorer_of_zeros(path):
    """A graph that the monitor takes: one second in, two scores out."""

    class Zeros(torch.nn.Module):
        def forward(self, wav):
            return 0 * wav[:2]

    facts = {
        "input": "wav",
        "output": "scores",
        "sample_rate_hz": RATE_HZ,
        "samples": RATE_HZ,
        "thresholds": {"MSE": 1.0, "MAHALA": 1.0},
    }
    write_graph(Zeros(), torch.zeros(RATE_HZ), facts, path)
