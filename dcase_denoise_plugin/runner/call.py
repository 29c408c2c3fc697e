"""One call of the runner: what it is about, and the runs that it asks for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from dcase_denoise_plugin.checkout.machine_run import ARMS, MachineRun
from dcase_denoise_plugin.checkout.plan import Plan

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
    def of(
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
