"""A study: many settings of the stage ("cells") against one plain baseline, over machine types and
seeds.

A study file is YAML: what the baseline's own settings are in every cell, what every cell starts
from, and what each one changes::

    settings: {epochs: 20}
    preset: recommended
    cells:
      recommended: {}
      half strength: {denoise_strength: 0.5}
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.machine_run import STEPS, MachineRun
from dcase_denoise_plugin.checkout.overrides import read_overrides, resolve_stage
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.run_record import receipt_of
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import read_mapping
from dcase_denoise_plugin.names import CACHE_LOCK
from dcase_denoise_plugin.quoting import in_one_line, quoted, shortened
from dcase_denoise_plugin.settings.config import RECOMMENDED
from dcase_denoise_plugin.settings.keys import PREFIX

PLAIN = "plain"
CELL_NAME = re.compile(r"[A-Za-z0-9][\w .,:+-]*")


@dataclasses.dataclass(frozen=True)
class Study:
    """The plans of a study: `plain` without the stage, and one a cell. All files of a cell lie in
    folders named after it.
    """

    name: str
    plain: Plan
    cells: Mapping[str, Plan]

    @classmethod
    def read(cls, file: Path, baseline: Baseline, dataset: str) -> Study:
        """Reads a study file.

        Raises
        ------
        ConfigError
            If the file is no such mapping, or a cell has no fit name or a key that is not the
            stage's.
        """
        file = Path(file)
        content = read_mapping(file, ConfigError)
        cells = content.get("cells")
        unknown = sorted(set(content) - {"settings", "preset", "cells"})
        if unknown or not isinstance(cells, dict) or not cells:
            raise ConfigError(
                "study: expected the keys settings, preset and cells (a mapping of names to"
                f" denoise keys), got {_listed(content)} in {file}. Write cells: {{half"
                " strength: {denoise_strength: 0.5}}."
            )
        settings = content.get("settings") or {}
        if not isinstance(settings, dict):
            raise ConfigError(
                f"study: expected a mapping under settings, got {quoted(settings)} in {file}. Write"
                " settings: {epochs: 20}."
            )
        ours = [key for key in settings if str(key).startswith(PREFIX) or key == "export_dir"]
        if ours:
            raise ConfigError(
                f"study: expected settings of the baseline alone, got {_listed(ours)} under"
                f" settings in {file}. Put denoise keys into cells."
            )
        name = file.stem
        plain = _plan(baseline, dataset, PLAIN, name, settings, {})
        plans: dict[str, Plan] = {}
        for cell, keys in cells.items():
            keys = keys or {}
            if (
                not CELL_NAME.fullmatch(str(cell))
                or cell == PLAIN
                or _folder(cell) in map(_folder, plans)
            ):
                raise ConfigError(
                    "study: expected a cell's name of letters, digits, spaces and . , : + - that"
                    f" no other cell has, got {quoted(cell)} in {file}. Choose another."
                )
            if not isinstance(keys, dict) or not all(str(key).startswith(PREFIX) for key in keys):
                raise ConfigError(
                    "study: expected denoise keys, which the plain baseline does not have, got"
                    f" {quoted(keys)} in cell {quoted(cell)} of {file}. What changes the baseline"
                    " belongs under settings."
                )
            keys = {f"{PREFIX}_preset": content.get("preset", RECOMMENDED), **keys}
            plans[str(cell)] = _plan(
                baseline, dataset, str(cell), f"{name}_{_folder(cell)}", settings, keys
            )
        return cls(name, plain, plans)

    def runs(self, cell: str, machines: Iterable[str], seeds: Iterable[int]) -> list[MachineRun]:
        """The runs of one cell (or of `PLAIN`), machine by machine."""
        plan, arm = (self.plain, "plain") if cell == PLAIN else (self.cells[cell], "denoised")
        return [MachineRun(plan, machine, seed, arm) for machine in machines for seed in seeds]

    def chosen(self, names: Iterable[str]) -> list[str]:
        """`PLAIN` and the cells of these names, or all. Raises ConfigError if there is no such
        cell.
        """
        names = list(names)
        for name in names:
            if name not in self.cells:
                raise ConfigError(
                    f"--cell: expected one of {', '.join(self.cells)}, got {name!r}. Correct the"
                    " name."
                )
        return [PLAIN, *(cell for cell in self.cells if not names or cell in names)]

    @property
    def folder(self) -> Path:
        """Where the study's tables go."""
        return self.plain.folders.study(self.name)


def _listed(keys: Iterable[Any]) -> str:
    return shortened(in_one_line(", ".join(map(str, keys))))


def drop_features(run: MachineRun) -> None:
    """Deletes the cached features that a finished denoised run built for itself: half a gigabyte a
    cell, machine type and seed.

    Runs of other seeds share them where the method has no seed, and may be at them; the folder and
    the lock in it stay.
    """
    if run.arm != "denoised":
        return
    for step in STEPS:
        for split in receipt_of(run, step).splits.values():
            folder = run.plan.baseline.folder / split.features
            is_own = folder.resolve().is_relative_to(run.processed.resolve())
            if is_own and not split.cached and folder.is_dir():
                with FileLock(folder / CACHE_LOCK):
                    for pickle in folder.glob("*.pickle"):
                        pickle.unlink()


def _plan(
    baseline: Baseline, dataset: str, cell: str, export_dir: str, settings: Mapping, keys: Mapping
) -> Plan:
    settings = {key: _as_text(value) for key, value in settings.items()}
    overrides, config = resolve_stage(
        baseline, read_overrides(None, {**settings, "export_dir": export_dir, **keys}, baseline)
    )
    if cell == PLAIN:
        overrides = dataclasses.replace(overrides, denoise={})
    return Plan(baseline, dataset, "dev", overrides, config, cell)


def _as_text(value: Any) -> list[str] | str:
    """As --set gives it; with a number in its place, the records of finished runs would no longer
    be those of this study.
    """
    return [str(part) for part in value] if isinstance(value, list) else str(value)


def _folder(cell: str) -> str:
    return re.sub(r"[^A-Za-z0-9.+-]+", "_", str(cell))
