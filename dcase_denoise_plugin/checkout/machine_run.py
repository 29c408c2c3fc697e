"""One machine type with one seed, plain or denoised: its steps through the baseline, their commands
and the files they leave.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable
from pathlib import Path

from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.result_files import run_log
from dcase_denoise_plugin.errors import DataError, RunError
from dcase_denoise_plugin.names import SCORES, SERVED_SPLITS, SPLITS, RunName
from dcase_denoise_plugin.sound.audio import refuse_unread, wav_files
from dcase_denoise_plugin.sound.wav_header import check_file

ARMS = {"baseline": ("plain",), "denoise": ("denoised",), "compare": ("plain", "denoised")}
STEPS = ("train", *SCORES)
_SECTION = re.compile(r"(?:section|id)_(\d+)")


@dataclasses.dataclass(frozen=True, eq=False)
class MachineRun:
    """A training and two tests of the baseline, or those of its `steps` that are wanted; `arm` is
    "plain" or "denoised", `own_name` what the user calls the machine, if that differs.
    """

    plan: Plan
    machine: str
    seed: int
    arm: str
    steps: tuple[str, ...] = STEPS
    own_name: str = ""

    def __str__(self) -> str:
        return f"{self.own_name or self.machine} seed {self.seed} {self.plan.cell or self.arm}"

    @property
    def dataset(self) -> str:
        """The baseline's own name for the machine's data."""
        return f"{self.plan.dataset}{self.machine}"

    @property
    def log(self) -> Path:
        """What the baseline says on the way."""
        return run_log(self.plan.log_folder, self.dataset, self.seed, self.arm)

    @property
    def name(self) -> RunName:
        """What the names of its files hold."""
        return RunName(self.dataset, self.seed, self.tag, self.plan.mode)

    @property
    def raw(self) -> Path:
        """The folder of its splits."""
        return self.plan.folders.raw(self.plan.dataset) / self.machine

    @property
    def processed(self) -> Path:
        """The folder of its plain features."""
        return self.plan.folders.processed(self.plan.dataset) / self.machine

    @property
    def clips(self) -> list[Path]:
        """Every clip that may shape a result."""
        return sorted(self._clips_of(SPLITS))

    @property
    def served_clips(self) -> list[Path]:
        """Those that the baseline trains and tests on, training clips first."""
        return self._clips_of(SERVED_SPLITS)

    def _clips_of(self, splits: Iterable[str]) -> list[Path]:
        return [file for split in splits for file in wav_files(self.raw / split)]

    @functools.cached_property
    def channels(self) -> int:
        """Of the first training clip, see `sound.machine.Machine`; 1 without any."""
        first = wav_files(self.raw / "train")[:1]
        return check_file(first[0], None).channels if first else 1

    @property
    def sections(self) -> list[int]:
        """The section numbers in the names of the training clips. Raises DataError if a name has
        none.
        """
        found = set()
        for clip in wav_files(self.raw / "train"):
            number = _SECTION.search(clip.name)
            if not number:
                raise DataError(
                    f"{self.machine}: expected section_<number> in a clip's name, got {clip.name}"
                    f" in {clip.parent}. Restore the data set's names."
                )
            found.add(int(number[1]))
        return sorted(found)

    def check_names(self) -> None:
        """Refuses clips that a run would leave out, or put into one autoencoder where the
        baseline's own scripts train several, by their names.

        Raises
        ------
        DataError
            If the clips, or those that the baseline lists, are of several sections.
        AudioError
            If a name ends otherwise than the baseline reads.
        """
        refuse_unread(self.served_clips)
        plan = self.plan
        found = (_SECTION.search(clip.name) for clip in self.served_clips)
        sections = {int(number[1]) for number in found if number}
        sections |= {*plan.baseline.sections(plan.dataset, self.machine, plan.mode)}
        if len(sections) > 1:
            raise DataError(
                f"{self.machine}: expected clips of the one section that the baseline lists, got"
                f" {', '.join(f'{number:02d}' for number in sorted(sections))} in {self.raw}. A"
                " section has an autoencoder of its own: for 2020 to 2022 data run the baseline's"
                " tools/01_train_legacy.sh with denoise: true, else rename the clips."
            )

    @property
    def has_sections(self) -> bool:
        """Whether the names of the training clips tell their sections."""
        try:
            return bool(self.sections)
        except DataError:
            return False

    @property
    def tag(self) -> str:
        """What the baseline's scripts add to file names: ``id(0_)`` for section 0."""
        return f"id({''.join(f'{section}_' for section in self.sections)})"

    def command(self, step: str) -> list[str]:
        """Arguments of Python for "train", "MSE" or "MAHALA"; the baseline's own scripts give the
        same up to ``--seed``.
        """
        plan = self.plan
        what = ["--train_only"] if step == "train" else ["--test_only", "--score", step]
        ours = (
            ["--denoise=true", *plan.overrides.denoise_options()]
            if self.arm == "denoised"
            else ["--denoise=false"]
        )
        mono = [f"--mono={self.channels == 1}"] if plan.baseline.takes_two_channels else []
        return [
            "train.py",
            f"--dataset={self.dataset}",
            f"-{plan.mode[0]}",
            f"-tag={self.tag}",
            "--use_ids",
            *map(str, self.sections),
            *what,
            f"--seed={self.seed}",
            *mono,
            *plan.overrides.options(plan.baseline),
            f"--export_dir={plan.export_dir(self.arm)}",
            *ours,
        ]

    def folder(self, step: str) -> Path:
        """Where the baseline puts what the step leaves."""
        export_dir = self.plan.export_dir(self.arm)
        if step == "train":
            return self.plan.folders.models(export_dir)
        return self.plan.folders.scores(export_dir, step)

    def has_truth(self) -> bool:
        """Whether the baseline has written the AUCs of both scores; labels that came and went leave
        older ones.
        """
        labelled = self.plan.mode == "dev" or (self.raw / "test_rename").is_dir()
        return labelled and all(self.roc(score).is_file() for score in SCORES)

    def receipt(self, step: str) -> Path:
        """Where the hook leaves the proof that the stage took part."""
        return self.folder(step) / self.name.receipt

    def record(self, step: str) -> Path:
        """Where the runner notes that the step is finished."""
        return self.folder(step) / self.name.record

    def roc(self, score: str) -> Path:
        """Where the baseline writes AUC and pAUC, if it knows the truth."""
        return self.folder(score) / self.name.roc

    def outputs(self, step: str) -> list[Path]:
        """What the step has left: model and score distributions, or CSVs; a denoised step's receipt
        too.

        Raises
        ------
        RunError
            If there is nothing.
        """
        patterns = (
            (self.name.model(), f"{self.name.training()}_*.pickle")
            if step == "train"
            else (self.name.tables,)
        )
        found = sorted(file for pattern in patterns for file in self.folder(step).glob(pattern))
        if not found:
            what = "a model" if step == "train" else "score CSVs"
            raise RunError(
                f"{self} {step}: expected {what} from the baseline, got none in"
                f" {self.folder(step)}. Look at {self.log}."
            )
        return found + ([self.receipt(step)] if self.arm == "denoised" else [])
