"""What came of a trial, counted."""

from __future__ import annotations

import collections
import dataclasses

OUTCOMES = ("well", "refused", "killed", "wrong", "crash", "hang")
FAILURES = ("wrong", "crash", "hang")
LONGEST_LINE = 1500


@dataclasses.dataclass
class Tally:
    """How often which of `OUTCOMES` came, and what was said of the failures."""

    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)

    def count(self, outcome: str, said: str = "") -> None:
        self.counts[outcome] += 1
        if outcome in FAILURES:
            self.failures.append(said)
