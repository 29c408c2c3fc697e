"""Every reader of a file of ours, each with a whole file to damage."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
import random
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import soundfile
import torch
from faults.commands import write_detector
from faults.mutation import damaged_bytes, damaged_content, damaged_json
from small_machine import RATE_HZ, denoiser_that, hum

import yaml
from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.feature_notes import noted, state_of, write_note
from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.overrides import read_overrides, refuse_spaces, resolve_stage
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.record_file import read_record
from dcase_denoise_plugin.checkout.run_record import wanted
from dcase_denoise_plugin.demo.stand_in import lay_out
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.tensor_file import content_digest
from dcase_denoise_plugin.edge.autoencoder import Autoencoder
from dcase_denoise_plugin.edge.onnx_model import OnnxModel, OnnxScorer
from dcase_denoise_plugin.edge.pcm import encoded
from dcase_denoise_plugin.edge.threshold import decision_threshold
from dcase_denoise_plugin.edge.trained_baseline import TrainingSettings
from dcase_denoise_plugin.figures.reference import Figure, read_reference, write_reference
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.files import read_json
from dcase_denoise_plugin.monitor.outputs import CsvFile
from dcase_denoise_plugin.monitor.session import Session, calibration_of
from dcase_denoise_plugin.monitor.verdicts import read_clips, streamed_clips
from dcase_denoise_plugin.runner.study import Study
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import preset_path, resolve
from dcase_denoise_plugin.sound.audio import read_wav, write_wav
from dcase_denoise_plugin.sound.recordings import Clip
from dcase_denoise_plugin.stage.receipts import read_receipt
from dcase_denoise_plugin.training.resume import Resumable

Damage = Callable[[bytes, random.Random], bytes]


@dataclasses.dataclass(frozen=True)
class Reader:
    """A kind of file.

    Attributes
    ----------
    name : of the file, which its kind may hang on.
    whole : writes one that is good.
    read : uses it as a command would; returns, or raises an error in one line.
    """

    name: str
    whole: Callable[[Path], None]
    read: Callable[[Path], Any]
    damage: Damage = damaged_bytes


def _tensors(change: Callable[[Any], Any]) -> Damage:
    def damage(content: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return damaged_bytes(content, rng)
        loaded = torch.load(io.BytesIO(content), weights_only=True)
        file = io.BytesIO()
        torch.save(change(damaged_content(loaded, rng)), file)
        return file.getvalue()

    return damage


def _signed(content: Any) -> Any:
    if isinstance(content, dict):
        content.pop("digest", None)
        try:
            content["digest"] = content_digest(content)
        except (TypeError, ValueError, AttributeError, RecursionError):
            content["digest"] = "none"
    return content


def _damaged_yaml(content: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.5:
        return damaged_bytes(content, rng)
    return json.dumps(damaged_content(yaml.safe_load(content), rng)).encode()  # is YAML too


def _json(content: Any) -> Callable[[Path], None]:
    return lambda path: path.write_text(json.dumps(content)) and None


def _resume(path: Path) -> None:
    network = denoiser_that().network
    optimiser = torch.optim.Adam(network.parameters())
    for weight in network.parameters():
        weight.grad = torch.ones_like(weight)
    optimiser.step()
    Resumable.of("identity", 1, network, optimiser).save(path)


def _read_resume(path: Path) -> None:
    network = denoiser_that().network
    Resumable.read(path, network).restore(network, torch.optim.Adam(network.parameters()))


def _autoencoder(path: Path) -> None:
    state = {"one.weight": torch.ones(2, 640), "one.bias": torch.ones(2)}
    state |= {"two.weight": torch.ones(640, 2), "two.bias": torch.ones(640)}
    torch.save({**state, "cov_source": torch.eye(128), "cov_target": torch.eye(128)}, path)


def _exported(path: Path) -> None:
    from dcase_denoise_plugin.edge.export import write_graph

    facts = {"input": "wav", "output": "wav", "sample_rate_hz": RATE_HZ, "samples": RATE_HZ}
    write_graph(torch.nn.Identity(), torch.zeros(RATE_HZ), facts, path)


def _damaged_graph(content: bytes, rng: random.Random) -> bytes:
    import onnx

    if rng.random() < 0.5:
        return damaged_bytes(content, rng)
    graph = onnx.load_from_string(content)
    kept = {entry.key: entry.value.encode() for entry in graph.metadata_props}
    key = rng.choice(list(kept))
    kept[key] = damaged_json(kept[key], rng)
    told = {name: value.decode(errors="replace") for name, value in kept.items()}
    onnx.helper.set_model_props(graph, told)
    return graph.SerializeToString()


def _read_detector(path: Path) -> None:
    scorer = OnnxScorer(path)
    calibration, _ = calibration_of(scorer, None, None, None)
    session = Session(scorer, calibration, None, lambda line: None)
    session.run("-", [Clip("a.wav", hum(0))], lambda line: None)


def _read_stream(pcm: str | None) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        with open(path, "rb") as stream:
            for _ in streamed_clips(stream, SCORER, pcm):
                pass

    return read


def _read_recording(path: Path) -> None:
    listens_to_one = types.SimpleNamespace(**{**vars(SCORER), "channel": 1})
    for clip in read_clips(path, listens_to_one):
        assert clip.wav is None or np.isfinite(clip.wav).all()


def _flac(path: Path) -> None:
    soundfile.write(path, hum(0, 2 * RATE_HZ), RATE_HZ, subtype="PCM_16")


def _note(path: Path) -> None:
    pickle_path = path.with_suffix("")
    pickle_path.write_bytes(b"features")
    making = {"settings": {"power": 2.0}, "clips": {"a.wav": [1, 2]}, "loader": "d" * 64}
    write_note(pickle_path, {**making, "pickle": state_of(pickle_path)})


def _read_note(path: Path) -> None:
    if (note := noted(path.with_suffix(""))) and note["settings"].get("power") != 2.0:
        raise ValueError("features of another power")


def _laid_out(name: str) -> Callable[[Path], None]:
    """The settings of a checkout, and a copy of them under the name of their kind."""

    def whole(path: Path) -> None:
        lay_out(path.parent / "baseline")
        path.write_bytes((path.parent / "baseline" / name).read_bytes())

    return whole


def _read_laid_out(name: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        (path.parent / "baseline" / name).write_bytes(path.read_bytes())
        baseline = Baseline.from_folder(path.parent / "baseline")
        overrides, config = resolve_stage(baseline, read_overrides(None, (), baseline))
        plan = Plan(baseline, "DCASE2025T2", "dev", overrides, config)
        refuse_spaces(plan.settings)
        run = MachineRun(plan, "fan", baseline.seed, "plain")
        [baseline.sections("DCASE2025T2", name, "dev") for name in baseline.machine_types(*OF)]
        run.command("train")
        wanted(run, "train")

    return read


OF = ("DCASE2025T2", "dev")
STUDY = """settings: {epochs: 2}
preset: recommended
cells:
  half: {denoise_strength: 0.5}
  other: {denoise_width: 4}
