"""The card of a score: its official score in both arms, the difference, and what that shows."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.rows import Row
from dcase_denoise_plugin.figures.tables import (
    Cell,
    Strip,
    bounds,
    mean_and_deviation,
    strip,
    strip_reach,
    written,
)


@dataclasses.dataclass(frozen=True)
class Card:
    """What a card shows.

    Attributes
    ----------
    means : of each arm.
    intervals : over seeds and over clips.
    reach : points that the drawing spans either way.
    verdict : in a sentence.
    """

    means: tuple[str, ...]
    difference: Cell
    intervals: tuple[Cell, Cell]
    strip: Strip | None
    reach: str
    verdict: str


def card(comparison: Comparison) -> Card | None:
    """None without an official score of both arms."""
    official = comparison.official
    if not official:
        return None
    reach = strip_reach([official], cut_seeds=False)
    return Card(
        tuple(written(statistics.mean(official.shown(arm))) for arm in (0, 1)),
        mean_and_deviation(official.differences, signed=True, tone=official.tone),
        (bounds(official.over_seeds), bounds(official.over_clips)),
        strip(official, reach),
        written(reach, 1),
        _verdict(official, comparison.arms),
    )


def _verdict(official: Row, names: Sequence[str]) -> str:
    by_name = {"over seeds": official.over_seeds, "over clips": official.over_clips}
    known = {name: interval for name, interval in by_name.items() if interval}
    if not known:
        return "No interval can be drawn here, so this difference may be chance."
    is_one_seed = len(official.seeds) == 1
    with_zero = [name for name, interval in known.items() if not interval.excludes_zero]
    if with_zero:
        both = len(with_zero) == 2
        which = "both intervals include" if both else f"the interval {with_zero[0]} includes"
        end = " One seed proves nothing by itself." if is_one_seed else ""
        return f"No difference is shown: {which} zero.{end}"
    is_higher = statistics.mean(official.differences) > 0
    side = f"{opening(names[1])} is {'higher' if is_higher else 'lower'}"
    if is_one_seed:
        return f"{side} on these clips, but one seed proves nothing by itself."
    both = len(known) == 2
    which = "both intervals exclude" if both else f"the interval {next(iter(known))} excludes"
    return f"{side}: {which} zero."


def opening(name: str) -> str:
    """`name` as a sentence begins with it; that of a folder stays as it is."""
    return name.capitalize() if name.isalpha() and name.islower() else name
