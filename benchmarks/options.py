"""Options that benchmarks of the stage share."""
from __future__ import annotations

from typing import Any, Callable

import click

from dcase_denoise_plugin.config import DenoiseConfig, from_keys, resolve


def stage_options(command: Callable) -> Callable:
    """``--preset`` and ``--set``, handed to the command as `preset` and `settings`."""
    command = click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Changes a denoise key of the preset.")(command)
    return click.option("--preset", default="recommended", show_default=True, help="What the denoiser is trained with.")(command)


def stage_config(preset: str, settings: tuple[str, ...], **keys: Any) -> DenoiseConfig:
    """The preset with `keys` and, over them, the ``--set`` assignments. Raises ConfigError for an unknown key or a value that does not fit."""
    assigned = dict(setting.partition("=")[::2] for setting in settings)
    return resolve({"preset": preset, **keys, **from_keys(assigned, "--set")}, {})