"""


def _study(path: Path) -> None:
    lay_out(path.parent / "baseline")
    path.write_text(STUDY)


def _read_study(path: Path) -> None:
    study = Study.read(path, Baseline.from_folder(path.parent / "baseline"), "DCASE2025T2")
    for cell in study.chosen(()):
        [run.command("train") for run in study.runs(cell, ["fan"], [1])]


TYPES = "datasets/machine_type_2025_dev.yaml"
SCORER: Any = types.SimpleNamespace(
    samples=RATE_HZ, sample_rate_hz=RATE_HZ, channel=None, channels=1
)
RECEIPT = {
    "config": DenoiseConfig().as_keys(),
    "stage_digest": "d" * 64,
    "splits": {"train": {"features": "data", "cached": False, "clips": 3}},
    "baseline": {"family": "v4", "warning": None, "fingerprints": {"a": "b"}},
    "trial": [1.0, 2.0],
    "command": ["train.py"],
    "findings": "fan: nothing",
}
RECORD = {
    "files": {"a": "b"},
    "wanted": {"command": ["a"], "settings": {"max_fpr": 0.1}, "versions": {"torch": "2"}},
    "place": {"threads": "1"},
    "seconds": 1.5,
}
TRAINING = {
    **{"n_fft": 1024, "hop_length": 512, "win_length": None, "n_mels": 128, "power": 2.0},
    **{"fmin": 0.0, "fmax": None, "frames": 5, "frame_hop_length": 1, "decision_threshold": 0.9},
}
REFERENCE = {Figure("baseline_MSE/result_fan_roc.csv", "AUC (source)"): 0.7}
SCORES = "anomaly_score_DCASE2025T2fan_section_00_test_seed1_id(0_).csv"
ROWS = "section_00_source_test_normal_0000.wav,0.5\nsection_00_source_test_anomaly_0000.wav,1.5\n"
READERS = {
    "receipt": Reader("a.json", _json(RECEIPT), read_receipt, damaged_json),
    "record": Reader("a.json", _json(RECORD), read_record, damaged_json),
    "args.json": Reader(
        "a.json", _json(TRAINING), lambda path: read_json(path, TrainingSettings), damaged_json
    ),
    "reference, JSON": Reader(
        "a.json", lambda path: write_reference(path, REFERENCE), read_reference, damaged_json
    ),
    "reference, CSV": Reader(
        "a.csv", lambda path: write_reference(path, REFERENCE), read_reference
    ),
    "preset": Reader(
        "a.yaml",
        lambda path: path.write_text(preset_path("denoise").read_text()) and None,
        lambda path: resolve({"preset": str(path)}, {}),
        _damaged_yaml,
    ),
    "scores": Reader(
        SCORES,
        lambda path: path.write_text(ROWS) and None,
        lambda path: Results.read(path.parent, "MSE"),
    ),
    "checkpoint": Reader(
        "a.pt",
        lambda path: denoiser_that().checkpoint.save(path),
        lambda path: Denoiser(Checkpoint.load(path), "cpu")(hum(0), RATE_HZ),
        _tensors(_signed),
    ),
    "resume file": Reader("a.resume", _resume, _read_resume, _tensors(lambda content: content)),
    "autoencoder": Reader(
        "a.pth",
        _autoencoder,
        lambda path: Autoencoder.load(path, 5, 1, 128),
        _tensors(lambda content: content),
    ),
    "distribution": Reader(
        "a.pickle",
        lambda path: path.write_bytes(pickle.dumps([2.5, 3.0, 0.7])) and None,
        lambda path: decision_threshold(path, 0.9),
    ),
    "ONNX": Reader("a.onnx", _exported, OnnxModel, _damaged_graph),
    "detector": Reader("a.onnx", write_detector, _read_detector, _damaged_graph),
    "study": Reader("a.yaml", _study, _read_study, _damaged_yaml),
    "baseline.yaml": Reader(
        "a.yaml", _laid_out("baseline.yaml"), _read_laid_out("baseline.yaml"), _damaged_yaml
    ),
    "machine types": Reader("a.yaml", _laid_out(TYPES), _read_laid_out(TYPES), _damaged_yaml),
    "feature note": Reader("a.pickle.json", _note, _read_note, damaged_json),
    "table of the monitor": Reader(
        "a.csv",
        lambda path: CsvFile(path, print).append({"clip": "a.wav"}),
        lambda path: CsvFile(path, print).append({"clip": "b.wav"}),
    ),
    "wav": Reader("a.wav", lambda path: write_wav(path, hum(0), RATE_HZ), read_wav),
    "wav, through a pipe": Reader(
        "a.wav", lambda path: write_wav(path, hum(0), RATE_HZ, "PCM_24"), _read_stream(None)
    ),
    "PCM": Reader(
        "a.raw", lambda path: path.write_bytes(encoded(hum(0), "f32le")), _read_stream("f32le")
    ),
    "FLAC": Reader("a.flac", _flac, _read_recording),
}
REFUSALS = (OSError, ValueError, msgspec.MsgspecError)  # which their callers put into one line
