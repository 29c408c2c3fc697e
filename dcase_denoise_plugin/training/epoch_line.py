"""The line after each epoch of a denoiser's training: written by the loop, read from logs by runner
and report.
"""

from __future__ import annotations

import dataclasses
import datetime
import re

_LINE = re.compile(
    r"denoiser (?P<machine_type>\S+): epoch (?P<epoch>\d+)/(?P<epochs>\d+)  loss (?P<loss>[\d.]+)"
    r"  (?P<clips_per_s>[\d.]+) clips/s  ETA (?:(?P<days>\d+) days?, )?(?P<clock>\d+:\d\d:\d\d)"
)


@dataclasses.dataclass(frozen=True)
class EpochLine:
    """One epoch of a training.

    Attributes
    ----------
    epoch : from 1.
    loss : mean over the pairs of the epoch.
    left_s : estimated seconds until the training ends.
    """

    machine_type: str
    epoch: int
    epochs: int
    loss: float
    clips_per_s: float
    left_s: float

    def __str__(self) -> str:
        left = datetime.timedelta(seconds=round(self.left_s))
        return (
            f"denoiser {self.machine_type}: epoch {self.epoch}/{self.epochs}  loss {self.loss:.5f}"
            f"  {self.clips_per_s:.1f} clips/s  ETA {left}"
        )

    @classmethod
    def from_text(cls, text: str) -> EpochLine | None:
        """The epoch that a line of a log tells of, rounded as it was written; None if none."""
        found = _LINE.search(text)
        if not found:
            return None
        hours, minutes, seconds = map(int, found["clock"].split(":"))
        return cls(
            found["machine_type"],
            int(found["epoch"]),
            int(found["epochs"]),
            float(found["loss"]),
            float(found["clips_per_s"]),
            ((int(found["days"] or 0) * 24 + hours) * 60 + minutes) * 60 + seconds,
        )
