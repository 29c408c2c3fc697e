"""Nothing breaks it: damages files and lets each be read, and lets commands meet kills, full disks
and each other. Prints a table; exit code 1 if anything but a good result or a line came of it.

``python tests/faults/harness.py --long`` runs the long form, in about an hour.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]

from faults import trials
from faults.commands import COMMANDS
from faults.forks import Forks
from faults.outcomes import LONGEST_LINE, OUTCOMES, Tally
from faults.readers import READERS, REFUSALS, Reader
from faults.trials import Place

from dcase_denoise_plugin.demo.stand_in import lay_out
from dcase_denoise_plugin.errors import DenoiseError

LONGEST_S = 10


class _Hang(BaseException):
    """Reading took longer than `LONGEST_S`."""


def _too_long(*_: object) -> None:
    raise _Hang


def outcome_of(reader: Reader, path: Path) -> tuple[str, str]:
    """What came of reading a file, one of `OUTCOMES`, and what was said."""
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(LONGEST_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader.read(path)
        return "well", ""
    except _Hang:
        return "hang", ""
    except (DenoiseError, *REFUSALS) as error:
        text = str(error)
        is_short = len(text.splitlines()) <= 1 and len(text) <= LONGEST_LINE
        return ("refused" if is_short else "crash"), text[:LONGEST_LINE]
    except Exception as error:
        return "crash", f"{type(error).__name__}: {error}"[:LONGEST_LINE]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def damaged(kind: str, count: int, folder: Path) -> Tally:
    """What came of `count` damaged files of a kind."""
    reader, path, tally = READERS[kind], folder / READERS[kind].name, Tally()
    reader.whole(path)
    whole = path.read_bytes()
    reader.read(path)
    for seed in range(count):
        path.write_bytes(reader.damage(whole, random.Random(f"{kind} {seed}")))
        outcome, said = outcome_of(reader, path)
        tally.count(outcome, f"{kind}, seed {seed}: {said}")
    return tally


# Commands, and of how many of their kinds of operations each fault takes place.
SHARES = {"run": 0.5, "own": 0.3}
MOMENTS = {"run": 20, "train": 20, "monitor": 20, "own": 5, "apply": 5}


def trials_of(part: str, place: Place, scale: float) -> Iterator[tuple[str, Tally]]:
    """Rows of the table: what befell a command, and what came of it."""
    rng, name = random.Random(f"{part} {place.name}"), place.name
    share = SHARES.get(name, 1.0) * scale

    def chained(faults: list[trials.Fault]) -> Tally:
        tally = Tally()
        trials.chains(place, faults, tally)
        return tally

    if part == "kills":
        at = trials.at_operations(place, "kill", SHARES.get(name, 1) * scale, rng)
        yield "killed at a file operation", chained(at)
        moments = round(MOMENTS.get(name, 2) * scale)
        yield "killed at a random moment", chained(trials.at_moments(place, moments, rng))
        cut = round(MOMENTS.get(name, 2) * scale / 2)
        yield "killed in a write", chained(trials.by_size(place, "cut off", cut, rng))
    elif part == "disk":
        for kind in ("full", "read-only"):
            at = trials.at_operations(place, kind, share / 2, rng)
            yield f"{kind} disk from a file operation on", chained(at)
        sizes = trials.by_size(place, "too large", round(10 * scale), rng)
        yield "disk full in a write", chained(sizes)
        few = trials.by_descriptors(place, round(20 * scale))
        yield "few file descriptors", chained(few)
    elif part == "together":
        yield "two at once", trials.at_once(place, round(5 * scale))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="the long form")
    parser.add_argument("--part", choices=PARTS, action="append", help="of it, repeatable")
    parser.add_argument("--command", choices=COMMANDS, action="append", help="repeatable")
    parser.add_argument("--kind", choices=READERS, action="append", help="of file, repeatable")
    arguments = parser.parse_args()
    print(f"| what befell | {' | '.join(OUTCOMES)} | s |")
    print("|---|" + "--:|" * (len(OUTCOMES) + 1), flush=True)
    failures = []
    started = time.monotonic()
    for part in arguments.part or PARTS:
        for what, tally in PARTS[part](1.0 if arguments.long else 0.2, arguments):
            cells = [str(tally.counts[outcome]) for outcome in OUTCOMES]
            seconds = time.monotonic() - started
            print(f"| {what} | {' | '.join(cells)} | {seconds:.0f} |", flush=True)
            failures += tally.failures
            for failure in tally.failures:
                print(failure, file=sys.stderr, flush=True)
            started = time.monotonic()
    print(f"\n{len(failures)} failures")
    return bool(failures)


Rows = Iterator[tuple[str, Tally]]


def _files(scale: float, asked: argparse.Namespace) -> Rows:
    for kind in asked.kind or READERS:
        with tempfile.TemporaryDirectory() as folder:
            count = round((300 if kind == "wav" else 100) * scale)
            yield f"damaged {kind}", damaged(kind, count, Path(folder))


def _of_commands(part: str) -> Callable[[float, argparse.Namespace], Rows]:
    def rows(scale: float, asked: argparse.Namespace) -> Rows:
        with tempfile.TemporaryDirectory() as folder:
            chosen = asked.command or list(COMMANDS)
            modules = dict.fromkeys(each for name in chosen for each in COMMANDS[name].modules)
            with Forks(lay_out(Path(folder, "stand_in")), modules) as forks:
                for name in chosen:
                    place = Place(name, Path(folder), forks)
                    for what, tally in trials_of(part, place, scale):
                        yield f"{name}: {what}", tally

    return rows


PARTS = {"files": _files} | {part: _of_commands(part) for part in ("kills", "disk", "together")}


if __name__ == "__main__":
    sys.exit(main())
