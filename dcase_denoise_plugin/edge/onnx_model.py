"""An exported model at work: NumPy and onnxruntime, nothing else, so that it runs where PyTorch is
too large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dcase_denoise_plugin.edge.graph_facts import DenoiserFacts, ScorerFacts
from dcase_denoise_plugin.errors import AudioError, CheckpointError, ConfigError, first_line
from dcase_denoise_plugin.files import fitted, written_whole

FORMAT = "dcase_denoise_plugin graph 2"
PREFIX = "dcase_denoise."  # of our keys in the file's metadata, to which tools add theirs


class OnnxModel:
    """One graph of one input and one output, on one thread.

    Attributes
    ----------
    channels : of the clips that it takes, 1 or 2 (near the machine, far from it); a log-mel's
        second one is that of `without_noise`.
    facts : what the file says of itself: ``input`` and ``output`` (wav, log_mel, scores),
        ``sample_rate_hz``, ``samples``, ``channels``, ``digest``, ``domain``, ``strength``,
        ``latency_samples`` …

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
                " Install it: pip install onnxruntime."
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
        (first, *_), (last, *_) = self._session.get_inputs(), self._session.get_outputs()
        self._input, self._shape = first.name, tuple(first.shape)
        self.channels: int = self.facts.get("channels", 1)
        both = (self.channels,) if self.channels > 1 else ()
        one: tuple[int, ...] = (self.facts["samples"],)
        expected = (*one, *both)
        if self.facts["input"] == "log_mel":
            one = self._shape[-2:]
            expected = (*both, *one)
        scores = (len(self.facts["thresholds"]),) if "thresholds" in self.facts else None
        if self._shape != expected or tuple(last.shape) != (scores or one):
            raise CheckpointError(
                f"exported model: expected the shapes that its metadata tell, got {self._shape} and"
                f" {tuple(last.shape)} in {path}. Export it again."
            )

    def __call__(self, array: np.ndarray) -> np.ndarray:
        """The graph's output for an input of the graph's one shape, float32. Raises AudioError for
        another shape, and ConfigError if two microphones lack SciPy.
        """
        if array.shape != self._shape:
            raise AudioError(
                f"{self.facts['input']}: expected shape {self._shape}, the one length the graph was"
                f" exported for, got {array.shape} for {self.path}. Cut the clip, or export again"
                " with its length."
            )
        array = np.asarray(array, dtype=np.float32)
        if self.facts.get("hears_far") and self.facts["input"] == "wav":
            array = _with_rest(array, self.facts["sample_rate_hz"])
        try:
            return self._session.run(None, {self._input: array})[0]
        except Exception as error:  # as above
            raise CheckpointError(
                f"exported model: expected a graph that runs, got {first_line(error)} in"
                f" {self.path}. Export it again."
            ) from None

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
            if facts and facts.get("format") == FORMAT:
                fitted(facts, ScorerFacts if facts.get("output") == "scores" else DenoiserFacts)
                return facts
        except (ValueError, RecursionError) as error:
            raise CheckpointError(
                f"exported model: expected what export writes, got {first_line(error)} in the"
                f" metadata of {self.path}. Export it again."
            ) from None
        raise CheckpointError(
            f"exported model: expected metadata of format '{FORMAT}', got other ones in"
            f" {self.path}. Write the file with dcase-denoise export."
        )


def _with_rest(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    try:
        from dcase_denoise_plugin.sound.far_subtraction import with_rest
    except ImportError as error:
        raise ConfigError(
            f"two microphones: expected scipy, got {error}. Install it: pip install scipy."
        ) from None
    return with_rest(clip, sample_rate_hz)


def store_facts(path: Path, **facts: Any) -> None:
    """Writes `facts` into the metadata of an exported file, in place of those of the same names.

    Raises
    ------
    ConfigError
        If the package onnx is not installed.
    CheckpointError
        If the file cannot be written.
    """
    try:
        import onnx
    except ImportError as error:
        raise ConfigError(
            f"exported model: expected onnx to write into it, got {error} for {path}. Install it:"
            " pip install onnx."
        ) from None
    model = onnx.load(path)
    written = {entry.key: entry.value for entry in model.metadata_props}
    written |= {f"{PREFIX}{name}": json.dumps(value) for name, value in facts.items()}
    onnx.helper.set_model_props(model, written)
    try:
        with written_whole(path) as aside:
            aside.write_bytes(model.SerializeToString())
    except OSError as error:
        raise CheckpointError(
            f"exported model: expected to write {path}, got {error}. Free space or choose another"
            " folder."
        ) from None


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
        """float32 (samples,) or, of two microphones, (samples, 2) in and (samples,) out. Raises
        AudioError for another shape or rate.
        """
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
    sample_rate_hz, samples, channels : what a clip must have.
    thresholds : score → value above which the baseline decides for an anomaly.
    name : of the machine.
    channel : of a recording that it listens to, counted from 1; None for recordings of one.
    calibration : what was kept of one, for `Calibration.from_facts`; None if there was none.

    Raises
    ------
    CheckpointError
        If the file is no exported scorer.
    """

    def __init__(self, path: Path):
        self.model = OnnxModel(path)
        self.model.require(input="wav", output="scores")
        facts, self.channels = self.model.facts, self.model.channels
        self.name: str = facts.get("machine", "")
        self.channel: int | None = facts.get("channel")
        self.calibration: Mapping[str, Any] | None = facts.get("calibration")
        self.sample_rate_hz, self.samples = facts["sample_rate_hz"], facts["samples"]
        self.thresholds: Mapping[str, float] = facts["thresholds"]

    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]:
        return dict(zip(self.thresholds, self.model(wav).tolist()))
