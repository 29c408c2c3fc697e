"""The recordings as clips, where the trainings look for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.files import digest_of, written_whole
from dcase_denoise_plugin.own.split import Split, clips_in
from dcase_denoise_plugin.sound.audio import write_wav
from dcase_denoise_plugin.sound.machine import MACHINE_MARK, NOISE_MARK, manifest
from dcase_denoise_plugin.sound.recordings import Clip, Recording

# As many as the published method had; more take longer and were not measured.
MOST_TRAINING_CLIPS = 1000


def lay_out_clips(split: Split, raw: Path, channel: int) -> list[str]:
    """Writes the clips for the training of the denoiser and the autoencoder under ``raw``, the
    machine's folder of a checkout, and beside it which clip is from which recording. What is there
    of the same recordings stays untouched.

    Returns
    -------
    list of str
        What is to be said of each clip that was left out.

    Raises
    ------
    DataError
        If fewer than 2 clips are fit for training.
    AudioError
        If a clip cannot be written.
    """
    note, digest = raw / "clips.json", _digest(split, channel)
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        if noted["digest"] == digest:
            return [str(line) for line in noted["left_out"]]
    except (OSError, ValueError, LookupError, TypeError):
        pass  # of other recordings, or interrupted
    shutil.rmtree(raw, ignore_errors=True)
    names, left_out = {}, []
    for folder, mark, recordings in (
        ("train", "_source_train_normal_", _spread(split.training, split.samples)),
        ("supplemental", NOISE_MARK, split.noise),
        ("supplemental", MACHINE_MARK, split.machine_alone),
    ):
        number = 0
        for clip, subtype in clips_of(recordings, split.samples, channel):
            if clip.wav is None:
                left_out.append(f"{clip.name}: {clip.problem}")
                continue
            file = raw / folder / f"section_00{mark}{number:04d}_.wav"
            write_wav(file, clip.wav, split.sample_rate_hz, subtype)
            _date_by_content(file, clip.wav)
            names[f"{folder}/{file.name}"] = clip.name
            number += 1
    if sum(name.startswith("train/") for name in names) < 2:
        raise DataError(
            f"NORMAL_FOLDER: expected at least 2 clips for training, got fewer; the first problem:"
            f" {left_out[0] if left_out else 'too few recordings'}. Record more."
        )
    with written_whole(note) as aside:
        content = {"digest": digest, "left_out": left_out, "recording_of": names}
        aside.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return left_out


def _date_by_content(file: Path, wav: np.ndarray) -> None:
    """Gives a clip a time of change that follows from its samples: digests of clips tell them apart
    by it, and the same recordings shall end in the same detector, byte for byte.
    """
    # Not from the file's bytes: a header of floats tells when it was written.
    time_ns = int.from_bytes(hashlib.sha256(wav.tobytes()).digest()[:7], "big")
    os.utime(file, ns=(time_ns, time_ns))


def clips_of(
    recordings: Iterable[Recording], samples: int, channel: int
) -> Iterator[tuple[Clip, str]]:
    """Each clip, and the format of samples that keeps it as it is."""
    for recording in recordings:
        subtype = "PCM_16" if recording.subtype in ("PCM_16", "PCM_S8", "PCM_U8") else "FLOAT"
        for clip in recording.clips(min(samples, recording.samples), channel):
            yield clip, subtype


def _spread(recordings: Sequence[Recording], samples: int) -> Sequence[Recording]:
    """As many of them, drawn at random, as give `MOST_TRAINING_CLIPS`; in their order."""
    chosen: list[int] = []
    for at in np.random.default_rng(1).permutation(len(recordings)):
        if chosen and clips_in([recordings[i] for i in chosen], samples) >= MOST_TRAINING_CLIPS:
            break
        chosen.append(int(at))
    return [recordings[at] for at in sorted(chosen)]


def _digest(split: Split, channel: int) -> str:
    recordings = [split.training, split.noise, split.machine_alone]
    files = [manifest(each.path for each in group) for group in recordings]
    return digest_of([files, split.samples, channel])
