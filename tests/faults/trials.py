"""Commands tried under faults: each call ends well or in one line, and the same command without the
fault then ends with the results of a call that nothing befell.
"""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from faults.commands import COMMANDS, verdicts
from faults.forks import Ended, Forks
from faults.outcomes import LONGEST_LINE, Tally

TIME = len("2026-01-01T00:00:00+00:00")
CHAIN = 5  # calls that something befalls before the one that nothing does


@dataclasses.dataclass(frozen=True)
class Left:
    """What a call left: the bytes of the files that are always the same, the names of all, and the
    lines of the monitor's table, without their times.
    """

    same: dict[str, bytes]
    names: frozenset[str]
    table: list[str]


class Place:
    """A command in a folder of its own, and what it leaves there when nothing befalls it."""

    def __init__(self, name: str, top: Path, call: Forks):
        self.name, self.command, self._forks = name, COMMANDS[name], call
        self.folder, self._given = top / name, top / f"{name}_given"
        self._hits = top / f"{name}_hits"
        self._given.mkdir()
        self.command.inputs(self._given)
        self.renew()
        self.whole = self.call(fault={"kind": "trace", "to": str(self._hits)})
        if not self.is_well(self.whole):
            raise RuntimeError(f"{name}, with nothing wrong: {self.whole}")
        self.sites = tuple(dict.fromkeys(self.hits()))
        self._hits.unlink(missing_ok=True)
        self.left = self._left()

    def renew(self) -> None:
        """The folder as it is before the first call."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self._given, self.folder)

    def call(self, **options: Any) -> Ended:
        return self.calls(options)[0]

    def calls(self, *options: dict[str, Any]) -> list[Ended]:
        """Several at once."""
        common = {"words": self.command.words, "cwd": str(self.folder)}
        self._hits.unlink(missing_ok=True)
        return self._forks(*({**common, **each} for each in options))

    def hits(self) -> list[str]:
        """The operations that the last call's fault noted."""
        return self._hits.read_text().splitlines() if self._hits.exists() else []

    def fault(self, kind: str, sites: Sequence[str], **more: Any) -> dict[str, Any]:
        return {"kind": kind, "to": str(self._hits), "sites": tuple(sites), **more}

    def is_well(self, ended: Ended) -> bool:
        return ended.status == 0 or (self.name == "monitor" and ended.status == 1)

    def wrong(self, ended: Ended) -> str:
        """What is wrong after a call that nothing befell; empty if nothing is."""
        if not self.is_well(ended):
            return f"status {ended.status}: {ended.said[-600:]} {ended.complained[-600:]}"
        if verdicts(ended.said) != verdicts(self.whole.said):
            return "other verdicts"
        left = self._left()
        other = sorted(
            name
            for name in left.same.keys() | self.left.same.keys()
            if left.same.get(name) != self.left.same.get(name)
        )
        names = sorted(left.names ^ self.left.names)
        if self.name == "monitor" and _misfit(left.table, self.left.table):
            return f"other lines in the table: {left.table}"
        return f"other bytes in {other}, other files {names}" if other or names else ""

    def _left(self) -> Left:
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        same = {
            str(path.relative_to(self.folder)): path.read_bytes()
            for pattern in self.command.same
            for path in self.folder.glob(pattern)
        }
        names = (str(path.relative_to(self.folder)) for path in files)
        table = self.folder / "a.csv"
        lines = table.read_text().splitlines() if table.exists() else []
        return Left(
            same,
            frozenset(name for name in names if not name.endswith((".lock", ".pyc"))),
            [line[TIME:] if number else line for number, line in enumerate(lines)],
        )


def _misfit(table: list[str], whole: list[str]) -> bool:
    """Whether a table is not the whole one, with lines of killed calls before its last lines."""
    header, *lines = whole
    earlier = table[1 : -len(lines)]
    return (
        table[:1] != [header]
        or table[-len(lines) :] != lines
        or not all(any(line.startswith(cut) for line in lines) for cut in earlier)
    )


