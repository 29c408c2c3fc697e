"""What an exported file says of itself, in its metadata, as far as it is used."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from dcase_denoise_plugin.files import Text
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS

Count = Annotated[int, msgspec.Meta(ge=1)]
Channels = Annotated[int, msgspec.Meta(ge=1, le=MOST_CHANNELS)]


class DenoiserFacts(msgspec.Struct):
    """Of a denoiser."""

    input: Literal["wav", "log_mel"]
    output: Literal["wav", "log_mel"]
    sample_rate_hz: Count
    samples: Count
    channels: Channels = 1
    hears_far: bool = False


class CalibrationFacts(msgspec.Struct):
    """Of the calibration that a scorer keeps."""

    scores: dict[Text, Annotated[list[float], msgspec.Meta(min_length=1)]]
    false_alarms: Annotated[float, msgspec.Meta(gt=0, lt=1)]
    score: Text


class ScorerFacts(msgspec.Struct):
    """Of a scorer."""

    input: Literal["wav"]
    output: Literal["scores"]
    sample_rate_hz: Count
    samples: Count
    thresholds: Annotated[dict[Text, float], msgspec.Meta(min_length=1)]
    channels: Channels = 1
    hears_far: bool = False
    machine: Text = ""
    channel: Count | None = None
    calibration: CalibrationFacts | None = None

    def __post_init__(self) -> None:
        kept = self.calibration
        if kept and {kept.score, *kept.scores} != {*self.thresholds}:
            raise ValueError("a calibration of other scores than it has thresholds")
