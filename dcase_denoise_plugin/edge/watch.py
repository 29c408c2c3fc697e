"""Watches a folder for wav files, and hands each over once it is whole."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.audio import wav_files


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip to score, float32 (samples,); or, without `wav`, why it cannot be scored."""

    name: str
    wav: np.ndarray | None
    problem: str = ""


def clips_in(
    folder: Path,
    read: Callable[[Path], np.ndarray],
    poll_s: float = 1.0,
    patience_s: float = 10.0,
    once: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Clip]:
    """The clips of `folder`, by name, then each new or changed one, for ever.

    Nobody says when a file is whole. One is read when two looks in a row find it unchanged; one
    that cannot be read then may be half-written by a slow sender, and is given up when it has not
    changed for `patience_s`, by its date or, as the sender's clock may be ahead, since it was first
    seen so.

    Parameters
    ----------
    read : gives the waveform of a file, or raises AudioError.
    once : whether to hand over what is there and end, instead of waiting for more.

    Raises
    ------
    DataError
        If `folder` is none.
    """
    handled: dict[Path, tuple[int, int]] = {}
    seen: dict[Path, tuple[int, int]] = {}
    since: dict[Path, float] = {}
    while True:
        if not folder.is_dir():
            raise DataError(
                f"SOURCE: expected a folder, or - for standard input, got {folder}. Correct the"
                " path."
            )
        # Built anew at every look, so that files which are gone take no memory.
        before, seen = (
            seen,
            {file: state for file in wav_files(folder) if (state := _state(file))},
        )
        since = {
            file: since[file] if before.get(file) == state else time.monotonic()
            for file, state in seen.items()
        }
        handled = {file: state for file, state in handled.items() if file in seen}
        for file, state in sorted(seen.items()):
            if handled.get(file) == state or not (once or before.get(file) == state):
                continue
            try:
                clip = Clip(file.name, read(file))
            except AudioError as error:
                if (
                    not once
                    and max(time.time() - state[1] / 1e9, time.monotonic() - since[file])
                    < patience_s
                ):
                    continue
                clip = Clip(file.name, None, str(error))
            handled[file] = state
            yield clip
        if once:
            return
        sleep(poll_s)


def _state(file: Path) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in ns; None if the file is gone."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
