"""What lies around a results folder in the checkout that made it: recordings, clean references,
logs, receipts of the stage, records of the runner.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dcase_denoise_plugin.checkout.baseline import LAYOUT
from dcase_denoise_plugin.checkout.record_file import Record, Wanted, read_record
from dcase_denoise_plugin.checkout.result_files import NoteFile, is_training_of, run_log
from dcase_denoise_plugin.errors import first_line
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.names import (
    MODE_FOLDERS,
    Folders,
    plain_export_dir,
    training_losses,
)
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.stage.receipts import Receipt, read_receipt

Note = TypeVar("Note", Receipt, Record)
SPLITS = ("test", "test_rename")


@dataclasses.dataclass(frozen=True)
class Notes:
    """What was noted of one run's test.

    Attributes
    ----------
    receipt : by the denoising stage; None for a run without one.
    record : by the runner; an empty one if something else ran it.
    """

    arm: str
    machine: str
    seed: int
    receipt: Receipt | None
    record: Record

    @property
    def wanted(self) -> Wanted:
        return self.record.noted

    def __str__(self) -> str:
        return f"{self.machine} seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Checkout:
    """The surroundings of one arm's results under one score; everything in them may be missing.

    Attributes
    ----------
    results : those that the checkout surrounds.
    data, reference : where recordings (``<machine>/test/*.wav``) and clean references (the same
        below) lie, if not in the checkout.
    baseline : the checkout, if the caller knows it.
    """

    results: Results
    data: Path | None = None
    reference: Path | None = None
    baseline: Path | None = None

    @functools.cached_property
    def root(self) -> Path:
        """The checkout: the first folder above the results that is one; of results that were taken
        elsewhere, the third.
        """
        above = self.results.path.absolute().parents
        return self.baseline or next(
            (folder for folder in above if all((folder / part).is_file() for part in LAYOUT)),
            above[:3][-1],
        )

    @property
    def export_dir(self) -> str:
        """The name that models and logs go under."""
        return str(self.results.path.absolute().relative_to(self._of_mode)).removesuffix(
            f"_{self.results.score}"
        )

    @property
    def mode(self) -> str:
        """``dev_data`` or ``eval_data``."""
        return self._of_mode.name

    @property
    def _of_mode(self) -> Path:
        """The folder of all results of a mode; several up where `export_dir` is a path."""
        above = self.results.path.absolute().parents
        return next((folder for folder in above if folder.name in MODE_FOLDERS.values()), above[0])

    def recordings(self, machine: str) -> Path:
        """The folder with a machine type's splits; a record leads to none outside of a checkout
        that the caller does not know.
        """
        if self.data:
            return self.data / machine
        noted = self._folders(self.settings(machine)).raw(self.results.dataset) / machine
        if self.baseline or noted.resolve().is_relative_to(self.root.resolve()):
            return noted
        return self._folders().raw(self.results.dataset) / machine

    def clip(self, machine: str, name: str) -> Path | None:
        """The recording behind a clip's name in the CSVs."""
        return _first_file(self.recordings(machine) / split / name for split in SPLITS)

    def clean(self, machine: str, name: str) -> Path | None:
        """The same clip without noise, where there is one."""
        folder = self.reference or self.root / "reference"
        return _first_file(folder / machine / split / name for split in SPLITS)

    def notes(self, arm: str) -> list[Notes]:
        """Of every run, as notes of `arm`."""
        return [
            Notes(
                arm,
                machine,
                seed,
                self.receipt(machine, seed),
                self._records.get((machine, seed), Record()),
            )
            for machine, seed in self.results.runs
        ]

    def receipt(self, machine: str, seed: int) -> Receipt | None:
        """What the denoising stage noted of a test; None for a run without one."""
        return self._receipts.get((machine, seed))

    def settings(self, machine: str) -> dict[str, Any]:
        """The baseline's settings in the first run of `machine` that noted them, or {}."""
        records = (self._records.get(run) for run in self.results.runs if run[0] == machine)
        noted = (record.noted.settings for record in records if record)
        return next(filter(None, noted), {})

    @property
    def unreadable(self) -> list[str]:
        """What is wrong with each receipt and record that cannot be read."""
        return [*self._read_receipts[1], *self._read_records[1]]

    def features(self, machine: str) -> FeatureSettings:
        """The baseline's STFT and mel settings in the runs of `machine`, as far as they
        were noted.
        """
        return FeatureSettings.from_settings(self.settings(machine))

    def log(self, machine: str, seed: int) -> Path | None:
        """The autoencoder's losses, epoch by epoch."""
        folders = self._folders()
        data = self.results.dataset + machine
        return _first_file(
            training_losses(folder)
            for folder in sorted(folders.losses(self.export_dir).glob("*"))
            if is_training_of(folder.name, data, seed, folders.mode)
        )

    def run_logs(self, machine: str, seed: int) -> list[Path]:
        """What the runner kept of the baseline's words, for the denoiser's losses."""
        logs = self._folders().logs(plain_export_dir(self.export_dir))
        log = run_log(logs, self.results.dataset + machine, seed, "denoised")
        return [log] if log.is_file() else []

    def _folders(self, settings: Mapping[str, Any] | None = None) -> Folders:
        mode = "eval" if self.mode == MODE_FOLDERS["eval"] else "dev"
        return Folders(self.root, mode, settings or {})

    @property
    def _receipts(self) -> dict[tuple[str, int], Receipt]:
        return self._read_receipts[0]

    @property
    def _records(self) -> dict[tuple[str, int], Record]:
        return self._read_records[0]

    @functools.cached_property
    def _read_receipts(self) -> tuple[dict[tuple[str, int], Receipt], list[str]]:
        return self._noted("denoise_receipt", read_receipt)

    @functools.cached_property
    def _read_records(self) -> tuple[dict[tuple[str, int], Record], list[str]]:
        return self._noted("run", read_record)

    def _noted(
        self, kind: str, read: Callable[[Path], Note]
    ) -> tuple[dict[tuple[str, int], Note], list[str]]:
        """What was noted by (machine type, seed), and what is wrong with the others."""
        found: dict[tuple[str, int], Note] = {}
        wrong = []
        dataset = self.results.dataset
        for file in sorted(self.results.path.iterdir(), reverse=True):  # the first by name counts
            name = NoteFile.from_name(file.name)
            if name and name.kind == kind and name.data.startswith(dataset):
                try:
                    found[name.data.removeprefix(dataset), name.seed] = read(file)
                except (OSError, ValueError) as error:
                    wrong.append(f"{file.name} is left out, for it holds: {first_line(error)}")
        return found, wrong


def _first_file(candidates: Iterable[Path]) -> Path | None:
    return next((path for path in candidates if path.is_file()), None)
