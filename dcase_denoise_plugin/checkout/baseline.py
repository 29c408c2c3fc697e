"""A checkout of the DCASE Task 2 baseline: found, recognised, and what it says of itself: settings,
options, machine types.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from dcase_denoise_plugin.errors import BaselineError, ConfigError
from dcase_denoise_plugin.files import Scalar, fitted, read_mapping
from dcase_denoise_plugin.quoting import quoted
from dcase_denoise_plugin.stage.code_digests import CODE, LOADER_CODE, code_digest

BASELINE_VARIABLE = "DCASE_BASELINE_DIR"
DEFAULT_FOLDER = Path("baseline")
CLONE_COMMAND = (
    "git",
    "clone",
    "--branch",
    "v4.3.0",
    "https://github.com/nttcslab/dcase2023_task2_baseline_ae",
    str(DEFAULT_FOLDER),
)
LICENCE_NOTE = (
    "its licence, LISENCEv2.1.pdf, allows evaluation only and forbids distributing or modifying it"
)
# All that the hook knows a checkout by (it has a list of its own, for it starts without this
# package), and the tool that the summary runs.
LAYOUT = (
    "train.py",
    "baseline.yaml",
    "common.py",
    "tools/export_results.sh",
    "datasets/datasets.py",
    "datasets/loader_common.py",
    "datasets/dcase_dcase202x_t2_loader.py",
    "networks/base_model.py",
)


def find_baseline(given: str | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder that was `given`, else the environment's, else ``./baseline``. Raises
    BaselineError with the command that brings one.
    """
    chosen = given or environment.get(BASELINE_VARIABLE)
    if chosen:
        return Path(chosen)
    if DEFAULT_FOLDER.is_dir():
        return DEFAULT_FOLDER
    raise BaselineError(
        "baseline: expected a checkout of the DCASE Task 2 baseline, got none from --baseline,"
        f" {BASELINE_VARIABLE} or {DEFAULT_FOLDER.absolute()}. Bring it with --clone-baseline,"
        f" which runs: {' '.join(CLONE_COMMAND)} ({LICENCE_NOTE})"
    )


def clone_baseline() -> None:
    """Brings the reference release to ``./baseline``, unless something lies there. Raises
    BaselineError if git cannot.
    """
    if DEFAULT_FOLDER.exists():
        return
    try:
        subprocess.run(CLONE_COMMAND, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BaselineError(
            f"baseline: expected `{' '.join(CLONE_COMMAND)}` to work, got: {error}. Look at git's"
            " own message above."
        ) from None


class _DataSet(msgspec.Struct):
    """A data set in the baseline's lists: machine type → "dev" or "eval" → sections."""

    machine_type: dict[str, dict[str, list[Scalar] | None]]


@dataclasses.dataclass(frozen=True)
class Baseline:
    """One checkout.

    Attributes
    ----------
    folder : absolute.
    settings : ``baseline.yaml`` without the dashes before its keys.
    options : the option strings of its ``train.py``, such as ``--epochs`` and ``-lr``.
    """

    folder: Path
    settings: Mapping[str, Any]
    options: frozenset[str]

    @classmethod
    def from_folder(cls, folder: Path) -> Baseline:
        """Raises BaselineError if `folder` lacks a file of the baseline, or its ``baseline.yaml``
        is not a mapping.
        """
        folder = Path(folder).absolute()
        missing = [part for part in LAYOUT if not (folder / part).is_file()]
        if missing:
            raise BaselineError(
                "baseline: expected a checkout of the DCASE Task 2 baseline, got a folder without"
                f" {', '.join(missing)} in {folder}. Name the folder that holds its train.py with"
                " --baseline."
            )
        settings = _settings_in(folder)
        options = re.findall(
            r"""["'](--?[A-Za-z]\w*)["']""",
            (folder / "common.py").read_text(encoding="utf-8", errors="replace"),
        )
        return cls(folder, settings, frozenset(options))

    def settings_now(self) -> dict[str, Any]:
        """What ``baseline.yaml`` says by now. Raises BaselineError if it is no mapping any more."""
        return _settings_in(self.folder)

    @property
    def takes_two_channels(self) -> bool:
        """Whether it must be told if data are mono, as those of 2020 to 2025 (v5)."""
        return "--mono" in self.options

    @property
    def seed(self) -> int:
        """The seed in its ``baseline.yaml``. Raises ConfigError if there is none."""
        seed = self.settings.get("seed")
        if type(seed) is not int:
            raise ConfigError(
                f"seed: expected a whole number, got {quoted(seed)} in"
                f" {self.folder / 'baseline.yaml'}. Name one with --seed."
            )
        return seed

    def option(self, key: str) -> str:
        """The command-line option of a setting, such as ``-lr`` for ``lr``. Raises ConfigError
        naming the nearest if there is none.
        """
        for option in (f"--{key}", f"-{key}"):
            if option in self.options:
                return option
        near = difflib.get_close_matches(
            key, sorted(option.lstrip("-") for option in self.options), n=1, cutoff=0.5
        )
        raise ConfigError(
            f"{key}: expected a setting of the baseline or a denoise key, got an unknown one in"
            " --set or --yaml. "
            + (
                f"Did you mean {near[0]}?"
                if near
                else f"Known settings: {', '.join(sorted(self.options))}."
            )
        )

    def datasets(self, mode: str) -> list[str]:
        """The data sets that the baseline lists for "dev" or "eval" data."""
        files = sorted(
            file
            for kind in (mode, "legacy")
            for file in (self.folder / "datasets").glob(f"machine_type*_{kind}.yaml")
        )
        return [str(name) for file in files for name in read_mapping(file, BaselineError)]

    def machine_types(self, dataset: str, mode: str) -> tuple[str, ...]:
        """The machine types that the baseline lists for a data set ("dev" or "eval" data); none if
        it does not know the data set. Raises BaselineError if its list is none.
        """
        listed = self._listed(dataset, mode)
        return tuple(machine for machine, sections in listed.items() if mode in sections)

    def sections(self, dataset: str, machine: str, mode: str) -> list[int]:
        """The sections that it lists for a machine type; none if it does not know it."""
        sections = map(str, self._listed(dataset, mode).get(machine, {}).get(mode) or ())
        return sorted(int(section) for section in sections if section.isdigit())

    def _listed(self, dataset: str, mode: str) -> dict[str, dict[str, list[Scalar] | None]]:
        for name in (f"machine_type_{dataset[5:9]}_{mode}.yaml", "machine_type_legacy.yaml"):
            path = self.folder / "datasets" / name
            listed = read_mapping(path, BaselineError).get(dataset) if path.is_file() else None
            if listed:
                try:
                    return fitted(listed, _DataSet).machine_type
                except ValueError as error:
                    raise BaselineError(
                        f"{dataset}: expected machine types and their sections, got {error} in"
                        f" {path}. Restore the baseline's file."
                    ) from None
        return {}

    def code_digest(self) -> str:
        """Hex digest of its own Python files, so that a result is known to come from this release;
        those that a user has put beside them do not count.
        """
        return code_digest(self.folder, CODE)

    def loader_digest(self) -> str:
        """Hex digest of what makes features of clips."""
        return code_digest(self.folder, LOADER_CODE)


def _settings_in(folder: Path) -> dict[str, Any]:
    return {
        str(key).lstrip("-"): value
        for key, value in read_mapping(folder / "baseline.yaml", BaselineError).items()
    }
