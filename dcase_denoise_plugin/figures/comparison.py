"""The comparison: one or two arms under one score, with every figure, difference and interval. The
screen, CSV, Markdown, JSON, the page and studies only show it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.arms import arms_of_runs
from dcase_denoise_plugin.figures.figures_of_merit import max_fpr_in
from dcase_denoise_plugin.figures.intervals import REPLICATES
from dcase_denoise_plugin.figures.results import Remark, Results
from dcase_denoise_plugin.figures.rows import (
    ALL_MACHINES,
    OF_F1,
    OFFICIAL_SCORE,
    Row,
    rows_of_machine,
)
from dcase_denoise_plugin.figures.run_figures import (
    MEAN_OF_AUCS,
    ClipDraws,
    RunFigures,
    draw_clips,
    over_machines,
    run_figures,
)

# What one arm has: figures by machine type, then by seed.
ArmFigures = Mapping[str, Mapping[int, RunFigures]]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All rows under one score.

    Attributes
    ----------
    arms : what they are called.
    results : what each arm left; None for one that left nothing under this score.
    rows : AUCs first, machine by machine, `ALL_MACHINES` last; then F1 in the same way.
    """

    score: str
    arms: tuple[str, ...]
    results: tuple[Results | None, ...]
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...]

    @property
    def auc_rows(self) -> list[Row]:
        return [row for row in self.rows if row.metric not in OF_F1]

    @property
    def f1_rows(self) -> list[Row]:
        return [row for row in self.rows if row.metric in OF_F1]

    def row(self, machine: str, metric: str) -> Row | None:
        """The row of a machine type (or `ALL_MACHINES`), if there is one."""
        found = (row for row in self.rows if (row.machine, row.metric) == (machine, metric))
        return next(found, None)

    @property
    def official(self) -> Row | None:
        """The row of the official score, if every arm has one."""
        row = self.row(ALL_MACHINES, OFFICIAL_SCORE)
        return row if row and row.seeds else None

    @property
    def compared_machines(self) -> list[str]:
        """Those that `official` rests on."""
        paired = [row.machine for row in self.rows if row.seeds and row.machine != ALL_MACHINES]
        return list(dict.fromkeys(paired))

    @property
    def runs(self) -> list[tuple[str, int]]:
        """(machine type, seed) of all that any arm left something of, sorted."""
        return sorted({run for results in self.results if results for run in results.runs})

    @property
    def machines(self) -> list[str]:
        """The machine types of `runs`."""
        return list(dict.fromkeys(machine for machine, _ in self.runs))


def compare_runs(runs: Sequence[MachineRun], score: str) -> Comparison:
    """Compares finished runs, without the intervals over clips, which take a while.

    Raises
    ------
    RunError
        If a run's table of AUCs is missing or not the baseline's.
    """
    arms = arms_of_runs(runs)
    names, results = [arm.name for arm in arms], [arm.results(score) for arm in arms]
    max_fpr = max_fpr_in(runs[0].plan.settings)
    comparison = compare(score, names, results, max_fpr, replicates=0)
    for run in runs:
        arm = names.index(run.arm)
        own, row = results[arm], comparison.row(run.machine, MEAN_OF_AUCS)
        is_stated = own is not None and (run.machine, run.seed) in own.stated
        if not is_stated or row is None or run.seed not in row.values[arm]:
            raise RunError(
                f"result: expected AUC and pAUC from the baseline's test of {run}, got none in"
                f" {run.roc(score)}. Remove the file and run again."
            )
    return comparison


def compare(
    score: str,
    names: Sequence[str],
    results: Sequence[Results | None],
    max_fpr: float,
    replicates: int = REPLICATES,
) -> Comparison:
    """Compares one or two arms under one score. Whatever is missing becomes a remark, and the rest
    stands.

    Parameters
    ----------
    results : what each of the arms `names` left; None for one that left nothing.
    replicates : of the bootstrap over test clips; 0 leaves out the intervals over clips.
    """
    present = [one for one in results if one]
    machines = sorted({machine for one in present for machine, _ in one.runs})
    draws = {machine: draw_clips(machine, present, replicates) for machine in machines}
    arms = [_arm_figures(one, draws, max_fpr) for one in results]
    paired = [machine for machine in machines if _paired_seeds(arms, [machine])]
    with_intervals = {machine: bool(draws[machine].weights) for machine in machines}
    with_intervals[ALL_MACHINES] = all(with_intervals[machine] for machine in paired)
    together = [{**arm, ALL_MACHINES: _together(arm, arms, paired)} for arm in arms]
    rows = []
    for machine in (*machines, ALL_MACHINES):
        by_seed = [
            {seed: found for seed, found in arm.get(machine, {}).items() if found.by_metric}
            for arm in together
        ]
        rows += rows_of_machine(machine, by_seed, with_intervals[machine])
    rows.sort(key=lambda row: row.metric in OF_F1)  # stable: machine by machine within each
    remarks = [
        *(remark for one in present for remark in one.remarks),
        *_missing_arms(score, names, results),
        *_notes(score, draws, results, arms),
        *(_unpaired_seeds(score, names, machines, arms) if len(present) > 1 else ()),
        *_left_out(score, machines, paired, arms),
    ]
    return Comparison(
        score, tuple(names), tuple(results), tuple(rows), tuple(dict.fromkeys(remarks))
    )


