"""How often normal clips raise an alarm, and how many anomalies do, where a rate was promised.

``python -m benchmarks.quality.false_alarms RAW/fan --out DIR`` takes the source domain's training
clips as one's own recordings, under made-up names: most train, the others set the threshold, as
`own` parts them. Target clips train nothing. The labelled test clips of both domains are scored;
then ten target clips set the threshold, or half of a domain's normal test clips, drawn at random.
An interrupted call goes on.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import click
import numpy as np
import scipy.stats

from benchmarks.options import seeds_option
from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.run_record import findings_of
from dcase_denoise_plugin.edge.trained_baseline import BaselineScorer, TrainedBaseline
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.monitor.calibration import (
    ROUNDING,
    Calibration,
    calibrate,
    clips_needed,
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
UNCHANGED = "handed over as they are"  # in what the stage says it found
DRAWS = 400
HEAD = """| threshold by | expected | false alarms | anomalies found | F1 |
|---|---|---|---|---|"""
Scores = Mapping[str, np.ndarray]  # "source normal" … → (clips,)
Shares = Mapping[str, float]  # "source normal" … → alarms among its clips


@dataclasses.dataclass(frozen=True)
class Judged:
    """What one trained detector says.

    Attributes
    ----------
    score : the one that decides.
    limit : the baseline's threshold of it.
    kept, few : (clips,) of the clips that set the threshold, and of ten target clips.
    tests : of each group of test clips.
    """

    score: str
    limit: float
    kept: np.ndarray
    few: np.ndarray
    tests: Scores


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


def alarms(tests: Scores, at: float) -> Shares:
    """The share of alarms in each group of clips."""
    return {group: float(np.mean(scores > at)) for group, scores in tests.items()}


def alarms_by_halves(tests: Scores, rate: float, rng: np.random.Generator) -> Shares:
    """The same where half of a domain's normal clips sets its threshold; a mean over draws."""
    shares: dict[str, float] = {}
    for domain in sorted({group.split()[0] for group in tests}):
        normal, faulty = tests[f"{domain} normal"], tests[f"{domain} anomaly"]
        found = []
        for _ in range(DRAWS):
            drawn = rng.permutation(normal)
            at = threshold(drawn[: len(drawn) // 2], rate)
            found.append((np.mean(drawn[len(drawn) // 2 :] > at), np.mean(faulty > at)))
        of_normal, of_faulty = np.mean(found, axis=0)
        shares |= {f"{domain} normal": float(of_normal), f"{domain} anomaly": float(of_faulty)}
    return shares


def f1(shares: Shares, clips: Mapping[str, int]) -> float:
    """Percent, over all groups."""
    counts = {group: share * clips[group] for group, share in shares.items()}
    faulty = [group for group in clips if group.endswith("anomaly")]
    correct = sum(counts[group] for group in faulty)
    return 200 * correct / (sum(counts.values()) + sum(clips[group] for group in faulty))


def row(
    said: str, of_seeds: Sequence[Shares], clips: Mapping[str, int], normal: int = 0, rate=0.0
) -> str:
    """A table's row: percent, mean ± standard deviation over the seeds, by domain; beside the
    alarms of normal clips how many are `expected` by so many `normal` ones.
    """

    def shown(values: Sequence[float]) -> str:
        return f"{np.mean(values):.0f} ± {np.std(values, ddof=len(values) > 1):.0f}"

    def by_domain(label: str) -> str:
        groups = sorted(group for group in clips if group.endswith(label))
        return ", ".join(shown([100 * shares[group] for shares in of_seeds]) for group in groups)

    spans = ""
    if normal:
        of_group = clips["source normal"]
        spans = "–".join(f"{100 * n / of_group:.0f}" for n in expected(normal, of_group, rate))
    cells = [said, spans, by_domain("normal"), by_domain("anomaly")]
    return f"| {' | '.join([*cells, shown([f1(shares, clips) for shares in of_seeds])])} |"


def table(of_seeds: Sequence[Judged], least: float, seed: int = 0) -> list[str]:
    """One arm's rows; `least` is the smallest promised rate, `seed` draws the halves."""
    clips = {group: len(scores) for group, scores in of_seeds[0].tests.items()}
    rows = [HEAD]
    for what, by in (("usual clips", "kept"), ("ten changed clips", "few")):
        normal = len(getattr(of_seeds[0], by))
        for rate in (least, *RATES[1:]):
            if normal >= clips_needed(rate):
                shares = [alarms(one.tests, threshold(getattr(one, by), rate)) for one in of_seeds]
                rows.append(row(f"{what}, {100 * rate:.2g} %", shares, clips, normal, rate))
    rng = np.random.default_rng(seed)
    halves = [alarms_by_halves(one.tests, RATES[-1], rng) for one in of_seeds]
    rows.append(row(f"half of the test's normal clips, {100 * RATES[-1]:.2g} %", halves, clips))
    by_rule = [alarms(one.tests, one.limit) for one in of_seeds]
    return [*rows, row("the baseline's threshold rule", by_rule, clips)]


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
    plain and denoised; plain alone where the stage hands clips over as they are.
    """
    asked, others = own_folders(raw, out, clip_s)
    split = Split.from_folders(asked)
    plan, _ = plan_of(NAME, out / "work", (*USUAL, *settings))
    click.echo(", ".join(f"{what} {clips} clips" for what, (_, clips) in split.counts().items()))
    lay_out_clips(split, MachineRun(plan, NAME, seeds[0], "plain").raw, 1)
    arms = {
        arm: [MachineRun(plan, NAME, seed, arm, steps=("train",)) for seed in seeds]
        for arm in ("denoised", "plain")
    }
    _train(arms["denoised"][:1])
    said = findings_of(arms["denoised"][0])
    click.echo(said)
    if UNCHANGED in said:
        del arms["denoised"]
    for arm, runs in arms.items():
        _train(runs)
        found = [_judged(run, split, others, score) for run in runs]
        click.echo(f"\n{arm}, score {', '.join(one.score for one in found)}:\n")
        click.echo("\n".join(table(found, asked.false_alarms)))


def _train(runs):
    for error in run_all(runs, 1, None).values():
        raise error


def _judged(run, split, others, score):
    """What the detector of `run` says of the clips kept from training and of the test clips."""
    scorer = BaselineScorer(TrainedBaseline.load(run))
    kept = [clip for clip, _ in clips_of(split.calibration, split.samples, 1)]
    score = score or calibrate(scorer, kept, RATES[-1])[0].score
    tests = {
        group: scores_of(
            scorer,
            (clip for file in files for clip in Recording.from_file(file).clips(split.samples)),
            score,
        )
        for group, files in others.items()
    }
    few = tests.pop("ten", np.zeros(0))
    return Judged(score, scorer.thresholds[score], scores_of(scorer, kept, score), few, tests)


if __name__ == "__main__":
    main()
