"""The plain baseline's own feature cache, which it never checks: what a killed run left
half-written, what nobody noted, and what was made of other clips, settings or code.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from dcase_denoise_plugin.checkout.feature_notes import noted, state_of, write_note
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.names import LOCKED, feature_claim, plain_features
from dcase_denoise_plugin.sound.audio import wav_files
from dcase_denoise_plugin.sound.machine import manifest

# What the baseline has in the path of a pickle, so that another value is another pickle; and what
# shapes its content all the same.
IN_THE_PATH = ("n_mels", "n_fft", "hop_length", "fmin", "fmax", "frames", "frame_hop_length")
NOT_IN_THE_PATH = ("power", "win_length")
logger = logging.getLogger(__name__)


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
) -> Iterator[tuple[int, ...]]:
    """Around a step of the plain baseline: `check_fresh` before and after, and a note beside each
    pickle that the step made.

    What the step makes features of is noted and locked before it starts. Steps that make the same
    go side by side, others are refused. Features that nobody noted are made anew: of a step that
    failed or was killed, which may have left half of them, or of the baseline alone.

    Yields
    ------
    File descriptors that hold the lock, for the baseline's process, which may outlive this one.

    Raises
    ------
    RunError
        As `check_fresh` does; or if another process makes other features in the same place.
    """
    wanted = _wanted(settings)
    splits = [split for split in raw.glob("*") if split.is_dir()]
    making: dict[str, Any] = {
        "settings": wanted,
        "clips": {split.name: _clips(split) for split in splits},
        "loader": loader_digest,
    }
    processed.mkdir(parents=True, exist_ok=True)
    place = digest_of([wanted[key] for key in IN_THE_PATH])
    with open(feature_claim(processed, place), "a+", encoding="utf-8") as claim:
        _claim(claim, making, processed)
        check_fresh(raw, processed, settings, loader_digest)
        before = {pickle: state_of(pickle) for pickle in _pickles(processed, wanted)}
        yield (claim.fileno(),)
        for pickle in _pickles(processed, wanted):
            changed = state_of(pickle) != before.get(pickle)
            if changed and not _is_in_the_making(pickle) and not noted(pickle):
                clips = making["clips"].get(pickle.parent.parent.name, {})
                write_note(pickle, {**making, "clips": clips, "pickle": state_of(pickle)})
        check_fresh(raw, processed, settings, loader_digest)


def _claim(claim: TextIO, making: Mapping[str, Any], processed: Path) -> None:
    """Notes what is made, unless another process is at it, and then takes part if that makes the
    same.
    """
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _drop_unnoted(processed, making["settings"])
        claim.truncate(0)
        claim.write(json.dumps(making, sort_keys=True))
        claim.flush()
    fcntl.flock(claim, fcntl.LOCK_SH)
    claim.seek(0)
    if claim.read() != json.dumps(making, sort_keys=True):
        raise _not_alone(processed, claim.name)


def _drop_unnoted(processed: Path, wanted: Mapping[str, float | None]) -> None:
    for pickle in _pickles(processed, wanted):
        if not noted(pickle):
            pickle.unlink()
            logger.info(f"deleted {pickle}: nobody noted what its features are of")
    for lock_file in processed.glob(f"*/{_folder(wanted)}/{_name(wanted)}{LOCKED}"):
        raise _not_alone(processed, lock_file)


def _not_alone(processed: Path, file: object) -> RunError:
    return RunError(
        f"{processed.name}: expected nobody else to make other features of it, got a process that"
        f" holds {file}. Wait for it or end it."
    )


def _pickles(processed: Path, wanted: Mapping[str, float | None]) -> list[Path]:
    """The features that the baseline takes for these, of all splits and sections."""
    return sorted(processed.glob(f"*/{_folder(wanted)}/{_name(wanted)}.pickle"))


def _is_in_the_making(pickle: Path) -> bool:
    return pickle.with_name(pickle.stem + LOCKED).exists()


def check_fresh(
    raw: Path, processed: Path, settings: Mapping[str, Any], loader_digest: str
) -> None:
    """Refuses features of other clips than are there, of other `settings` of the baseline, or by
    other code of its loader; both folders are those of one machine type.

    Raises
    ------
    RunError
        Naming the pickle, what differs and what to do.
    """
    cure = f"delete {processed} and run again."
    wanted = _wanted(settings)
    for pickle in _pickles(processed, wanted):
        split, note = raw / pickle.parent.parent.name, noted(pickle)
        if not note or any(note["settings"].get(key) != wanted[key] for key in IN_THE_PATH):
            continue  # in the making, or the baseline will not read it
        _refuse_other_making(note, wanted, loader_digest, pickle, cure)
        changed = _difference(note["clips"], _clips(split))
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


def _name(wanted: Mapping[str, float | None]) -> str:
    """A pattern of the stem of its files there."""
    frames, hop = wanted["frames"], wanted["frame_hop_length"]
    return "*" if frames is None or hop is None else f"*_TF{frames:.0f}-{hop:.0f}_*"


def _clips(split: Path) -> dict[str, list[int]]:
    return {name: [size, time_ns] for name, size, time_ns in manifest(wav_files(split))}


def _difference(noted: Mapping[str, list[int]], now: Mapping[str, list[int]]) -> str | None:
    name = min(
        (name for name in noted.keys() | now.keys() if noted.get(name) != now.get(name)),
        default=None,
    )
    if name is None:
        return None
    how = "added" if name not in noted else "removed" if name not in now else "changed"
    return f"{name} was {how}"
