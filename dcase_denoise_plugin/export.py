"""Writes a denoiser as an ONNX file that onnxruntime alone runs."""
from __future__ import annotations

import contextlib
import json
import logging
import warnings
from pathlib import Path
from typing import Any, Mapping

import torch
from torch import nn

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.clip_graph import LogMelGraph, WavGraph
from dcase_denoise_plugin.denoiser import Denoiser
from dcase_denoise_plugin.errors import CheckpointError, ConfigError
from dcase_denoise_plugin.onnx_model import FORMAT, INSTALL, PREFIX
from dcase_denoise_plugin.threads import thread_limit

OPSET = 20


def export_denoiser(denoiser: Denoiser, samples: int, out: Path, log_mel: bool = False) -> None:
    """Writes the path wav -> wav, or log-mel -> log-mel, for clips of `samples` samples.

    The graph has one length: how an image is cut into tiles, and at which frame a quantile lies, depends on it.

    Raises
    ------
    ConfigError
        If log-mel is asked for of a denoiser trained on waveforms, or the exporter's packages are not installed.
    CheckpointError
        If the file cannot be written.
    """
    if log_mel and denoiser.domain != "mel":
        raise ConfigError(f"--log-mel: expected a denoiser trained for mel, got one for {denoiser.domain}. Leave the option out.")
    kind = "log_mel" if log_mel else "wav"
    frames = 1 + samples // denoiser.checkpoint.features.hop_length
    graph, example = (LogMelGraph(denoiser), torch.zeros(denoiser.spectrogram.rows, frames)) if log_mel else (WavGraph(denoiser, samples), torch.zeros(samples))
    write_graph(graph, example, {"input": kind, "output": kind, **facts_of(denoiser, samples)}, out)


def facts_of(denoiser: Denoiser, samples: int) -> dict[str, Any]:
    """What an exported denoiser says of itself; a whole clip must be there before its first sample can be denoised."""
    checkpoint, config = denoiser.checkpoint, denoiser.config
    return {"dataset": checkpoint.dataset, "machine": checkpoint.machine_type, "sample_rate_hz": checkpoint.sample_rate_hz, "samples": samples,
            "latency_samples": samples, "digest": denoiser.digest, "domain": denoiser.domain, "denoise_output": config.output, "strength": denoiser.strength}


def write_graph(graph: nn.Module, example: torch.Tensor, facts: Mapping[str, Any], out: Path) -> None:
    """Exports `graph`, called with an input like `example`, with `facts` in its metadata; aside first, so that a file that is there is whole.

    Raises
    ------
    ConfigError
        If the exporter's packages are not installed.
    CheckpointError
        If the file cannot be written.
    """
    try:
        import onnxscript  # noqa: F401  (PyTorch's exporter needs it and onnx, and says so in twenty lines)
    except ImportError as error:
        raise ConfigError(f"export: expected onnx and onnxscript, got {error}. {INSTALL}.") from None
    program = _exported(graph.eval(), example)
    metadata = {"format": FORMAT, "plugin_version": __version__, **facts}
    program.model.metadata_props.update({f"{PREFIX}{name}": json.dumps(value) for name, value in metadata.items()})
    out = Path(out)
    aside = out.with_name(f".{out.name}.partial")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        program.save(aside)
        aside.replace(out)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise CheckpointError(f"exported model: expected to write {out}, got {error}. Free space or choose another folder.") from None


@thread_limit(1)
def _exported(graph: nn.Module, example: torch.Tensor) -> torch.onnx.ONNXProgram:
    # The exporter names every package that it could use and has not found.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", "`isinstance.treespec, LeafSpec.` is deprecated", FutureWarning)
        return torch.onnx.export(graph, (example,), input_names=["input"], output_names=["output"], opset_version=OPSET, dynamo=True, verbose=False)
