"""How often normal clips raise an alarm, and how many anomalies do, where a rate was promised.

``python -m benchmarks.quality.false_alarms RAW/fan --out DIR`` takes the source domain's training
clips as one's own recordings, under made-up names: most train, the others set the threshold, as
`own` parts them. Target clips train nothing. The labelled test clips of both domains are scored; at
last ten target clips set the threshold in place of the others. An interrupted call goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
import scipy.stats

from benchmarks.options import seeds_option
from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.edge.trained_baseline import BaselineScorer, TrainedBaseline
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.monitor.calibration import (
    ROUNDING,
    Calibration,
    calibrate,
    smallest_rate,
)
from dcase_denoise_plugin.monitor.verdicts import Scorer, scored
from dcase_denoise_plugin.own.clips import clips_of, lay_out_clips
from dcase_denoise_plugin.own.detector import USUAL, plan_of
from dcase_denoise_plugin.own.split import Asked, Split
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.sound.recordings import Clip, Recording, is_sound

RATES = (0.01, 0.05, 0.1)  # the first, or the least that half of the clips can promise
NAME = "mine"
Scores = dict[str, np.ndarray]  # "source normal" … → (clips,)


def own_folders(raw: Path, out: Path, clip_s: float) -> tuple[Asked, dict[str, list[Path]]]:
    """The clips of `raw` as a user's recordings, and those that train nothing, by "<domain>
    <label>" of the test clips and "ten" for target training clips.
    """
    normal, noise = out / "normal", out / "noise"
    others: dict[str, list[Path]] = {}
    for split in ("train", "supplemental", "test"):
        for number, file in enumerate(sorted(filter(is_sound, (raw / split).glob("*")))):
            domain, label = re.search(
                r"(source|target|noise|machine)_?(?:train|test)?_?(\w+?)_", file.name
            ).groups()
            if split == "test":
                others.setdefault(f"{domain} {label}", []).append(file)
            elif domain == "target":
                others.setdefault("ten", []).append(file)
            elif split == "train":
                _link(file, normal / f"shift {number % 3}" / f"Recording ({number}){file.suffix}")
            elif domain == "noise":
                _link(file, noise / f"hall {number}{file.suffix}")
    count = sum(1 for file in normal.rglob("*") if is_sound(file))
    least = max(RATES[0], smallest_rate(count // 2))
    noise_or_none = noise if noise.exists() else None
    return Asked(normal, noise_or_none, None, None, clip_s, 1, least), others


def _link(file: Path, name: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    name.unlink(missing_ok=True)
    name.symlink_to(file.resolve())


def scores_of(scorer: Scorer, clips: Iterable[Clip], score: str) -> np.ndarray:
    """(clips,) by one score. Raises DataError for a clip that cannot be scored."""
    found = []
    for clip in clips:
        values, problem = scored(clip, scorer)
        if problem:
            raise DataError(problem)
        found.append(values[score])
    return np.array(found)


def threshold(normal: np.ndarray, rate: float) -> float:
    """The one that the monitor sets by these scores of normal clips."""
    return Calibration({"": tuple(normal)}, rate, "").thresholds[""]


def expected(normal: int, clips: int, rate: float) -> tuple[int, int]:
    """How many of `clips` like the `normal` ones raise an alarm in 95 of 100 such trials: between
    the quantiles of a beta-binomial, as both are drawn (Vovk 2012).
    """
    allowed = int(rate * (normal + 1) + ROUNDING)
    low, high = scipy.stats.betabinom(clips, allowed, normal + 1 - allowed).interval(0.95)
    return int(low), int(high)


def line(
    said: str, of_seeds: Sequence[tuple[float, Scores]], normal: int = 0, rate: float = 0.0
) -> str:
    """Alarms in each group and F1 over all, means over the seeds, each with its threshold; beside
    the alarms of normal clips how many are `expected` by so many `normal` ones.
    """
    parts, correct, wrong, total = [], 0.0, 0.0, 0
    for group in sorted(of_seeds[0][1]):
        clips = len(of_seeds[0][1][group])
        alarms = float(np.mean([np.count_nonzero(scores[group] > at) for at, scores in of_seeds]))
        parts.append(f"{group} {alarms:.1f} of {clips}")
        if group.endswith("normal"):
            wrong += alarms
            if normal:
                parts[-1] += " (expected {} to {})".format(*expected(normal, clips, rate))
        else:
            correct, total = correct + alarms, total + clips
    f1 = 200 * correct / (correct + wrong + total)
    return f"{said}: {'; '.join(parts)}; F1 {f1:.1f}"


@click.command()
@click.argument("raw", metavar="RAW/MACHINE", type=click.Path(path_type=Path, exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Where runs go.")
@click.option("--clip-s", default=10.0, show_default=True)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="As those of `own`, repeatable."
)
@click.option("--score", default=None, help="[default: as `own` chooses it, in each run]")
@seeds_option
def main(raw, out, clip_s, settings, score, seeds):
    """Print alarms among normal and anomalous test clips of each domain, at each promised rate,
    plain and denoised.
    """
    asked, others = own_folders(raw, out, clip_s)
    split = Split.from_folders(asked)
    plan = plan_of(NAME, out / "work", (*USUAL, *settings))
    arms = ("plain", "denoised")
    runs = {
        arm: [MachineRun(plan, NAME, seed, arm, steps=("train",)) for seed in seeds] for arm in arms
    }
    lay_out_clips(split, runs["plain"][0].raw, 1)
    for error in run_all([run for arm in arms for run in runs[arm]], 1, None).values():
        raise error
    click.echo(", ".join(f"{what} {clips} clips" for what, (_, clips) in split.counts().items()))
    for arm in arms:
        found = [_judged(run, split, others, score) for run in runs[arm]]
        click.echo(f"{arm}: score {', '.join(score for score, *_ in found)}")
        own = [(limit, scores) for _, limit, _, _, scores in found]
        click.echo(line(f"{arm}, the baseline's threshold", own))
        for said, at, rates in (
            ("", 2, (asked.false_alarms, *RATES[1:])),
            (", by ten target clips", 3, RATES[-1:]),
        ):
            for rate in rates if len(found[0][at]) else ():
                by = [(threshold(each[at], rate), each[-1]) for each in found]
                click.echo(line(f"{arm}, {100 * rate:g} %{said}", by, len(found[0][at]), rate))


def _judged(run, split, others, score):
    """The deciding score, the baseline's threshold, and scores: of the clips kept from training,
    of the target clips, of each group of test clips.
    """
    scorer = BaselineScorer(TrainedBaseline.load(run))
    kept = [clip for clip, _ in clips_of(split.calibration, split.samples, 1)]
    score = score or calibrate(scorer, kept, RATES[-1])[0].score
    of_groups = {
        group: scores_of(
            scorer,
            (clip for file in files for clip in Recording.from_file(file).clips(split.samples)),
            score,
        )
        for group, files in others.items()
    }
    few = of_groups.pop("ten", np.zeros(0))
    return score, scorer.thresholds[score], scores_of(scorer, kept, score), few, of_groups


if __name__ == "__main__":
    main()