def _arm_figures(
    results: Results | None, draws: Mapping[str, ClipDraws], max_fpr: float
) -> ArmFigures:
    found: dict[str, dict[int, RunFigures]] = {}
    if results is None:
        return found
    for machine, seed in results.runs:
        figures = run_figures(results, (machine, seed), draws[machine], max_fpr)
        found.setdefault(machine, {})[seed] = figures
    return found


def _seeds(arm: ArmFigures, machine: str) -> set[int]:
    """Those that the arm has figures of."""
    return {seed for seed, found in arm.get(machine, {}).items() if found.by_metric}


def _paired_seeds(arms: Sequence[ArmFigures], machines: Sequence[str]) -> list[int]:
    """Those of which every arm has figures of all `machines`."""
    if not machines:
        return []
    return sorted(set.intersection(*(_seeds(arm, machine) for arm in arms for machine in machines)))


def _together(
    arm: ArmFigures, arms: Sequence[ArmFigures], machines: Sequence[str]
) -> dict[int, RunFigures]:
    """The arm's figures over all `machines`, with the official score, by paired seed."""
    found = {}
    for seed in _paired_seeds(arms, machines):
        means = over_machines([arm[machine][seed] for machine in machines])
        figures = dict(means.by_metric)
        figures[OFFICIAL_SCORE] = figures.pop(MEAN_OF_AUCS)
        found[seed] = RunFigures(figures, means.all_called)
    return found


def _missing_arms(
    score: str, names: Sequence[str], results: Sequence[Results | None]
) -> Iterator[Remark]:
    for name, one in zip(names, results):
        if one is None:
            yield Remark(f"no results of {name} under this score.", score)


def _notes(
    score: str,
    draws: Mapping[str, ClipDraws],
    results: Sequence[Results | None],
    arms: Sequence[ArmFigures],
) -> Iterator[Remark]:
    """What was noted of machine types and of single runs."""
    for machine, drawn in draws.items():
        if drawn.note:
            yield Remark(f"{machine}: {drawn.note}", score, machine)
    for one, arm in zip(results, arms):
        folder = one.path.name if one else ""
        for machine, by_seed in arm.items():
            for seed, found in by_seed.items():
                where = f"{machine}, seed {seed}, {folder}"
                yield from (Remark(f"{where}: {note}", score, machine) for note in found.notes)


def _unpaired_seeds(
    score: str, names: Sequence[str], machines: Sequence[str], arms: Sequence[ArmFigures]
) -> Iterator[Remark]:
    """The seeds that one of two arms lacks."""
    for machine in machines:
        seeds = [_seeds(arm, machine) for arm in arms]
        for name, has, other in zip(names, seeds, reversed(seeds)):
            if lacking := sorted(other - has):
                yield Remark(
                    f"{machine}: {name} has no figures for seed {', '.join(map(str, lacking))};"
                    " a comparison takes the seeds that both have.",
                    score,
                    machine,
                )


def _left_out(
    score: str, machines: Sequence[str], paired: Sequence[str], arms: Sequence[ArmFigures]
) -> Iterator[Remark]:
    """What keeps machine types out of the figures over all of them."""
    if paired and not _paired_seeds(arms, paired):
        text = f"no figure over all machines: no seed has both arms of {', '.join(paired)}."
        yield Remark(text, score)
    lacking = sorted(set(machines) - set(paired))
    if paired and lacking:
        text = f"{ALL_MACHINES} leaves out {', '.join(lacking)}, which lacks a figure of one arm."
        yield Remark(text, score)
