"""Exported graphs against `Denoiser`, run by onnxruntime."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, denoiser_that, hiss, hum, log_mel_of

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.edge.clip_graph import LogMelGraph, RealSTFT, without_norms
from dcase_denoise_plugin.edge.export import export_denoiser
from dcase_denoise_plugin.edge.onnx_model import OnnxDenoiser, OnnxModel
from dcase_denoise_plugin.errors import AudioError, CheckpointError, ConfigError
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

SAMPLES = 6001
PATHS = {
    "mel frames, native image, tiles": dict(domain="mel", image_size=0),
    "mel frames, square image": dict(domain="mel", image_size=16, tile_frames=47),
    "mel clip spectrum at a quantile, half strength": dict(
        domain="mel",
        image_size=0,
        output="clip_spectrum",
        quantile=0.1,
        fluctuation=0.3,
        strength=0.5,
        guard_db=(-0.5, 0.5),
    ),
    "mel clip spectrum at its mean, clip shorter than a tile": dict(
        domain="mel", image_size=16, tile_frames=60, output="clip_spectrum"
    ),
    "mel clip spectrum at a quantile, network left out": dict(
        domain="mel",
        output="clip_spectrum",
        clip_level="auto",
        quantile=0.1,
        noise_known=False,
        network="auto",
    ),
    "waveform frames, square image": dict(domain="waveform", image_size=16),
    "waveform of a steady machine, native image, tiles": dict(
        domain="waveform", image_size=0, output="steady_machine", quantile=0.1, guard_db=(1, 2)
    ),
    "waveform clip spectrum, native image": dict(
        domain="waveform", image_size=0, output="clip_spectrum"
    ),
}


def busy(keys):
    """A denoiser whose network says something about every pixel."""
    denoiser = denoiser_that(**keys)
    torch.nn.init.normal_(
        denoiser.network.last.weight, std=0.1, generator=torch.Generator().manual_seed(1)
    )
    return denoiser


def clips():
    rng = np.random.default_rng(0)
    recorded = hum(0, SAMPLES) + 0.3 * hiss(0, SAMPLES)
    fading = hum(1, SAMPLES) * np.linspace(0, 1, SAMPLES, dtype=np.float32)
    return [
        np.round(recorded * 2**15).astype(np.float32) / 2**15,
        fading,
        rng.uniform(-1, 1, SAMPLES).astype(np.float32),
    ]


def test_norms_become_part_of_the_layers_before_them_in_a_copy():
    graph = LogMelGraph(busy(PATHS["mel frames, native image, tiles"]))
    before = [type(module) for module in graph.modules()]
    for module in graph.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
    folded, log_mel = without_norms(graph), torch.from_numpy(log_mel_of(clips()[0]))
    with torch.no_grad():
        torch.testing.assert_close(folded(log_mel), graph(log_mel), rtol=1e-4, atol=1e-3)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert [type(module) for module in graph.modules()] == before


@pytest.mark.parametrize("path", PATHS)
def test_onnxruntime_gives_the_samples_of_the_denoiser(tmp_path, path):
    denoiser = busy(PATHS[path])
    export_denoiser(denoiser, SAMPLES, tmp_path / "model.onnx")
    exported = OnnxDenoiser(tmp_path / "model.onnx")
    for wav in clips():
        ours = denoiser(wav, RATE_HZ)
        assert np.abs(ours - wav).max() > 1e-3
        np.testing.assert_allclose(exported(wav, RATE_HZ), ours, rtol=0, atol=1e-4)


@pytest.mark.parametrize("path", [path for path in PATHS if path.startswith("mel")][:4:2])
def test_onnxruntime_gives_the_log_mel_of_the_denoiser(tmp_path, path):
    denoiser = busy(PATHS[path])
    export_denoiser(denoiser, SAMPLES, tmp_path / "model.onnx", log_mel=True)
    exported = OnnxModel(tmp_path / "model.onnx")
    for log_mel in map(log_mel_of, clips()):
        np.testing.assert_allclose(exported(log_mel), denoiser.log_mel(log_mel), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("win_length", "hop_length"), [(None, 128), (200, 50), (None, 192), (255, 100)]
)
@pytest.mark.parametrize("samples", [4000, 4096, 4223])
def test_the_real_stft_is_the_complex_one_and_so_is_its_inverse(win_length, hop_length, samples):
    features = FEATURES.__class__(
        n_fft=256, hop_length=hop_length, win_length=win_length, n_mels=16
    )
    spectrogram, wav = Spectrogram(features, RATE_HZ, "waveform"), torch.from_numpy(hum(0, samples))
    stft = RealSTFT(spectrogram, samples)
    real, imaginary = stft.spec(wav)
    torch.testing.assert_close(
        torch.complex(real, imaginary), spectrogram.spec(wav), rtol=0, atol=1e-4
    )
    torch.testing.assert_close(
        stft.wav(real / 2, imaginary),
        spectrogram.wav(torch.complex(real / 2, imaginary), samples),
        rtol=0,
        atol=1e-5,
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "deep" / "model.onnx"
    export_denoiser(busy(PATHS["waveform frames, square image"]), SAMPLES, path)
    return path


def test_the_file_says_what_it_is_and_nothing_else_lies_beside_it(model):
    facts = OnnxModel(model).facts
    assert {**facts, "digest": len(facts["digest"])} == {
        "format": "dcase_denoise_plugin graph 2",
        "plugin_version": __version__,
        "input": "wav",
        "output": "wav",
        "dataset": "MADEUP",
        "machine": "fan",
        "sample_rate_hz": RATE_HZ,
        "samples": SAMPLES,
        "latency_samples": SAMPLES,
        "digest": 64,
        "domain": "waveform",
        "denoise_output": "frames",
        "strength": 1.0,
        "int8": False,
        "channels": 1,
        "hears_far": False,
    }
    assert [path.name for path in model.parent.iterdir()] == ["model.onnx"]


def test_an_exported_denoiser_runs_without_torch(model, tmp_path):
    np.save(tmp_path / "wav.npy", clips()[0])
    program = f"""
