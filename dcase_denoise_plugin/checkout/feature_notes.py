"""The note beside a pickle of plain features: what these very features are of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcase_denoise_plugin.files import written_whole


def state_of(pickle: Path) -> list[int]:
    stat = pickle.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _note(pickle: Path) -> Path:
    return pickle.with_name(f"{pickle.name}.json")


def noted(pickle: Path) -> dict[str, Any] | None:
    """The note of this very pickle; one that was written of another, or is damaged, is none."""
    try:
        note = json.loads(_note(pickle).read_text(encoding="utf-8"))
        return (
            {
                "settings": dict(note["settings"]),
                "clips": dict(note["clips"]),
                "loader": str(note["loader"]),
            }
            if note["pickle"] == state_of(pickle)
            else None
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def write_note(pickle: Path, content: dict[str, Any]) -> None:
    # Runs of two seeds share a pickle and may end its step at the same time.
    with FileLock(f"{_note(pickle)}.lock"), written_whole(_note(pickle)) as aside:
        aside.write_text(json.dumps(content) + "\n", encoding="utf-8")
