"""The baseline's own STFT and mel settings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.quoting import quoted

# The least and the most of each. Wider ones are no sound's, and would fill the memory.
LIMITS = {
    "n_fft": (2, 2**20),
    "hop_length": (1, 2**20),
    "win_length": (1, 2**20),
    "n_mels": (1, 2**14),
    "power": (0.01, 100),
    "fmin": (0, 1e7),
    "fmax": (0, 1e7),
}


@dataclasses.dataclass(frozen=True)
class FeatureSettings:
    """The baseline's own STFT and mel settings, as its loader passes them on.

    Raises
    ------
    ConfigError
        If one of them is no number or out of range.
    """

    n_fft: int = 1024
    hop_length: int = 512
    win_length: int | None = None
    n_mels: int = 128
    power: float = 2.0
    fmin: float = 0.0
    fmax: float | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is None and name in ("win_length", "fmax"):
                continue
            if type(value) not in (int, float) or not low <= value <= high:
                raise ConfigError(
                    f"{name}: expected a number from {low:g} to {high:g}, got {quoted(value)} in"
                    " the baseline's settings. Correct the value."
                )

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> FeatureSettings:
        """Those among the baseline's settings; the baseline's defaults for what is not there.

        Values are numbers or, from a command line, text. Raises ConfigError as the class does.
        """
        defaults = {field.name: field.default for field in dataclasses.fields(cls)}
        values: dict[str, Any] = {
            name: _number(settings.get(name, default)) for name, default in defaults.items()
        }
        return cls(**values)


def _number(setting: Any) -> Any:
    """A setting as the baseline's parser reads it: --set hands on a text, and that is what the
    runner noted.
    """
    if setting is None or isinstance(setting, str) and setting.lower() in ("", "none", "null"):
        return None
    try:
        number = float(setting)
    except (TypeError, ValueError, OverflowError):
        return setting  # which is refused by its name
    return int(number) if number.is_integer() else number
