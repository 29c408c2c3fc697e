"""Options that benchmarks of the stage share."""
from __future__ import annotations

from typing import Any

import click

from dcase_denoise_plugin.config import DenoiseConfig, from_keys, resolve
from dcase_denoise_plugin.options import stacked


# Handed to the command as `preset` and `settings`.
stage_options = stacked(
    click.option("--preset", default="recommended", show_default=True, help="What the denoiser is trained with."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Changes a denoise key of the preset."),
)


def stage_config(preset: str, settings: tuple[str, ...], **keys: Any) -> DenoiseConfig:
    """The preset with `keys` and, over them, the ``--set`` assignments. Raises ConfigError for an unknown key or a value that does not fit."""
    assigned = dict(setting.partition("=")[::2] for setting in settings)
    return resolve({"preset": preset, **keys, **from_keys(assigned, "--set")}, {})
