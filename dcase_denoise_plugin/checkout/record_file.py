"""What a record of the runner holds, as far as anyone reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dcase_denoise_plugin.files import Scalar, Text, fitted, read_json


class Wanted(msgspec.Struct):
    """All that a step rests on; some of it is there only for a denoised one."""

    command: list[Text] = []
    settings: dict[Text, Any] = {}
    stage: dict[Text, Scalar] = {}
    baseline_code: Text | None = None
    plugin_code: Text | None = None
    clips: Text | None = None
    versions: dict[Text, Text] = {}


class Record(msgspec.Struct):
    """A finished step.

    Attributes
    ----------
    wanted : as it was written, for a comparison of all of it; `noted` are the parts by name.
    files : digest of each file that the step left.
    place : its threads and its device.
    """

    wanted: dict[Text, Any] = {}
    files: dict[Text, Text] = {}
    place: dict[Text, Text] = {}
    seconds: float | None = None

    def __post_init__(self) -> None:
        fitted(self.wanted, Wanted)

    @property
    def noted(self) -> Wanted:
        return fitted(self.wanted, Wanted)


def read_record(path: Path) -> Record:
    """Raises OSError if it cannot be read, and ValueError if it holds something else."""
    return read_json(path, Record)
