"""Scores clip after clip and gives one verdict a clip, by a calibrated threshold or the baseline's
own. Imports no PyTorch, for machines that have none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import numpy as np

from dcase_denoise_plugin.edge.pcm import STANDARD_INPUT, clips_of
from dcase_denoise_plugin.errors import AudioError, DenoiseError
from dcase_denoise_plugin.quoting import in_one_line
from dcase_denoise_plugin.sound.audio import check_clip, check_file, check_fit, check_rate
from dcase_denoise_plugin.sound.recordings import Clip, Recording

if TYPE_CHECKING:
    from dcase_denoise_plugin.monitor.calibration import Calibration


class Scorer(Protocol):
    """What `trained_baseline.BaselineScorer` and `onnx_model.OnnxScorer` have in common."""

    sample_rate_hz: int
    samples: int
    channels: int
    thresholds: Mapping[str, float]
    name: str
    channel: int | None
    calibration: Mapping[str, Any] | None

    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]: ...


def read_clips(file: Path, scorer: Scorer) -> Iterator[Clip]:
    """The clips that a file gives `scorer`, one, or several where it is longer. Raises AudioError
    for a file that gives none, or has other channels.
    """
    if scorer.channel is None:
        check_file(file, scorer.channels)
    recording = Recording.from_file(file)
    check_rate(recording.sample_rate_hz, scorer.sample_rate_hz, file)
    if recording.samples < scorer.samples:
        check_fit(
            recording.samples, scorer.sample_rate_hz, scorer.samples, scorer.sample_rate_hz, file
        )
    return recording.clips(scorer.samples, scorer.channel)


def streamed_clips(stream: BinaryIO, scorer: Scorer, pcm: str | None) -> Iterator[Clip]:
    """The clips of a wav or PCM stream, named by the second at which they start. Raises AudioError
    as `pcm.clips_of` does.
    """
    cut = clips_of(stream, scorer.samples, scorer.sample_rate_hz, pcm, scorer.channels)
    for number, wav in enumerate(cut):
        name = f"{STANDARD_INPUT} from {number * scorer.samples / scorer.sample_rate_hz:g} s"
        yield checked(name, wav, scorer.sample_rate_hz)


def checked(name: str, wav: np.ndarray, sample_rate_hz: int) -> Clip:
    """The clip, or why it cannot be scored."""
    try:
        check_clip(wav, sample_rate_hz, name)
    except AudioError as error:
        return Clip(name, None, str(error))
    return Clip(name, wav)


def verdicts(
    clips: Iterable[Clip],
    scorer: Scorer,
    calibration: Calibration | None = None,
    score: str | None = None,
) -> Iterator[dict[str, Any]]:
    """For each clip its scores, the thresholds, and whether each score makes it an anomaly; or why
    it was skipped.

    Parameters
    ----------
    calibration : whose thresholds hold, and by which a clip has p-values; None for the baseline's.
    score : the one that decides, without a calibration; None for the first.
    """
    thresholds = dict(calibration.thresholds if calibration else scorer.thresholds)
    deciding = calibration.score if calibration else score or next(iter(thresholds))
    for clip in clips:
        scores, problem = scored(clip, scorer)
        if problem:
            yield {"clip": clip.name, "skipped": problem}
            continue
        anomaly = {name: value > thresholds[name] for name, value in scores.items()}
        yield {
            "clip": clip.name,
            "scores": scores,
            "thresholds": thresholds,
            **({"p_values": calibration.p_values(scores)} if calibration else {}),
            "anomaly": anomaly,
            "score": deciding,
            "verdict": "anomaly" if anomaly[deciding] else "normal",
        }


def scored(clip: Clip, scorer: Scorer) -> tuple[dict[str, float], str]:
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
    """One line for a reader: the score that decides, its verdict, and the other scores."""
    clip = in_one_line(verdict["clip"])
    if "skipped" in verdict:
        return f"{clip}: skipped: {verdict['skipped']}"
    scores, score = verdict["scores"], verdict["score"]
    said = "ANOMALY" if verdict["verdict"] == "anomaly" else "normal"
    p_value = f"p {verdict['p_values'][score]:.2g}, " if "p_values" in verdict else ""
    others = "".join(f", {name} {scores[name]:.4g}" for name in scores if name != score)
    return (
        f"{clip}: {score} {scores[score]:.4g} {said} ({p_value}threshold"
        f" {verdict['thresholds'][score]:.4g}){others}"
    )
