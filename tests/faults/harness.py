"""Damages files and lets each be read. ``python tests/faults/harness.py`` runs the long form and
prints its table; exit code 1 if anything but a good reading or a refusal in one line came of it.
"""

from __future__ import annotations

import argparse
import collections
import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[1])]

from faults.readers import READERS, REFUSALS, Reader

from dcase_denoise_plugin.errors import DenoiseError

OUTCOMES = ("read", "refused", "traceback", "long line", "hang")
LONGEST_LINE, LONGEST_S = 1500, 10


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
        return "read", ""
    except _Hang:
        return "hang", ""
    except (DenoiseError, *REFUSALS) as error:
        text = str(error)
        is_short = len(text.splitlines()) <= 1 and len(text) <= LONGEST_LINE
        return ("refused" if is_short else "long line"), text[:LONGEST_LINE]
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"[:LONGEST_LINE]
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tried(kind: str, count: int, folder: Path) -> tuple[collections.Counter[str], list[str]]:
    """How often which outcome came of `count` damaged files of a kind, and what was wrong."""
    reader, path = READERS[kind], folder / READERS[kind].name
    reader.whole(path)
    whole = path.read_bytes()
    reader.read(path)
    counts: collections.Counter[str] = collections.Counter()
    wrong = []
    for seed in range(count):
        path.write_bytes(reader.damage(whole, random.Random(f"{kind} {seed}")))
        outcome, said = outcome_of(reader, path)
        counts[outcome] += 1
        if outcome not in ("read", "refused"):
            wrong.append(f"{kind}, seed {seed}: {outcome}: {said}")
    return counts, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="damaged files of each kind")
    count = parser.parse_args().count
    print(f"| damaged file | {' | '.join(OUTCOMES)} | s |")
    print("|---|" + "--:|" * (len(OUTCOMES) + 1))
    every = []
    for kind in READERS:
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            counts, wrong = tried(kind, count, Path(folder))
        every += wrong
        cells = [str(counts[outcome]) for outcome in OUTCOMES]
        print(f"| {kind} | {' | '.join(cells)} | {time.monotonic() - start:.0f} |", flush=True)
    print("\n".join(["", *every]))
    return bool(every)


if __name__ == "__main__":
    sys.exit(main())