def complaint(ended: Ended) -> str:
    """What is wrong with how a call ended that something befell; empty if nothing is."""
    text = ended.said + ended.complained
    if ended.status is None:
        return "hang"
    if "Traceback" in text or "Exception ignored" in text:
        return "traceback"
    errors = [line for line in text.splitlines() if line.startswith("dcase-denoise: ")]
    errors = [line for line in errors if not line.startswith("dcase-denoise: warning: ")]
    if len(errors) > 1 or (ended.status == 2 and not errors):
        return "not one line"
    if any(len(line) > LONGEST_LINE for line in errors):
        return "long line"
    return "" if ended.status in (0, 1, 2, -9, -25) else f"status {ended.status}"


Fault = Callable[[], dict[str, Any] | None]  # options of a call; None for no more of them


def chains(place: Place, faults: Sequence[Fault]) -> Tally:
    """Lets the faults befall the command one after the other in one folder, then nothing; that call
    must end as if nothing ever had.
    """
    tally = Tally()
    for start in range(0, len(faults), CHAIN):
        place.renew()
        befell = []
        for fault in faults[start : start + CHAIN]:
            options = fault()
            if options is None:
                continue
            ended = place.call(**options)
            befell.append(options)
            _count(tally, place, ended, str(options))
        if wrong := place.wrong(place.call()):
            tally.count("wrong", f"{place.name} after {befell}: {wrong}")
    return tally


def _count(tally: Tally, place: Place, ended: Ended, what: str) -> None:
    """Counts what came of a call that something befell."""
    wrong = complaint(ended)
    if not wrong and ended.status == 0 and place.name != "monitor":
        wrong = place.wrong(ended)
    if wrong:
        outcome = "hang" if wrong == "hang" else "crash"
    elif place.is_well(ended):
        outcome = "well"
    else:
        outcome = "killed" if (ended.status or 0) < 0 else "refused"
    tally.count(
        outcome, f"{place.name}, {what}: {wrong}: {ended.said[-900:]} {ended.complained[-900:]}"
    )


def at_operations(place: Place, kind: str, share: float, rng: random.Random) -> list[Fault]:
    """One fault for each kind of operation, or for a share of them; a chain meets its own in the
    order in which they come.
    """
    sites = [site for site in place.sites if rng.random() < share] or [place.sites[0]]
    count = -(-len(sites) // CHAIN)
    faults: list[Fault] = []
    for first in range(count):
        left = sites[first::count]
        for number in range(len(left)):
            faults.append(_next_of(place, kind, left, number % 2 == 0))
        faults += [lambda: None] * (CHAIN - len(left))
    return faults


def _next_of(place: Place, kind: str, left: list[str], whole: bool) -> Fault:
    def fault() -> dict[str, Any] | None:
        for hit in place.hits():  # of the chain's last call
            if hit in left:
                left.remove(hit)
        more = {"whole": whole} if kind == "kill" else {}
        return {"fault": place.fault(kind, left, **more)} if left else None

    return fault


def at_moments(place: Place, count: int, rng: random.Random) -> list[Fault]:
    """Kills at random moments."""
    moments = [rng.uniform(0, place.whole.seconds) for _ in range(count)]
    return [lambda moment=moment: {"kill_after_s": moment} for moment in moments]


def by_size(kind: str, count: int, rng: random.Random) -> list[Fault]:
    """Files that cannot grow beyond a random size."""
    sizes = [int(10 ** rng.uniform(0, 5)) for _ in range(count)]
    return [lambda size=size: {"fault": {"kind": kind, "most_bytes": size}} for size in sizes]


def by_descriptors(count: int) -> list[Fault]:
    return [
        lambda free=free: {"fault": {"kind": "descriptors", "free": free}} for free in range(count)
    ]


def at_once(place: Place, count: int) -> Tally:
    """Two calls of a command at once, `count` times, then one alone."""
    tally = Tally()
    for _ in range(count):
        place.renew()
        for ended in place.calls({}, {}):
            _count(tally, place, ended, "two at once")
        if wrong := place.wrong(place.call()):
            tally.count("wrong", f"{place.name}, after two at once: {wrong}")
    return tally