import sys
sys.path[:0] = {sys.path!r}
import numpy as np
from dcase_denoise_plugin.edge.onnx_model import OnnxDenoiser
denoised = OnnxDenoiser({str(model)!r})(np.load({str(tmp_path / "wav.npy")!r}), {RATE_HZ})
assert denoised.shape == ({SAMPLES},)
assert not {{"torch", "librosa", "scipy"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_another_length_or_rate_is_refused(model):
    with pytest.raises(
        AudioError,
        match=(
            rf"wav: expected shape \({SAMPLES},\), the one length the graph was exported for, got"
            r" \(4000,\) .* Cut the clip"
        ),
    ):
        OnnxDenoiser(model)(hum(0), RATE_HZ)
    with pytest.raises(AudioError, match="expected 4000 Hz as in training, got 8000 Hz"):
        OnnxDenoiser(model)(clips()[0], 8000)


def test_a_file_that_is_missing_damaged_foreign_or_of_another_kind_is_refused(model, tmp_path):
    import onnx

    with pytest.raises(
        CheckpointError,
        match="expected a file, got none at .*none.onnx. Write it with dcase-denoise export.",
    ):
        OnnxModel(tmp_path / "none.onnx")
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(model.read_bytes()[:1000])
    with pytest.raises(
        CheckpointError,
        match=(
            "expected a graph that onnxruntime can run, got .* in .*damaged.onnx. Export it again."
        ),
    ):
        OnnxModel(damaged)
    graph = onnx.load(model)
    kept = {entry.key: entry.value for entry in graph.metadata_props}
    onnx.helper.set_model_props(graph, {**kept, "dcase_denoise.input": json.dumps("log_mel")})
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(
        CheckpointError,
        match=(
            "expected a graph with input wav, got log_mel in .*other.onnx. Export the other kind."
        ),
    ):
        OnnxDenoiser(tmp_path / "other.onnx")
    onnx.helper.set_model_props(graph, {**kept, "dcase_denoise.input": "{"})
    onnx.save(graph, tmp_path / "garbled.onnx")
    with pytest.raises(
        CheckpointError,
        match="expected what export writes, got .* in the metadata of .*garbled.onnx. Export it",
    ):
        OnnxModel(tmp_path / "garbled.onnx")
    onnx.helper.set_model_props(graph, {})
    onnx.save(graph, tmp_path / "foreign.onnx")
    with pytest.raises(
        CheckpointError,
        match=(
            "expected metadata of format 'dcase_denoise_plugin graph 2', got other ones in"
            " .*foreign.onnx"
        ),
    ):
        OnnxModel(tmp_path / "foreign.onnx")


SCORES = {"output": '"scores"', "thresholds": '{"MSE": 1}'}
CALIBRATION = '{"scores": {"MSE": [1]}, "false_alarms": 0.1, "score": "MSE"}'


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"samples": None}, "missing required field `samples`"),
        ({"samples": '"10"'}, "Expected `int`, got `str`"),
        ({"samples": "10"}, r"expected the shapes that its metadata tell, got \(6001,\)"),
        ({"sample_rate_hz": "0"}, "Expected `int` >= 1"),
        ({"output": '"text"'}, "Invalid enum value"),
        ({"output": '"scores"'}, "missing required field `thresholds`"),
        ({"output": '"scores"', "thresholds": "[]"}, "Expected `object`, got `array`"),
        (
            SCORES,
            r"expected the shapes that its metadata tell, got \(6001,\) and \(6001,\)",
        ),
        ({**SCORES, "thresholds": "{}"}, "Expected `object` of length >= 1"),
        ({**SCORES, "calibration": '{"scores": [1]}'}, "Expected `object`, got `array`"),
        (
            {**SCORES, "calibration": CALIBRATION.replace("0.1", '"often"')},
            "Expected `float`, got `str`",
        ),
        ({**SCORES, "calibration": CALIBRATION.replace("[1]", '["a"]')}, "got `str`"),
        ({**SCORES, "calibration": CALIBRATION.replace("MSE", "F1")}, "of other scores than it"),
        ({"input": "[" * 100000}, "recursion"),
    ],
)
def test_metadata_that_do_not_fit_are_refused_in_one_line(tmp_path, model, change, complaint):
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(model)
    kept = {entry.key: entry.value for entry in graph.metadata_props}
    kept |= {f"dcase_denoise.{name}": value for name, value in change.items()}
    kept = {name: value for name, value in kept.items() if value is not None}
    onnx.helper.set_model_props(graph, kept)
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(CheckpointError, match=f"exported model: .*{complaint}.*Export it again."):
        OnnxModel(tmp_path / "other.onnx")


def test_log_mel_of_a_waveform_denoiser_is_refused(tmp_path):
    with pytest.raises(
        ConfigError,
        match=(
            "--log-mel: expected a denoiser trained for mel, got one for waveform. Leave the option"
            " out."
        ),
    ):
        export_denoiser(
            denoiser_that(domain="waveform"), SAMPLES, tmp_path / "model.onnx", log_mel=True
        )


def test_a_place_where_nothing_can_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        CheckpointError,
        match=(
            "exported model: expected to write .*file/model.onnx, got .* Free space or choose"
            " another folder."
        ),
    ):
        export_denoiser(
            denoiser_that(noise_known=False, network="auto"),
            SAMPLES,
            tmp_path / "file" / "model.onnx",
        )


def test_a_missing_onnxruntime_is_named(monkeypatch, model):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match="expected onnxruntime to run it, .*pip install onnxrun"):
        OnnxModel(model)
