"""One call of the runner: the runs that it asks for, and those that its tables rest on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from dcase_denoise_plugin.checkout.machine_run import ARMS, MachineRun
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.run_record import finished_runs

DATA = {"dev": "development", "eval": "evaluation"}


@dataclasses.dataclass(frozen=True)
class Call:
    """What is to be run.

    Attributes
    ----------
    machines, without_clips : machine types that take part, and those of the data set that cannot.
    both_arms : the plain and the denoised run of every machine type and seed, of which `runs` are
        asked for; an earlier call may have finished the others.
    """

    plan: Plan
    title: str
    machines: list[str]
    without_clips: list[str]
    both_arms: list[MachineRun]
    runs: list[MachineRun]

    @classmethod
    def from_plan(
        cls, plan: Plan, what: str, machines: Sequence[str], seeds: Sequence[int], title: str = ""
    ) -> Call:
        """The call for `what`, a key of `ARMS`, on `machines` and `seeds`; all that have clips, and
        the baseline's own, where none is named.

        Raises
        ------
        DataError
            If a machine type that was asked for is unknown or has no clips, or if none has any.
        ConfigError
            If no seed is named, and the baseline's is no number.
        """
        present, absent = plan.machines(machines)
        both_arms = [
            MachineRun(plan, machine, seed, arm)
            for machine in present
            for seed in dict.fromkeys(seeds or [plan.baseline.seed])
            for arm in ARMS["compare"]
        ]
        return cls(
            plan,
            title or f"{plan.dataset} {DATA[plan.mode]} data",
            present,
            absent,
            both_arms,
            [run for run in both_arms if run.arm in ARMS[what]],
        )

    def __str__(self) -> str:
        without = f"; no clips of {', '.join(self.without_clips)}" if self.without_clips else ""
        return (
            f"{self.title}: {', '.join(self.machines)}{without}; baseline in"
            f" {self.plan.baseline.folder}"
        )

    def described(self) -> dict[str, Any]:
        """The same as keys of the outcome."""
        return {
            "title": self.title,
            "dataset": self.plan.dataset,
            "mode": self.plan.mode,
            "baseline": str(self.plan.baseline.folder),
            "machines": self.machines,
            "without_clips": self.without_clips,
        }


def comparable(runs: Sequence[MachineRun]) -> list[MachineRun]:
    """Those of `runs` that make a whole table: every machine type with every seed in every arm. Of
    the machine types or the seeds with gaps, the ones go that take fewer runs with them.
    """
    arms = {run.arm for run in runs}
    done = {(run.machine, run.seed, run.arm) for run in runs}
    pairs = {
        (machine, seed)
        for machine, seed, _ in done
        if all((machine, seed, arm) in done for arm in arms)
    }
    machines, seeds = ({pair[place] for pair in pairs} for place in (0, 1))
    whole_seeds = {
        (machine, seed)
        for machine, seed in pairs
        if all((other, seed) in pairs for other in machines)
    }
    whole_machines = {
        (machine, seed)
        for machine, seed in pairs
        if all((machine, other) in pairs for other in seeds)
    }
    kept = max(whole_seeds, whole_machines, key=len)
    return [run for run in runs if (run.machine, run.seed) in kept]


def with_earlier_runs(
    finished: Sequence[MachineRun], both_arms: Sequence[MachineRun]
) -> list[MachineRun]:
    """`finished`, and their plain or denoised counterparts among `both_arms` if an earlier call
    finished every one of them.
    """
    counterparts = [
        run
        for run in both_arms
        if run not in finished
        and any((run.machine, run.seed) == (own.machine, own.seed) for own in finished)
    ]
    if finished_runs(counterparts) != counterparts:
        return list(finished)
    return [run for run in both_arms if run in finished or run in counterparts]


def of_other_machines(runs: Sequence[MachineRun]) -> list[MachineRun]:
    """What earlier calls finished of the other machine types, with the same settings, arms and
    seeds.
    """
    plan, own = runs[0].plan, {run.machine for run in runs}
    return finished_runs(
        MachineRun(plan, machine, seed, arm)
        for machine in plan.machines(())[0]
        if machine not in own
        for seed, arm in dict.fromkeys((run.seed, run.arm) for run in runs)
    )
