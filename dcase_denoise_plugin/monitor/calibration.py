"""A threshold with a promise: the scores of normal clips that no training has seen say how rarely a
normal clip scores as high. Imports no PyTorch and no SciPy.

Source: Vovk, Gammerman, Shafer 2005 (conformal prediction); Bates et al. 2023 (its p-values for
outliers).
"""

from __future__ import annotations

import bisect
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import ConfigError, DataError
from dcase_denoise_plugin.monitor import faults
from dcase_denoise_plugin.monitor.verdicts import Scorer, scored
from dcase_denoise_plugin.sound.audio import check_rate as check_rate_of
from dcase_denoise_plugin.sound.recordings import Clip, Recordings, Sample
from dcase_denoise_plugin.sound.wav_header import check_channels

# Rates such as 0.05 are no binary fractions: 0.05 * 20 must be 1.
ROUNDING = 1e-9
# By which the deciding score is chosen: faults of these levels on so many of the normal clips.
FAULTY_CLIPS = 16
FAULT_LEVELS_DB = (-20.0, -10.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What normal clips score, and the rate of false alarms that is promised by it.

    The promise holds for clips that are like these ones: on average over all that might have been
    kept for this, a normal clip scores above the threshold with at most that probability.

    Attributes
    ----------
    scores : score → its values for the normal clips.
    false_alarms : the promised rate, between 0 and 1.
    score : the one that decides.

    Raises
    ------
    ConfigError
        If the rate is none, or there is no such score.
    DataError
        If there are too few clips to promise it.
    """

    scores: Mapping[str, Sequence[float]]
    false_alarms: float
    score: str

    def __post_init__(self) -> None:
        check_rate(self.false_alarms)
        check_enough(self.clips, self.false_alarms)
        check_score(self.score, self.scores)
        ordered = {name: tuple(sorted(values)) for name, values in self.scores.items()}
        object.__setattr__(self, "scores", ordered)

    @property
    def clips(self) -> int:
        return min(map(len, self.scores.values()))

    @property
    def thresholds(self) -> dict[str, float]:
        """Score → value above which a clip is an anomaly: its p-value is at most `false_alarms`."""
        allowed = math.floor(self.false_alarms * (self.clips + 1) + ROUNDING)
        return {name: values[-allowed] for name, values in self.scores.items()}

    def p_values(self, scores: Mapping[str, float]) -> dict[str, float]:
        """Score → how likely a normal clip scores as high, from 1 / (clips + 1) to 1."""
        return {
            name: (1 + self.clips - bisect.bisect_left(self.scores[name], value)) / (self.clips + 1)
            for name, value in scores.items()
        }

    def __str__(self) -> str:
        return (
            f"{self.score} above {self.thresholds[self.score]:.4g} is an anomaly; by {self.clips}"
            f" normal clips, at most {100 * self.false_alarms:g} % of normal ones are"
        )

    def as_facts(self) -> dict[str, Any]:
        """For a file's metadata."""
        return dataclasses.asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any], **asked: Any) -> Calibration:
        """Out of a file's metadata, as `OnnxModel` has checked them, with what the user has `asked`
        for in place of what it says. Raises ConfigError or DataError if what is asked for cannot
        be.
        """
        kept = {field.name: facts[field.name] for field in dataclasses.fields(cls)}
        return cls(**{**kept, **asked})


def check_rate(false_alarms: float) -> None:
    """Raises ConfigError for a rate that nobody can promise or nobody wants."""
    if not 0 < false_alarms < 1:
        raise ConfigError(
            f"--false-alarms: expected a rate above 0 and below 1, got {false_alarms:g}. Ask for"
            " 0.01 for one normal clip in a hundred."
        )


def check_score(score: str, known: Iterable[str]) -> None:
    """Raises ConfigError for a score that there is not."""
    if score not in known:
        raise ConfigError(
            f"--score: expected one of {', '.join(known)}, got {score}. Correct the name."
        )


def clips_needed(false_alarms: float) -> int:
    """The fewest normal clips that can promise this rate."""
    return math.ceil(1 / false_alarms - ROUNDING) - 1


