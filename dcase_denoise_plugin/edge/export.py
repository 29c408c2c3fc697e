"""Writes a denoiser, or the whole way from a clip to its anomaly scores, as an ONNX file that
onnxruntime alone runs.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.edge.clip_graph import LogMelGraph, ScoreGraph, WavGraph, without_norms
from dcase_denoise_plugin.edge.onnx_model import FORMAT, PREFIX
from dcase_denoise_plugin.edge.quantisation import quantise
from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
from dcase_denoise_plugin.errors import CheckpointError, ConfigError, DataError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.sound.audio import check_fit, read_channels, wav_files
from dcase_denoise_plugin.sound.far_subtraction import with_rest
from dcase_denoise_plugin.stage.methods import unet_denoiser

OPSET = 20


def export_denoiser(
    denoiser: Denoiser,
    samples: int,
    out: Path,
    log_mel: bool = False,
    calibration: Sequence[Path] = (),
) -> None:
    """Writes the path wav -> wav, or log-mel -> log-mel, for clips of `samples` samples; of a
    machine with two microphones (samples, 2) -> (samples,), or (2, n_mels, frames) -> (n_mels,
    frames), of which the second channel is the first one `without_noise`.

    The graph has one length: how an image is cut into tiles, and at which frame a quantile lies,
    depends on it.

    Parameters
    ----------
    calibration : training clips by which the U-Net's layers are quantised to int8; none leaves
        float32.

    Raises
    ------
    ConfigError
        If log-mel is asked for of a denoiser trained on waveforms, or there is nothing to quantise.
    CheckpointError
        If the file cannot be written.
    AudioError
        If a clip of `calibration` is unfit.
    """
    if log_mel and denoiser.domain != "mel":
        raise ConfigError(
            f"--log-mel: expected a denoiser trained for mel, got one for {denoiser.domain}. Leave"
            " the option out."
        )
    kind, spectrogram = "log_mel" if log_mel else "wav", denoiser.spectrogram
    frames = 1 + samples // denoiser.checkpoint.features.hop_length
    channels, rate_hz = denoiser.checkpoint.channels, denoiser.checkpoint.sample_rate_hz
    wavs = (_fit(clip, samples, rate_hz, channels) for clip in calibration)
    graph: nn.Module
    if log_mel:
        graph, example = LogMelGraph(denoiser), torch.zeros(channels, spectrogram.rows, frames)
        example = example.squeeze(0)
        inputs: Iterable[np.ndarray] = (spectrogram.level_of_wav_db(wav.T) for wav in wavs)
    else:
        graph, example, inputs = WavGraph(denoiser, samples), _silence(samples, channels), wavs
    facts = {
        "input": kind,
        "output": kind,
        "samples": samples,
        "channels": channels,
        **_facts(denoiser),
    }
    write_graph(graph, example, facts, out, inputs if calibration else None)


def export_scorer(trained: TrainedBaseline, out: Path, int8: bool = False) -> None:
    """Writes the path from a waveform to the baseline's anomaly scores, through the denoiser the
    baseline was trained behind, with its thresholds.

    Raises
    ------
    ConfigError
        If the stage's method is not the U-Net, there is nothing to quantise, or the exporter's
        packages are not installed.
    CheckpointError
        If the file cannot be written.
    """
    machine, stage, denoiser = trained.machine, trained.stage, None
    if stage and stage.config.method == "unet":
        denoiser = unet_denoiser(
            machine, stage.config, stage.checkpoint, "cpu", stage.config.strength
        )
    elif stage and stage.config.method != "identity":
        raise ConfigError(
            f"denoise_method: expected unet or identity for an export, got {stage.config.method}."
            " Run this method with PyTorch."
        )
    graph = ScoreGraph(
        trained.autoencoder, machine.features, trained.sample_rate_hz, trained.samples, denoiser
    )
    facts = {
        "input": "wav",
        "output": "scores",
        "dataset": machine.dataset,
        "machine": machine.machine_type,
        "sample_rate_hz": trained.sample_rate_hz,
        "samples": trained.samples,
        "channels": machine.channels,
        "thresholds": dict(trained.thresholds),
        **(_facts(denoiser) if denoiser else {}),
    }
    clips = (trained.samples, trained.sample_rate_hz, machine.channels)
    inputs = (_fit(clip, *clips) for clip in machine.train_files)
    example = _silence(trained.samples, machine.channels)
    write_graph(graph, example, facts, out, inputs if int8 else None)


def _silence(samples: int, channels: int) -> torch.Tensor:
    """(samples,) or (samples, 2)."""
    return torch.zeros(samples) if channels == 1 else torch.zeros(samples, channels)


def _facts(denoiser: Denoiser) -> dict[str, Any]:
    """What an exported denoiser says of itself."""
    checkpoint, config = denoiser.checkpoint, denoiser.config
    return {
        "dataset": checkpoint.dataset,
        "machine": checkpoint.machine_type,
        "sample_rate_hz": checkpoint.sample_rate_hz,
        "digest": denoiser.digest,
        "domain": denoiser.domain,
        "denoise_output": config.output,
        "strength": denoiser.strength,
        "hears_far": denoiser.findings.far_helps,
    }


def write_graph(
    graph: nn.Module,
    example: torch.Tensor,
    facts: Mapping[str, Any],
    out: Path,
    calibration: Iterable[np.ndarray] | None = None,
) -> None:
    """Exports `graph`, called with an input like `example`, with `facts` in its metadata; aside
    first, so that a file that is there is whole.

    Raises
    ------
    ConfigError
        If there is nothing to quantise by `calibration`.
    CheckpointError
        If the file cannot be written.
    """
    program = _exported(graph.eval(), example)
    # A whole clip must be there before anything of it can come out.
    metadata = {
        "format": FORMAT,
        "plugin_version": __version__,
        "int8": calibration is not None,
        "latency_samples": facts["samples"],
        **facts,
    }
    program.model.metadata_props.update(
        {f"{PREFIX}{name}": json.dumps(value) for name, value in metadata.items()}
    )
    try:
        with written_whole(out) as aside:
            program.save(aside)
            if calibration is not None:
                quantise(aside, calibration)
    except OSError as error:
        raise CheckpointError(
            f"exported model: expected to write {out}, got {error}. Free space or choose another"
            " folder."
        ) from None


def training_clips(folder: Path) -> tuple[Path, ...]:
    """The clips by which ``--int8`` quantises. Raises DataError if `folder` holds none."""
    found = wav_files(folder)
    if not found:
        raise DataError(
            f"--clips: expected training clips (*.wav), got none in {folder}. Name the folder that"
            " holds them."
        )
    return found


def _fit(clip: Path, samples: int, sample_rate_hz: int, channels: int) -> np.ndarray:
    """What the graph takes of `clip`, (samples,) or (samples, 2). Raises AudioError if it has
    another length, rate or number of channels.
    """
    wav, rate_hz = read_channels(clip, channels)
    check_fit(len(wav), rate_hz, samples, sample_rate_hz, clip)
    return with_rest(wav, sample_rate_hz) if channels > 1 else wav


@thread_limit(1)
def _exported(graph: nn.Module, example: torch.Tensor) -> torch.onnx.ONNXProgram:
    # The exporter names every package that it could use and has not found.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings(
            "ignore", "`isinstance.treespec, LeafSpec.` is deprecated", FutureWarning
        )
        # torch 2.6 says two things of a constant that it has put in itself.
        warnings.filterwarnings(
            "ignore", r"Attempted to insert a get_attr Node|Node \w*lifted_tensor_", UserWarning
        )
        program = torch.onnx.export(
            without_norms(graph),
            (example,),
            input_names=["input"],
            output_names=["output"],
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    assert program is not None  # dynamo's exporter gives one
    return program
