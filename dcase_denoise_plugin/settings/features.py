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
    def of(cls, settings: Mapping[str, Any]) -> FeatureSettings:
        """Those among the baseline's settings, which are numbers or, from a command line, text; the
        baseline's defaults for what is not there.
        """
        return cls(
            **{
                field.name: _number(settings.get(field.name, field.default))
                for field in dataclasses.fields(cls)
            }
        )


def _number(setting: Any) -> int | float | None:
    """A setting as the baseline's parser reads it: --set hands on a text, and that is what the
    runner noted.
    """
    if str(setting).lower() in ("", "none", "null"):
        return None
    number = float(setting)
    return int(number) if number.is_integer() else number
