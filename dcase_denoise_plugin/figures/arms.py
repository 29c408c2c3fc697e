"""Which folders the arms of a comparison are: by score, from what the user names."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dcase_denoise_plugin.checkout.machine_run import ARMS, SCORES, MachineRun
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.result_tables import result_tables
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.names import DENOISED_SUFFIX


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison: what to call it, its results folders by score, and the (machine
    type, seed) to report, None for all that is there.
    """

    name: str
    folders: Mapping[str, Path]
    only: Collection[tuple[str, int]] | None = None

    def results(self, score: str) -> Results | None:
        """What lies in the folder of `score`, or None without one."""
        folder = self.folders.get(score)
        return Results.read(folder, score, self.only) if folder else None


def arm_of_runs(name: str, runs: Sequence[MachineRun]) -> Arm:
    """Runs of one arm as a side of a comparison."""
    folders = {score: runs[0].folder(score) for score in SCORES}
    return Arm(name, folders, {(run.machine, run.seed) for run in runs})


def arms_of_runs(runs: Sequence[MachineRun]) -> list[Arm]:
    """Plain and denoised runs as the sides of a comparison, those that there are."""
    by_arm = {arm: [run for run in runs if run.arm == arm] for arm in ARMS["compare"]}
    return [arm_of_runs(name, own) for name, own in by_arm.items() if own]


def arms_of_checkout(results: Path, export_dir: str) -> tuple[Arm, Arm]:
    """The plain and the denoised side, as ``run_all.sh`` lays them out below ``results/dev_data``.

    Raises
    ------
    RunError
        If there is no results folder of either.
    """
    folders = [_by_score(results, stem) for stem in (export_dir, export_dir + DENOISED_SUFFIX)]
    if not any(folders):
        raise RunError(
            f"report: expected results folders such as {export_dir}_MSE and"
            f" {export_dir}{DENOISED_SUFFIX}_MSE, got none in {results}. Run ./run_all.sh -d"
            " compare first, or name two folders to dcase-denoise compare."
        )
    first, second = (Arm(name, found) for name, found in zip(ARMS["compare"], folders))
    return first, second


def arms_of_folders(first: Path, second: Path, names: Sequence[str] = ()) -> tuple[Arm, Arm]:
    """The two sides that a user names; `names` default to what tells the folders apart.

    Raises
    ------
    RunError
        If one of them is no results folder, or they have no score in common.
    """
    sides = [_side(Path(path)) for path in (first, second)]
    if len(sides[0]) == len(sides[1]) == 1 and not sides[0].keys() & sides[1].keys():
        raise RunError(
            f"compare: expected two folders of one score, got {next(iter(sides[0]))} and"
            f" {next(iter(sides[1]))} in {first} and {second}. Name two folders of the same score."
        )
    one, other = names or _told_apart(first, second)
    return Arm(one, sides[0]), Arm(other, sides[1])


def _side(path: Path) -> dict[str, Path]:
    """Folders by score: of one that holds CSVs itself, of one that holds such folders, or of a name
    that lacks its score.
    """
    if path.is_dir() and _holds_results(path):
        return {
            next((score for score in SCORES if path.name.endswith(f"_{score}")), "scores"): path
        }
    inside = sorted(
        {
            folder.name.removesuffix(f"_{score}")
            for score in SCORES
            for folder in path.glob(f"*_{score}")
            if _holds_results(folder)
        }
    )
    if len(inside) > 1:
        raise RunError(
            f"compare: expected the results of one system, got {', '.join(inside)} in {path}. Name"
            f" one of them, such as {path / inside[0]}."
        )
    found = _by_score(path, inside[0]) if inside else _by_score(path.parent, path.name)
    if not found:
        raise RunError(
            "compare: expected a results folder of the baseline with anomaly_score_*.csv or"
            f" result_*_roc.csv, got none in {path}. Name one such as"
            " results/dev_data/baseline_MSE."
        )
    return found


def _by_score(results: Path, stem: str) -> dict[str, Path]:
    return {
        score: results / f"{stem}_{score}"
        for score in SCORES
        if (results / f"{stem}_{score}").is_dir()
    }


def _holds_results(folder: Path) -> bool:
    return folder.is_dir() and bool(result_tables(folder))


def _told_apart(first: Path, second: Path) -> tuple[str, str]:
    """The last parts of both paths, from the right, up to the one that differs."""
    parts = [Path(path).absolute().parts for path in (first, second)]
    if parts[0] == parts[1]:
        return f"{first.name} (A)", f"{second.name} (B)"
    return next((left, right) for left, right in zip(*map(reversed, parts)) if left != right)
