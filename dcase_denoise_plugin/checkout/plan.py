"""What all runs of one call share: the baseline, the data set, the settings, and the folders that
keep plain and denoised results apart.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.overrides import Overrides
from dcase_denoise_plugin.checkout.result_files import Together
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.names import DENOISED_SUFFIX, Folders, refuse_outside
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import wav_files


@dataclasses.dataclass(frozen=True)
class Plan:
    """One call.

    Attributes
    ----------
    dataset : the data set's name without the machine type, such as DCASE2025T2.
    mode : "dev" or "eval" data.
    config : the stage's configuration in the denoised runs.
    cell : what a study calls these runs; empty outside one.

    Raises
    ------
    ConfigError
        If the settings lead out of the checkout.
    """

    baseline: Baseline
    dataset: str
    mode: str
    overrides: Overrides
    config: DenoiseConfig
    cell: str = ""

    def __post_init__(self) -> None:
        refuse_outside(self.settings)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The baseline's settings in effect."""
        return {**self.baseline.settings, **self.overrides.baseline}

    @property
    def folders(self) -> Folders:
        return Folders(self.baseline.folder, self.mode, self.settings)

    @property
    def data_folder(self) -> Path:
        """The folder of ``raw/<machine>`` and the baseline's ``processed/<machine>``."""
        return self.folders.data(self.dataset)

    def export_dir(self, arm: str) -> str:
        """The name that keeps the files of plain and denoised runs apart."""
        plain = str(self.settings.get("export_dir", ""))
        return plain + DENOISED_SUFFIX if arm == "denoised" else plain

    @property
    def together(self) -> Together:
        """What is about plain and denoised results together."""
        return Together(self.folders.together(self.export_dir("plain")), self.dataset)

    @property
    def log_folder(self) -> Path:
        """Where the runner keeps what the baseline says, apart from that of other calls, as the
        results are.
        """
        return self.folders.logs(self.export_dir("plain"))

    def machines(self, asked: Iterable[str]) -> tuple[list[str], list[str]]:
        """The machine types to run, and those of the data set that have no clips.

        Raises
        ------
        DataError
            If a machine type that was asked for is unknown or has no clips, if none has any, or if
            the baseline lists data sets and not this one.
        """
        known = sorted(
            self.baseline.datasets(self.mode),
            key=lambda name: difflib.SequenceMatcher(
                None, name.lower(), self.dataset.lower()
            ).ratio(),
        )
        if known and self.dataset not in known:
            raise DataError(
                f"--dataset: expected one of {', '.join(reversed(known))}, which the baseline lists"
                f" for {self.mode} data, got {self.dataset!r}. Correct the name."
            )
        raw = self.folders.raw(self.dataset)
        listed = self.baseline.machine_types(self.dataset, self.mode) or sorted(
            folder.name for folder in raw.glob("*") if folder.is_dir()
        )
        present = [machine for machine in listed if wav_files(raw / machine / "train")]
        for machine in asked:
            if machine not in listed:
                raise DataError(
                    f"--machine: expected one of {', '.join(listed)}, got {machine!r} for"
                    f" {self.dataset} {self.mode} data. Correct the name."
                )
            if machine not in present:
                raise DataError(
                    f"--machine {machine}: expected training clips (*.wav), got none in"
                    f" {raw / machine / 'train'}. Put the machine's clips there."
                )
        if not present:
            raise DataError(
                f"{self.dataset} {self.mode} data: expected the clips of at least one machine type,"
                f" got none in {raw}. Put the data set there, as {raw}/<machine>/train/*.wav."
            )
        return [machine for machine in present if not asked or machine in asked], [
            machine for machine in listed if machine not in present
        ]
