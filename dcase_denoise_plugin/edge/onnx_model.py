"""An exported model at work: NumPy and onnxruntime, nothing else, so that it runs where PyTorch is
too large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import AudioError, CheckpointError, ConfigError, first_line

FORMAT = "dcase_denoise_plugin graph 1"
PREFIX = "dcase_denoise."  # of our keys in the file's metadata, to which tools add theirs
INSTALL = "Install the extra in a clone of this plugin: pip install '.[edge]'"


class OnnxModel:
    """One graph of one input and one output, on one thread.

    Attributes
    ----------
    facts : what the file says of itself: ``input`` and ``output`` (wav, log_mel, scores),
        ``sample_rate_hz``, ``samples``, ``digest``, ``domain``, ``strength``, ``latency_samples`` …

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, or no graph that `export` wrote.
    ConfigError
        If onnxruntime is not installed.
    """

    def __init__(self, path: Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise CheckpointError(
                f"exported model: expected a file, got none at {path}. Write it with dcase-denoise"
                " export."
            )
        try:
            import onnxruntime
        except ImportError as error:
            raise ConfigError(
                f"exported model: expected onnxruntime to run it, got {error} for {path}."
                f" {INSTALL}."
            ) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # a damaged file is told by the error alone
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises classes of its own that share no base
            raise CheckpointError(
                "exported model: expected a graph that onnxruntime can run, got"
                f" {first_line(error)} in {path}. Export it again."
            ) from None
        self.facts = self._read_facts()
        self._input, self._shape = (
            self._session.get_inputs()[0].name,
            tuple(self._session.get_inputs()[0].shape),
        )

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """The graph's output for an input of the graph's one shape, float32. Raises AudioError for
        another shape.
        """
        if array.shape != self._shape:
            raise AudioError(
                f"{self.facts['input']}: expected shape {self._shape}, the one length the graph was"
                f" exported for, got {array.shape} for {self.path}. Cut the clip, or export again"
                " with its length."
            )
        return self._session.run(None, {self._input: np.asarray(array, dtype=np.float32)})[0]

    def require(self, **wanted: str) -> None:
        """Raises CheckpointError if the graph is of another kind, such as ``require(input="wav",
        output="scores")``.
        """
        for name, value in wanted.items():
            if self.facts[name] != value:
                raise CheckpointError(
                    f"exported model: expected a graph with {name} {value}, got {self.facts[name]}"
                    f" in {self.path}. Export the other kind."
                )

    def _read_facts(self) -> Mapping[str, Any]:
        metadata = self._session.get_modelmeta().custom_metadata_map
        try:
            facts = {
                key.removeprefix(PREFIX): json.loads(value)
                for key, value in metadata.items()
                if key.startswith(PREFIX)
            }
        except ValueError as error:
            raise CheckpointError(
                f"exported model: expected metadata in JSON, got {error} in {self.path}. Export it"
                " again."
            ) from None
        if facts.get("format") != FORMAT:
            raise CheckpointError(
                f"exported model: expected metadata of format '{FORMAT}', got other ones in"
                f" {self.path}. Write the file with dcase-denoise export."
            )
        return facts


class OnnxDenoiser:
    """An exported denoiser with the call of `Denoiser`: ``denoise(wav, sample_rate_hz)``, for clips
    of the one length it was exported for.

    Raises
    ------
    CheckpointError
        If the file is no exported wav -> wav denoiser.
    """

    def __init__(self, path: Path):
        self.model = OnnxModel(path)
        self.model.require(input="wav", output="wav")

    def __call__(self, wav: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """float32 (samples,) in and out. Raises AudioError for another length or rate."""
        trained_hz = self.model.facts["sample_rate_hz"]
        if sample_rate_hz != trained_hz:
            raise AudioError(
                f"clip: expected {trained_hz} Hz as in training, got {sample_rate_hz} Hz in the"
                " array passed in. Resample it."
            )
        return self.model(wav)


class OnnxScorer:
    """An exported scorer: ``score(wav, clip)`` gives score → value.

    Attributes
    ----------
    sample_rate_hz, samples : what a clip must have.
    thresholds : score → value above which the baseline decides for an anomaly.

    Raises
    ------
    CheckpointError
        If the file is no exported scorer.
    """

    def __init__(self, path: Path):
        self.model = OnnxModel(path)
        self.model.require(input="wav", output="scores")
        facts = self.model.facts
        self.sample_rate_hz, self.samples, self.thresholds = (
            facts["sample_rate_hz"],
            facts["samples"],
            facts["thresholds"],
        )

    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]:
        return dict(zip(self.thresholds, self.model(wav).tolist()))