def check_enough(
    clips: int, false_alarms: float, of: str = "clips to calibrate with", each: int = 1
) -> None:
    """Raises DataError if so many normal clips cannot promise this rate; one more takes `each`
    recorded.
    """
    needed = clips_needed(false_alarms)
    if clips < needed:
        least = f", or ask for {smallest_rate(clips):g}, the least that these can" if clips else ""
        raise DataError(
            f"--false-alarms: expected at least {needed} normal clips to promise"
            f" {false_alarms:g}, got {clips} {of}. Record {each * (needed - clips)} more{least}."
        )


def smallest_rate(clips: int) -> float:
    """The least rate that so many normal clips can promise, rounded up to two digits."""
    rate = 1 / (clips + 1)
    step = 10.0 ** (math.floor(math.log10(rate)) - 1)
    return math.ceil(rate / step - ROUNDING) * step


def calibrate(
    scorer: Scorer, clips: Iterable[Clip], false_alarms: float, score: str | None = None
) -> tuple[Calibration, list[str], list[np.ndarray]]:
    """Scores normal `clips` that no training has seen; also returns why some were left out, and the
    waveforms of some, drawn at random.

    Without a `score`, the one decides that finds more known faults in those.

    Raises
    ------
    ConfigError
        If the rate or the score is none.
    DataError
        If there are too few clips to promise the rate.
    """
    check_rate(false_alarms)
    if score:
        check_score(score, scorer.thresholds)
    found: dict[str, list[float]] = {name: [] for name in scorer.thresholds}
    problems, sample = [], Sample(FAULTY_CLIPS)
    for clip in clips:
        scores, problem = scored(clip, scorer)
        if clip.wav is None or problem:
            problems.append(f"{clip.name}: {problem}")
            continue
        sample.offer(clip.wav)
        for name, value in scores.items():
            found[name].append(value)
    calibration = Calibration(found, false_alarms, score or next(iter(found)))
    if not score:
        caught = caught_faults(scorer, calibration, sample.kept)
        best = max(found, key=lambda name: sum(caught[name].values()))
        calibration = dataclasses.replace(calibration, score=best)
    return calibration, problems, sample.kept


def normal_clips(folder: Path, scorer: Scorer) -> Iterator[Clip]:
    """The clips that the recordings under `folder` give.

    Raises
    ------
    DataError
        If there are none.
    AudioError
        If they have another rate or other channels than `scorer` takes.
    """
    recordings = Recordings.from_folder(
        folder, scorer.samples / scorer.sample_rate_hz, "normal recordings"
    )
    first = recordings.found[0]
    check_rate_of(first.sample_rate_hz, scorer.sample_rate_hz, first.path)
    yield from (Clip(line, None, "left out") for line in recordings.left_out)
    for recording in recordings.found:
        if scorer.channel is None:
            check_channels(recording.channels, scorer.channels, recording.path)
        yield from recording.clips(scorer.samples, scorer.channel)


def caught_faults(
    scorer: Scorer,
    calibration: Calibration,
    clips: Sequence[np.ndarray],
    levels_db: Sequence[float] = FAULT_LEVELS_DB,
) -> dict[str, dict[tuple[str, float], float]]:
    """Score → (kind, level in dB above the clip) → share of `clips` that is an anomaly with this
    fault added, to the near one of two channels.
    """
    rng, thresholds = np.random.default_rng(0), calibration.thresholds
    caught: dict[str, dict[tuple[str, float], float]] = {name: {} for name in thresholds}
    for kind in faults.KINDS:
        for level_db in levels_db:
            found = dict.fromkeys(thresholds, 0)
            for clip in clips:
                near, faulty = clip.reshape(len(clip), -1)[:, 0], clip.astype(float)
                added = faults.fault(kind, near, level_db, rng, scorer.sample_rate_hz)
                faulty.reshape(len(clip), -1)[:, 0] += added
                scores = scorer(faulty.astype(np.float32), kind)
                for name, value in scores.items():
                    found[name] += value > thresholds[name]
            for name, count in found.items():
                caught[name][kind, level_db] = count / len(clips)
    return caught
