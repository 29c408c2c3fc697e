"""Commands of ours on tiny inputs, and what of their files is the same at each call."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import soundfile
from baseline_checkouts import make_machine
from small_machine import RATE_HZ, denoiser_that, hiss, hum, write

from dcase_denoise_plugin.demo.stand_in import lay_out
from dcase_denoise_plugin.edge.onnx_model import FORMAT, PREFIX

TINY_UNET = (
    *("--set", "denoise_network=always"),
    *("--set", "denoise_epochs=2", "--set", "denoise_width=2", "--set", "denoise_depth=2"),
    *("--set", "denoise_image_size=32", "--set", "denoise_pairs_per_clip=1"),
)
TINY = ("--set", "epochs=1", "--set", "use_cuda=False", *TINY_UNET)
OWN = ("--set", "n_mels=16", "--set", "n_fft=256", "--set", "hop_length=128", *TINY)


_BASELINE = (
    *("pandas", "scipy.stats", "sklearn.model_selection", "matplotlib.figure", "train"),
    *("librosa.core", "librosa.feature", "librosa.util"),
    *("networks.autoencoder", "baseline_patches.denoised_run"),
    *(f"dcase_denoise_plugin.runner.{name}" for name in ("call", "outcome", "runner", "summary")),
    *("dcase_denoise_plugin.commands.report", "dcase_denoise_plugin.report.page"),
)
_TRAINING = (
    "torch._dynamo",  # a second or two, at the first optimiser
    "dcase_denoise_plugin.training.loop",
    "dcase_denoise_plugin.training.distributed",
)
_EXPORT = ("torch.onnx", "onnx", "onnxscript", "onnxruntime", "dcase_denoise_plugin.edge.export")
_MONITOR = ("onnx", "onnxruntime", "dcase_denoise_plugin.monitor.session")


@dataclasses.dataclass(frozen=True)
class Command:
    """A command in a folder.

    Attributes
    ----------
    inputs : writes what it needs into a folder.
    words : after dcase-denoise, in that folder.
    same : patterns of files that have the same bytes after each call that ends well.
    modules : what it imports, as far as that takes long.
    """

    inputs: Callable[[Path], None]
    words: tuple[str, ...]
    same: tuple[str, ...]
    modules: tuple[str, ...]


def _checkout(folder: Path) -> None:
    lay_out(folder / "baseline")
    raw = folder / "baseline/data/dcase2025t2/dev_data/raw"
    make_machine(raw, train=4, test_each=2, noise=1, clip_s=1.0)


def _machine(folder: Path) -> None:
    for number in range(4):
        write(folder / "fan" / "train" / f"clip_{number}.wav", hum(number))
    write(folder / "fan" / "supplemental" / "section_00_noise_0.wav", hiss(0))


def _recordings(folder: Path) -> None:
    for number in range(12):
        write(folder / "normal" / f"{number}.wav", hum(number, 2 * RATE_HZ))
    write(folder / "noise" / "hall.wav", hiss(0))


def _clips(folder: Path) -> None:
    for number in range(3):
        path = folder / "in" / f"day {number}" / f"{number}.wav"
        path.parent.mkdir(parents=True)
        soundfile.write(path, hum(number), RATE_HZ, subtype="PCM_16")
    denoiser_that().checkpoint.save(folder / "fan.pt")


def _detector(folder: Path) -> None:
    write_detector(folder / "pump7.onnx")
    for number in range(30):
        write(folder / "normal" / f"{number}.wav", hum(number))
    for number in range(4):
        write(folder / "incoming" / f"{number}.wav", (1 + number) * hum(number))


def write_detector(path: Path) -> None:
    """A detector as `own` leaves one, whose score is the power of a clip of a second."""
    import onnx

    make = onnx.helper
    wav = make.make_tensor_value_info("wav", onnx.TensorProto.FLOAT, [RATE_HZ])
    scores = make.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [1])
    node = make.make_node("ReduceSumSquare", ["wav"], ["scores"], keepdims=1)
    graph = make.make_graph([node], "power", [wav], [scores])
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    calibration = {"scores": {"MSE": list(range(60, 100))}, "false_alarms": 0.1, "score": "MSE"}
    facts = {
        **{"format": FORMAT, "input": "wav", "output": "scores", "sample_rate_hz": RATE_HZ},
        **{"samples": RATE_HZ, "thresholds": {"MSE": 90.0}, "machine": "pump7", "channel": 1},
        "calibration": calibration,
    }
    make.set_model_props(model, {f"{PREFIX}{key}": json.dumps(facts[key]) for key in facts})
    path.write_bytes(model.SerializeToString())


COMMANDS = {
    "run": Command(
        _checkout,
        ("run", "compare", "-d", "--baseline", "baseline", "--machine", "fan", *TINY),
        ("**/results/**/*.csv", "**/*.pth", "**/*.pt", "**/score_distr_*"),
        (*_BASELINE, *_TRAINING),
    ),
    "train": Command(
        _machine,
        ("train", "fan", "--out", "fan.pt", "--preset", "denoise", *TINY_UNET),
        ("fan.pt",),
        _TRAINING,
    ),
    "monitor": Command(
        _detector,
        ("monitor", "incoming", "--onnx", "pump7.onnx", "--once", "--json", "--csv", "a.csv"),
        (),
        _MONITOR,
    ),
    "apply": Command(
        _clips,
        ("apply", "in", "out", "--checkpoint", "fan.pt", "--overwrite"),
        ("out/**/*.wav",),
        ("dcase_denoise_plugin.denoising.folder",),
    ),
    "recalibrate": Command(
        _detector, ("recalibrate", "pump7.onnx", "normal"), ("pump7.onnx",), _MONITOR
    ),
    "export": Command(
        _clips,
        ("export", "--checkpoint", "fan.pt", "--clip-s", "1", "--out", "fan.onnx"),
        ("fan.onnx",),
        _EXPORT,
    ),
    "own": Command(
        _recordings,
        ("own", "normal", "--name", "pump7", "--noise", "noise", "--out", "out", "--clip-s", "1")
        + ("--false-alarms", "0.2", *OWN),
        ("**/*.pth", "**/*.pt", "out/*.onnx"),
        (*_BASELINE, *_TRAINING, *_EXPORT, *_MONITOR, "dcase_denoise_plugin.own.page"),
    ),
}


def verdicts(said: str) -> list[dict]:
    """The verdicts of a monitor, without their times."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]
