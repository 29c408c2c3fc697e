"""How a key is declared and checked: its help, unit, choices and range."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.quoting import quoted

PREFIX = "denoise"
KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


def declared(
    default: Any,
    help: str,
    *,
    unit: str = "",
    choices: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    shapes: str = "output",
) -> Any:
    """One key.

    Parameters
    ----------
    shapes : what a change of it makes anew: "weights" (and so all), "output" (features, not
        weights) or "nothing".
    """
    metadata = {"help": help, "unit": unit, "choices": tuple(choices), "low": low, "high": high}
    return dataclasses.field(default=default, metadata={**metadata, "shapes": shapes})


def option_name(field: dataclasses.Field) -> str:
    """YAML key and command-line name of a field."""
    return PREFIX if field.name == PREFIX else f"{PREFIX}_{field.name}"


def check(field: dataclasses.Field, value: Any) -> None:
    """Raises ConfigError if `value` has the wrong type, is no choice or is out of range."""
    meta, kind = field.metadata, type(field.default)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = is_number if kind is float else type(value) is kind
    if fits and meta["low"] is not None:
        fits = meta["low"] <= value <= meta["high"]
    if fits and meta["choices"]:
        fits = value in meta["choices"]
    if not fits:
        raise ConfigError(
            f"{option_name(field)}: expected {described(field)}, got {quoted(value)}. Correct the"
            " value."
        )


def described(field: dataclasses.Field) -> str:
    """What a key takes, for an error: ``a number from 0 to 1``."""
    meta = field.metadata
    if meta["choices"]:
        return f"one of {', '.join(meta['choices'])}"
    kind = KINDS[type(field.default)]
    if meta["low"] is None:
        return kind
    unit = f" {meta['unit']}" if meta["unit"] else ""
    return f"{kind} from {meta['low']:g} to {meta['high']:g}{unit}"
