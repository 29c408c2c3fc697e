"""What follows from verdicts: an alarm when enough clips are anomalies, and a word when the sound
has changed for good. Imports no PyTorch and no SciPy.
"""

from __future__ import annotations

import collections
import datetime
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import ConfigError

FALSE_ALARMS = 0.01  # the rate that is promised unless another is asked for
DRIFT_CLIPS, DRIFT_STEP = 200, 10  # looked at after so many more
# Of the Kolmogorov-Smirnov statistic: 7e-6 of the windows of unchanged sound are beyond it, so that
# a year of overlapping ones gives no false word; below the share of it the sound is as before.
DRIFT_LIMIT, DRIFT_END = 2.5, 0.7


class Watcher:
    """Takes verdict after verdict.

    Parameters
    ----------
    name : of the machine.
    after : an alarm is on while so many of the last so many clips are anomalies.
    calibration_clips : how many the p-values rest on; 0 without a calibration.

    Attributes
    ----------
    clips, anomalies, alarms, skipped : counted so far; an alarm counts when it begins.
    is_changed : whether the last clips are not like the calibration's; no alarm begins then.
    """

    def __init__(self, name: str, after: tuple[int, int] = (1, 1), calibration_clips: int = 0):
        self.name, self.clips, self.anomalies, self.alarms, self.skipped = name, 0, 0, 0, 0
        self.after, self._last = after, collections.deque[bool](maxlen=after[1])
        self._p_values = collections.deque[float](maxlen=DRIFT_CLIPS)
        self._calibration_clips = calibration_clips
        self.is_changed = False

    @property
    def is_on(self) -> bool:
        """Whether the last clips make an alarm."""
        return sum(self._last) >= self.after[0]

    def take(
        self, verdict: Mapping[str, Any], now: datetime.datetime
    ) -> tuple[dict[str, Any], list[str]]:
        """The verdict with its time and whether an alarm is on, and the events that it brings:
        "alarm" where one begins, "changed" where the sound is found to have changed.
        """
        taken = {"time": now.isoformat(timespec="seconds"), **verdict}
        if "skipped" in verdict:
            self.skipped += 1
            return taken, []
        events, was_on = [], self.is_on
        is_anomaly = verdict["verdict"] == "anomaly"
        self.clips += 1
        self.anomalies += is_anomaly
        self._last.append(is_anomaly)
        if self.is_on and not was_on and not self.is_changed:
            self.alarms += 1
            events.append("alarm")
        if "p_values" in verdict and self._has_changed(verdict["p_values"][verdict["score"]]):
            events.append("changed")
        return {**taken, "alarm": self.is_on, "changed": self.is_changed}, events

    def _has_changed(self, p_value: float) -> bool:
        """Whether this clip is the first to tell that the sound has changed."""
        self._p_values.append(p_value)
        if len(self._p_values) < DRIFT_CLIPS or self.clips % DRIFT_STEP:
            return False
        beyond = distance_from_normal(self._p_values, self._calibration_clips) / DRIFT_LIMIT
        was_changed = self.is_changed
        self.is_changed = beyond > (DRIFT_END if was_changed else 1)
        return self.is_changed and not was_changed

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.clips} clips, {self.anomalies} anomalies, {self.alarms} alarms,"
            f" {self.skipped} skipped"
        )


def distance_from_normal(p_values: collections.deque[float], calibration_clips: int) -> float:
    """How far p-values are from those of clips like the calibration's: the largest difference of
    the two distributions (Kolmogorov-Smirnov), in units of what chance makes of it.
    """
    ordered, count = np.sort(p_values), len(p_values)
    steps = np.arange(1, calibration_clips + 2) / (calibration_clips + 1)
    share = np.searchsorted(ordered, steps + 1e-9) / count
    return float(np.abs(share - steps).max() / np.sqrt(1 / count + 1 / calibration_clips))


def parsed_after(text: str) -> tuple[int, int]:
    """K and N of ``K/N``. Raises ConfigError if it is none."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    needed, last = map(int, found.groups()) if found else (0, 0)
    if not 1 <= needed <= last:
        raise ConfigError(
            f"--alarm-after: expected K/N with 1 ≤ K ≤ N, such as 3/5, got {text!r}. Correct it."
        )
    return needed, last
