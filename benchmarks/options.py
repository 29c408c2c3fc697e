"""Options that benchmarks of the stage share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import click

from dcase_denoise_plugin.commands.options import stacked
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import from_keys, resolve, split

# Handed to the command as `preset` and `settings`.
stage_options = stacked(
    click.option(
        "--preset",
        default="recommended",
        show_default=True,
        help="What the denoiser is trained with.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="Changes a denoise key of the preset.",
    ),
)

# Handed to the command as `seeds`.
seeds_option = click.option(
    "--seed",
    "seeds",
    multiple=True,
    type=int,
    default=(13711, 13712, 13713),
    show_default=True,
    help="Of the denoisers.",
)


def stage_config(preset: str, settings: tuple[str, ...], **keys: Any) -> DenoiseConfig:
    """The preset with `keys` and, over them, the ``--set`` assignments. Raises ConfigError if they
    do not fit together.
    """
    return resolve({"preset": preset, **keys, **given_keys(settings)}, {})


def given_keys(settings: Iterable[str]) -> dict[str, Any]:
    """Field values of ``--set`` assignments; one that is malformed, unknown or does not fit ends
    the benchmark with one line.
    """
    try:
        return from_keys(dict(split(settings, example="denoise_epochs=2")), "--set")
    except ConfigError as error:
        raise SystemExit(str(error)) from None
