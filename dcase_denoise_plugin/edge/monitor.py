"""Scores clip after clip and says what the baseline would decide, one line a clip. Imports no
PyTorch, for machines that have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from dcase_denoise_plugin.edge.pcm import STANDARD_INPUT, clips_of
from dcase_denoise_plugin.edge.watch import Clip
from dcase_denoise_plugin.errors import AudioError, DenoiseError
from dcase_denoise_plugin.quoting import in_one_line
from dcase_denoise_plugin.sound.audio import check_fit, check_wav, read_wav


class Scorer(Protocol):
    """What `trained_baseline.BaselineScorer` and `onnx_model.OnnxScorer` have in common."""

    sample_rate_hz: int
    samples: int
    channels: int
    thresholds: Mapping[str, float]

    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]: ...


def read_clip(file: Path, scorer: Scorer) -> np.ndarray:
    """The waveform of a file that `scorer` can score. Raises AudioError for any other."""
    wav, sample_rate_hz = read_wav(file, scorer.channels)
    check_fit(len(wav), sample_rate_hz, scorer.samples, scorer.sample_rate_hz, file)
    return wav


def streamed_clips(stream: BinaryIO, scorer: Scorer, pcm: str | None) -> Iterator[Clip]:
    """The clips of a wav or PCM stream, named by the second at which they start. Raises AudioError
    as `pcm.clips_of` does.
    """
    for number, wav in enumerate(clips_of(stream, scorer.samples, scorer.sample_rate_hz, pcm)):
        name = f"{STANDARD_INPUT} from {number * scorer.samples / scorer.sample_rate_hz:g} s"
        try:
            check_wav(wav, scorer.sample_rate_hz, name)
        except AudioError as error:
            yield Clip(name, None, str(error))
        else:
            yield Clip(name, wav)


def verdicts(clips: Iterable[Clip], scorer: Scorer) -> Iterator[dict[str, Any]]:
    """For each clip its scores, the thresholds, and whether each score makes it an anomaly; or why
    it was skipped.
    """
    for clip in clips:
        scores, problem = _scored(clip, scorer)
        if problem:
            yield {"clip": clip.name, "skipped": problem}
            continue
        yield {
            "clip": clip.name,
            "scores": scores,
            "thresholds": dict(scorer.thresholds),
            "anomaly": {name: score > scorer.thresholds[name] for name, score in scores.items()},
        }


def _scored(clip: Clip, scorer: Scorer) -> tuple[dict[str, float], str]:
    """The scores, or why there are none: one clip that cannot be scored does not end the watch."""
    if clip.wav is None:
        return {}, clip.problem
    try:
        scores = scorer(clip.wav, clip.name)
    except DenoiseError as error:
        return {}, str(error)
    if not all(map(math.isfinite, scores.values())):
        return (
            {},
            (
                "clip: expected samples that can be scored, got a score that is not finite; the"
                f" largest sample is {np.abs(clip.wav).max():g} in {clip.name}. Look at the"
                " microphone."
            ),
        )
    return scores, ""


def as_text(verdict: Mapping[str, Any]) -> str:
    """One line for a reader."""
    clip = in_one_line(verdict["clip"])
    if "skipped" in verdict:
        return f"{clip}: skipped: {verdict['skipped']}"
    said = (
        f"{name} {score:.4g} {'ANOMALY' if verdict['anomaly'][name] else 'normal'} (threshold"
        f" {verdict['thresholds'][name]:.4g})"
        for name, score in verdict["scores"].items()
    )
    return f"{clip}: {', '.join(said)}"
