"""The receipts of the denoising stage: what they hold, and what lies in a results folder by them. A
finished run of another stage is not overwritten unasked.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.files import Scalar, Text, read_json
from dcase_denoise_plugin.names import RunName
from dcase_denoise_plugin.quoting import quoted
from dcase_denoise_plugin.settings.config import DenoiseConfig, keys_that_shape_nothing

MOST_NAMED = 3  # differences in one line
OF_ANOTHER_VERSION = {"denoise_method", "denoise_preset"}


class Split(msgspec.Struct):
    """The features of one split of a machine's clips: their folder, and whether they were there."""

    features: Text
    cached: bool


class Seams(msgspec.Struct):
    """What the hook knew of the baseline."""

    family: Text | None = None
    warning: Text | None = None
    fingerprints: dict[Text, Text] = {}


class Receipt(msgspec.Struct):
    """What the stage noted of a run, as far as anyone reads it. A receipt may come from somebody
    else: nothing that it names is imported, and a path in it leads nowhere by itself.

    Attributes
    ----------
    method_source : hex digest of the code of a user's method, before anything of it is imported.
    """

    config: dict[Text, Scalar] = {}
    stage_digest: Text | None = None
    method_digest: Text | None = None
    method_source: Text | None = None
    findings: Text | None = None
    checkpoint: Text | None = None
    changed: dict[Text, Scalar] = {}
    per_machine_settings: list[Text] = []
    splits: dict[Text, Split] = {}
    trial: list[float] | None = None
    untouched: bool = False
    baseline: Seams | None = None
    command: list[Text] = []
    plugin_version: Text | None = None
    written: Text | None = None


def read_receipt(path: Path) -> Receipt:
    """Raises OSError if it cannot be read, and ValueError if it holds something else."""
    return read_json(path, Receipt)


def refuse_other_stage(
    folders: Iterable[Path], run: RunName, config: DenoiseConfig, option: str
) -> None:
    """Keeps what another stage has finished; new clips, new weights or a new version of the plugin
    are no other stage.

    Parameters
    ----------
    folders : of models and of results that the run would write to.
    option : what names another folder, such as ``--set export_dir=NAME``.

    Raises
    ------
    DataError
        If one of them holds a finished run of this name, behind a stage of another method or of
        other keys that shape what it hands over.
    """
    found = {folder: _differences(folder, run, config) for folder in folders}
    held = {folder: differences for folder, differences in found.items() if differences}
    if not held:
        return
    folder, differences = next(iter(held.items()))
    more = f" and {len(differences) - MOST_NAMED} more" if len(differences) > MOST_NAMED else ""
    raise DataError(
        f"export_dir: expected no finished run of another denoising stage, got one of {run.data}"
        f" seed {run.seed} with {', '.join(differences[:MOST_NAMED])}{more} in {folder}. Name"
        f" another folder by {option}, or delete {' and '.join(map(str, held))} to replace it."
    )


def _differences(folder: Path, run: RunName, config: DenoiseConfig) -> list[str]:
    """Keys of the finished run in `folder` and of `config` that make them two stages, the method
    first; none if nothing was finished there.
    """
    products = (product for name in (run.model(), run.tables) for product in folder.glob(name))
    receipt = _receipt_in(folder / run.receipt) if any(products) else Receipt()
    noted = receipt.config
    asked = {"denoise_method": config.method, **config.as_keys()}
    telling = asked.keys() - keys_that_shape_nothing()
    if receipt.plugin_version not in (None, __version__):
        telling = OF_ANOTHER_VERSION  # whose presets may say other values
    return [
        f"{key} {_told(noted[key])} (now {value})"
        for key, value in asked.items()
        if key in telling and key in noted and noted[key] != value
    ]


def _told(value: Any) -> Any:
    return quoted(value)[1:-1] if isinstance(value, str) else value


def _receipt_in(path: Path) -> Receipt:
    """An empty one where it is missing or damaged."""
    try:
        return read_receipt(path)
    except (OSError, ValueError):
        return Receipt()
