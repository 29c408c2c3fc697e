"""Watches a folder for recordings, and hands the clips of each over once it is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.recordings import Clip, is_sound


def clips_in(
    folder: Path,
    read: Callable[[Path], Iterator[Clip]],
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
    read : gives the clips of a file, at least one, or raises AudioError.
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
            {file: state for file in filter(is_sound, folder.iterdir()) if (state := _state(file))},
        )
        since = {
            file: since[file] if before.get(file) == state else time.monotonic()
            for file, state in seen.items()
        }
        handled = {file: state for file, state in handled.items() if file in seen}
        for file, state in sorted(seen.items()):
            if handled.get(file) == state or not (once or before.get(file) == state):
                continue
            clips, first = _read(file, read)
            age_s = max(time.time() - state[1] / 1e9, time.monotonic() - since[file])
            if first.wav is None and not once and age_s < patience_s:
                continue
            handled[file] = state
            yield first
            yield from clips
        if once:
            return
        sleep(poll_s)


def _read(file: Path, read: Callable[[Path], Iterator[Clip]]) -> tuple[Iterator[Clip], Clip]:
    """The clips of a file but the first, and the first, or why there is none."""
    try:
        clips = read(file)
        return clips, next(clips)
    except AudioError as error:
        return iter(()), Clip(file.name, None, str(error))


def _state(file: Path) -> tuple[int, int] | None:
    """Size in bytes and time of the last change in ns; None if the file is gone."""
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns
