"""What lies in a results folder by the receipts of the denoising stage: a finished run of another
stage is not overwritten unasked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.names import RunName
from dcase_denoise_plugin.settings.config import DenoiseConfig, keys_that_shape_nothing

MOST_NAMED = 3  # differences in one line
OF_ANOTHER_VERSION = {"denoise_method", "denoise_preset"}


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
    noted, version = _noted_in(folder / run.receipt) if any(products) else ({}, __version__)
    asked = {"denoise_method": config.method, **config.as_keys()}
    telling = asked.keys() - keys_that_shape_nothing()
    if version != __version__:
        telling = OF_ANOTHER_VERSION  # whose presets may say other values
    return [
        f"{key} {noted[key]} (now {value})"
        for key, value in asked.items()
        if key in telling and key in noted and noted[key] != value
    ]


def _noted_in(receipt: Path) -> tuple[Mapping[str, Any], str]:
    """The configuration and the version of the plugin in a receipt; none in one that is missing or
    damaged.
    """
    try:
        content = json.loads(receipt.read_text(encoding="utf-8"))
        return dict(content["config"]), str(content.get("plugin_version", __version__))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, __version__
