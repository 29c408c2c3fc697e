"""The baseline's own STFT and mel settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """The baseline's own STFT and mel settings, as its loader passes them on."""

    n_fft: int = 1024
    hop_length: int = 512
    win_length: int | None = None
    n_mels: int = 128
    power: float = 2.0
    fmin: float = 0.0
    fmax: float | None = None

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> FeatureSettings:
        """Those among the baseline's settings; the baseline's defaults for what is not there.

        Values are numbers or, from a command line, text.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            name: _number(settings.get(name, default)) for name, default in defaults.items()
        }
        return cls(**values)


def _number(setting: Any) -> int | float | None:
    """A setting as the baseline's parser reads it: --set hands on a text, and that is what the
    runner noted.
    """
    if str(setting).lower() in ("", "none", "null"):
        return None
    number = float(setting)
    return int(number) if number.is_integer() else number
