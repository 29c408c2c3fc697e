"""Nothing breaks it: damages files and lets each be read, and lets commands meet kills, full disks
and each other. Prints a table; exit code 1 if anything but a good result or a line came of it.

``python tests/faults/harness.py`` runs the long form, ``--share 0.1`` a tenth of it.
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
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
Rows = Iterator[tuple[str, Tally]]


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


# Commands, and at how many of their kinds of operations a fault takes place.
SHARES = {"run": 0.7, "own": 0.3}
MOMENTS = {"run": 25, "train": 25, "monitor": 20, "apply": 10, "recalibrate": 10, "own": 5}


def trials_of(place: Place, scale: float) -> Rows:
    """Rows of the table: what befell a command, and what came of it."""
    rng, name = random.Random(place.name), place.name
    share, moments = SHARES.get(name, 1.0) * scale, round(MOMENTS.get(name, 2) * scale)
    sizes = max(2, moments // 2)
    for kind, what in (
        ("kill", "killed at a file operation"),
        ("full", "full disk from a file operation on"),
        ("read-only", "read-only disk from a file operation on"),
    ):
        of_all = share if kind == "kill" else share / 2
        yield what, trials.chains(place, trials.at_operations(place, kind, of_all, rng))
    yield "killed at a random moment", trials.chains(place, trials.at_moments(place, moments, rng))
    for kind, what in (("cut off", "killed in a write"), ("too large", "disk full in a write")):
        yield what, trials.chains(place, trials.by_size(kind, sizes, rng))
    yield "few file descriptors", trials.chains(place, trials.by_descriptors(round(15 * scale)))
    yield "two at once", trials.at_once(place, max(1, round(5 * scale)))


def rows(asked: argparse.Namespace) -> Rows:
    """Every row of the table."""
    scale = asked.share
    with tempfile.TemporaryDirectory() as folder:
        for kind in asked.kind:
            Path(folder, kind).mkdir()
            count = round((300 if kind == "wav" else 100) * scale)
            of_kind = "damaged wav" if kind == "wav" else "other damaged file"
            yield f"{kind}: {of_kind}", damaged(kind, count, Path(folder, kind))
        modules = dict.fromkeys(each for name in asked.command for each in COMMANDS[name].modules)
        with Forks(lay_out(Path(folder, "stand_in")), modules) as forks:
            for name in asked.command:
                place = Place(name, Path(folder), forks)
                for what, tally in trials_of(place, scale):
                    yield f"{name}: {what}", tally


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the long form")
    for option, choices in (("--kind", READERS), ("--command", COMMANDS)):
        parser.add_argument(option, nargs="*", choices=choices, default=list(choices), metavar="")
    failures, counts = [], collections.defaultdict(collections.Counter)
    for what, tally in rows(parser.parse_args()):
        said = ", ".join(f"{count} {outcome}" for outcome, count in tally.counts.items())
        print(f"{what}: {said}", *tally.failures, sep="\n", file=sys.stderr, flush=True)
        failures += tally.failures
        counts[what.partition(": ")[2]] += tally.counts
    print(f"| what befell | tried | {' | '.join(OUTCOMES)} |")
    print("|---|" + "--:|" * (len(OUTCOMES) + 1))
    for what, count in counts.items():
        print(f"| {what} | {count.total()} | {' | '.join(str(count[each]) for each in OUTCOMES)} |")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
