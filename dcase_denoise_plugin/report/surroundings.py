"""What lies around a results folder in the checkout that made it: recordings, clean references,
logs, receipts of the stage, records of the runner.
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.checkout.baseline import LAYOUT
from dcase_denoise_plugin.checkout.result_files import NoteFile, is_training_of, run_log
from dcase_denoise_plugin.figures.score_files import ScoreFolder
from dcase_denoise_plugin.names import MODE_FOLDERS, Folders, plain_export_dir
from dcase_denoise_plugin.settings.features import FeatureSettings

SPLITS = ("test", "test_rename")


@dataclasses.dataclass(frozen=True)
class Checkout:
    """The surroundings of one arm's results under one score; everything in them may be missing.

    Attributes
    ----------
    data, reference : where recordings (``<machine>/test/*.wav``) and clean references (the same
        below) lie, if not in the checkout.
    baseline : the checkout, if the caller knows it.
    """

    folder: ScoreFolder
    data: Path | None = None
    reference: Path | None = None
    baseline: Path | None = None

    @functools.cached_property
    def root(self) -> Path:
        """The checkout: the first folder above the results that is one; of results that were taken
        elsewhere, the third.
        """
        above = self.folder.path.absolute().parents
        return self.baseline or next(
            (folder for folder in above if all((folder / part).is_file() for part in LAYOUT)),
            above[:3][-1],
        )

    @property
    def export_dir(self) -> str:
        """The name that models and logs go under."""
        return str(self.folder.path.absolute().relative_to(self._of_mode)).removesuffix(
            f"_{self.folder.score}"
        )

    @property
    def mode(self) -> str:
        """``dev_data`` or ``eval_data``."""
        return self._of_mode.name

    @property
    def _of_mode(self) -> Path:
        """The folder of all results of a mode; several up where `export_dir` is a path."""
        above = self.folder.path.absolute().parents
        return next((folder for folder in above if folder.name in MODE_FOLDERS.values()), above[0])

    def recordings(self, machine: str) -> Path:
        """The folder with a machine type's splits."""
        if self.data:
            return self.data / machine
        return self._folders(self.settings(machine)).raw(self.folder.dataset) / machine

    def clip(self, machine: str, name: str) -> Path | None:
        """The recording behind a clip's name in the CSVs."""
        return _first_file(self.recordings(machine) / split / name for split in SPLITS)

    def clean(self, machine: str, name: str) -> Path | None:
        """The same clip without noise, where there is one."""
        folder = self.reference or self.root / "reference"
        return _first_file(folder / machine / split / name for split in SPLITS)

    def receipt(self, machine: str, seed: int) -> dict[str, Any]:
        """What the denoising stage noted of a test, or {} for a run without one."""
        return self._noted("denoise_receipt", machine, seed)

    def wanted(self, machine: str, seed: int) -> dict[str, Any]:
        """What the runner noted that a test rests on, or {} if something else ran it."""
        wanted = self._noted("run", machine, seed).get("wanted")
        return wanted if isinstance(wanted, dict) else {}

    def place(self, machine: str, seed: int) -> dict[str, Any]:
        """The threads and the device of a test, or {} if nobody noted them."""
        place = self._noted("run", machine, seed).get("place")
        return place if isinstance(place, dict) else {}

    def settings(self, machine: str) -> dict[str, Any]:
        """The baseline's settings in the first run of `machine` that noted them, or {}."""
        noted = (
            self.wanted(own, seed).get("settings")
            for own, seed in self.folder.runs
            if own == machine
        )
        return next((settings for settings in noted if settings and isinstance(settings, dict)), {})

    def features(self, machine: str) -> FeatureSettings:
        """The baseline's STFT and mel settings in the runs of `machine`, as far as they
        were noted.
        """
        return FeatureSettings.from_settings(self.settings(machine))

    def log(self, machine: str, seed: int) -> Path | None:
        """The autoencoder's losses, epoch by epoch."""
        folders = self._folders()
        data = self.folder.dataset + machine
        return _first_file(
            folder / "log.csv"
            for folder in sorted(folders.losses(self.export_dir).glob("*"))
            if is_training_of(folder.name, data, seed, folders.mode)
        )

    def run_logs(self, machine: str, seed: int) -> list[Path]:
        """What the runner kept of the baseline's words, for the denoiser's losses."""
        logs = self._folders().logs(plain_export_dir(self.export_dir))
        log = run_log(logs, self.folder.dataset + machine, seed, "denoised")
        return [log] if log.is_file() else []

    def _folders(self, settings: Mapping[str, Any] | None = None) -> Folders:
        mode = "eval" if self.mode == MODE_FOLDERS["eval"] else "dev"
        return Folders(self.root, mode, settings or {})

    def _noted(self, kind: str, machine: str, seed: int) -> dict[str, Any]:
        wanted = NoteFile(kind, self.folder.dataset + machine, seed)
        for file in sorted(self.folder.path.iterdir()):
            if NoteFile.from_name(file.name) == wanted:
                try:
                    content = json.loads(file.read_text(encoding="utf-8"))
                    return content if isinstance(content, dict) else {}
                except (OSError, ValueError):
                    return {}
        return {}


def _first_file(candidates):
    return next((path for path in candidates if path.is_file()), None)
