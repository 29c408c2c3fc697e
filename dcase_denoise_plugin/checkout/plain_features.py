"""The plain baseline's own feature cache, which it never checks: what a killed run left
half-written, and what was made of other clips, settings or code.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.names import LOCKED, plain_features
from dcase_denoise_plugin.sound.audio import wav_files
from dcase_denoise_plugin.sound.machine import manifest

# What the baseline has in the path of a pickle, so that another value is another pickle; and what
# shapes its content all the same.
IN_THE_PATH = ("n_mels", "n_fft", "hop_length", "fmin", "fmax", "frames", "frame_hop_length")
NOT_IN_THE_PATH = ("power", "win_length")


def drop_half_written(processed: Path) -> list[Path]:
    """Deletes the pickles in ``processed/<machine>/<split>/<settings>/`` whose writer was killed,
    and returns them.

    The baseline holds a lock file while it writes one; a lock file that nobody holds belongs to a
    run that has died, and the pickle beside it would end every later run.
    """
    dropped = []
    for lock_file in processed.glob(f"*/*/*/*{LOCKED}"):
        with (
            contextlib.suppress(FileNotFoundError),
            open(lock_file, "r+") as handle,
        ):  # another call may have dropped it by now
            try:
                fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            pickle = lock_file.with_name(lock_file.name.removesuffix(LOCKED) + ".pickle")
            if pickle.exists():
                pickle.unlink()
                dropped.append(pickle)
            lock_file.unlink()
    return dropped


@contextlib.contextmanager
def fresh_features(
    raw: Path, processed: Path, settings: Mapping[str, Any], loader_digest: str
) -> Iterator[None]:
    """Around a step of the plain baseline: `check_fresh` before and after, and a note beside each
    pickle that the step made, even one that failed later.

    Raises
    ------
    RunError
        As `check_fresh` does.
    """
    check_fresh(raw, processed, settings, loader_digest)
    clips = {split.name: _clips(split) for split in raw.glob("*") if split.is_dir()}
    before = {pickle: _state(pickle) for pickle in processed.glob("*/*/*.pickle")}
    try:
        yield
    finally:
        wanted = _wanted(settings)
        for pickle in processed.glob(f"*/{_folder(wanted)}/*.pickle"):
            in_the_making = pickle.with_name(pickle.stem + LOCKED).exists()
            if _state(pickle) != before.get(pickle) and not in_the_making and not _noted(pickle):
                _write_note(
                    pickle,
                    {
                        "pickle": _state(pickle),
                        "settings": wanted,
                        "clips": clips.get(pickle.parent.parent.name, {}),
                        "loader": loader_digest,
                    },
                )
    check_fresh(raw, processed, settings, loader_digest)


def check_fresh(
    raw: Path, processed: Path, settings: Mapping[str, Any], loader_digest: str
) -> None:
    """Refuses features of other clips than are there, of other `settings` of the baseline, or by
    other code of its loader; both folders are those of one machine type.

    A pickle without a note (the baseline alone made it) must be younger than the clips and than the
    last change in their folder. The times of inodes say less: copying a data set with its features,
    times and all, renews them in the order of copying.

    Raises
    ------
    RunError
        Naming the pickle, what differs and what to do.
    """
    cure = f"delete {processed} and run again."
    wanted = _wanted(settings)
    for pickle in sorted(processed.glob("*/*/*.pickle")):
        split, note = raw / pickle.parent.parent.name, _noted(pickle)
        if note and any(note["settings"].get(key) != wanted[key] for key in IN_THE_PATH):
            continue  # the baseline will not read this one
        if note:
            _refuse_other_making(note, wanted, loader_digest, pickle, cure)
        changed = _difference(note["clips"], _clips(split)) if note else _younger(split, pickle)
        if changed:
            raise RunError(
                f"{raw.name}: expected the plain baseline's features to be of the clips that are in"
                f" {split}, got {pickle} from before {changed}. The baseline would score other"
                f" clips than are there; {cure}"
            )


def _refuse_other_making(
    note: Mapping[str, Any],
    wanted: Mapping[str, float | None],
    loader_digest: str,
    pickle: Path,
    cure: str,
) -> None:
    machine = pickle.parents[2].name
    for key in NOT_IN_THE_PATH:
        if note["settings"].get(key) != wanted[key]:
            raise RunError(
                f"{machine}: expected the plain baseline's features to be of {key} {wanted[key]},"
                f" got those of {note['settings'].get(key)} in {pickle}. The baseline does not see"
                f" the difference; {cure}"
            )
    if note["loader"] != loader_digest:
        raise RunError(
            f"{machine}: expected the plain baseline's features to be made by the code that is in"
            f" its folder datasets, got those of other code in {pickle}. The baseline would not"
            f" make them anew; {cure}"
        )


def _wanted(settings: Mapping[str, Any]) -> dict[str, float | None]:
    return {key: _number(settings.get(key)) for key in (*IN_THE_PATH, *NOT_IN_THE_PATH)}


def _number(value: Any) -> float | None:
    # baseline.yaml says 2.0 or null, a command line "2" or "none".
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _folder(wanted: Mapping[str, float | None]) -> str:
    """A pattern of the folder that the baseline puts these features in."""
    n_mels, n_fft, hop_length = (
        f"{wanted[key]:.0f}" if wanted[key] is not None else "*"
        for key in ("n_mels", "n_fft", "hop_length")
    )
    return plain_features(n_mels, n_fft, hop_length, bool(wanted["fmin"] or wanted["fmax"]))


def _clips(split: Path) -> dict[str, list[int]]:
    return {name: [size, time_ns] for name, size, time_ns in manifest(wav_files(split))}


def _state(pickle: Path) -> list[int]:
    stat = pickle.stat()
    return [stat.st_size, stat.st_mtime_ns]


def _difference(noted: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> str | None:
    name = min(
        (name for name in noted.keys() | now.keys() if noted.get(name) != now.get(name)),
        default=None,
    )
    if name is None:
        return None
    how = "added" if name not in noted else "removed" if name not in now else "changed"
    return f"{name} was {how}"


def _younger(split: Path, pickle: Path) -> str | None:
    made = pickle.stat().st_mtime_ns
    changed = next((clip for clip in wav_files(split) if clip.stat().st_mtime_ns > made), None)
    if changed:
        return f"{changed.name} was written"
    return (
        f"a file was added to it or removed from it (if it was no clip: touch {pickle})"
        if split.is_dir() and split.stat().st_mtime_ns > made
        else None
    )


def _note(pickle: Path) -> Path:
    return pickle.with_name(f"{pickle.name}.json")


def _noted(pickle: Path) -> dict[str, Any] | None:
    """The note of this very pickle; one that was written of another, or is damaged, is none."""
    try:
        note = json.loads(_note(pickle).read_text(encoding="utf-8"))
        return (
            {
                "settings": dict(note["settings"]),
                "clips": dict(note["clips"]),
                "loader": str(note["loader"]),
            }
            if note["pickle"] == _state(pickle)
            else None
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _write_note(pickle: Path, content: dict[str, Any]) -> None:
    # Runs of two seeds share a pickle and may end its step at the same time.
    with FileLock(f"{_note(pickle)}.lock"), written_whole(_note(pickle)) as aside:
        aside.write_text(json.dumps(content) + "\n", encoding="utf-8")
