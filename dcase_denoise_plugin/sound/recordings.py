"""Recordings as recorders leave them: any names and sub-folders, wav or FLAC, several channels, any
length; cut into clips of one length.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.audio import check_clip, is_recording
from dcase_denoise_plugin.sound.wav_header import CONTAINERS, read_header

SUFFIXES = (".wav", ".flac")


def is_sound(file: Path) -> bool:
    """Whether a file is a recording by its name: wav or FLAC, in small or capital letters, and not
    hidden.
    """
    return is_recording(file, SUFFIXES)


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip, float32 (samples,) or (samples, 2), full scale ±1; or, without `wav`, why it cannot
    be scored.
    """

    name: str
    wav: np.ndarray | None
    problem: str = ""


@dataclasses.dataclass(frozen=True)
class Recording:
    """One file.

    Attributes
    ----------
    name : its path below the folder it was found in.
    subtype : libsndfile's name of the format of its samples, such as PCM_16.
    """

    path: Path
    name: str
    samples: int
    sample_rate_hz: int
    channels: int
    subtype: str

    @classmethod
    def from_file(cls, path: Path, name: str = "") -> Recording:
        """Reads the header. Raises AudioError if there is none to read, or it contradicts
        itself.
        """
        header = read_header(path, (*CONTAINERS, "FLAC"), "wav or FLAC")
        return cls(
            path,
            name or path.name,
            header.samples,
            header.sample_rate_hz,
            header.channels,
            header.subtype,
        )

    def clips(self, samples: int, channel: int | None = 1) -> Iterator[Clip]:
        """Its whole clips of `samples` samples, one after the other, of one channel, counted from
        1, or of all for None. What is left at the end is too short.

        Raises
        ------
        AudioError
            If there is no such channel.
        """
        if channel is not None:
            self.check_channel(channel)
        count = self.samples // samples
        for number in range(count):
            start_s = number * samples / self.sample_rate_hz
            place = "" if count == 1 else f" from {start_s:g} s"
            try:
                wav = self._stretch(number * samples, samples)
                if channel or self.channels == 1:
                    wav = wav[:, (channel or 1) - 1]
                check_clip(wav, self.sample_rate_hz, f"{self.path}{place}")
            except AudioError as error:
                yield Clip(self.name + place, None, str(error))
            else:
                yield Clip(self.name + place, wav)

    def check_channel(self, channel: int) -> None:
        """Raises AudioError if there is no such channel, counted from 1."""
        if not 1 <= channel <= self.channels:
            raise AudioError(
                f"--channel: expected one of 1 to {self.channels}, got {channel} for {self.path}."
                " Correct the number."
            )

    def _stretch(self, start: int, samples: int) -> np.ndarray:
        try:
            wav, _ = soundfile.read(
                os.fsencode(self.path), samples, start, dtype="float32", always_2d=True
            )
        except (OSError, RuntimeError) as error:
            wav, why = np.zeros((0, self.channels), np.float32), f" ({error})"
        else:
            why = ""
        if len(wav) < samples:
            raise AudioError(
                f"recording: expected {samples} samples from sample {start} on, got"
                f" {len(wav)}{why} in {self.path}. The file is truncated; copy it again."
            )
        return wav


@dataclasses.dataclass(frozen=True)
class Recordings:
    """The recordings of a folder, all of one sample rate.

    Attributes
    ----------
    folder : where they were looked for.
    found : those that give a clip, by name.
    left_out : what is to be said of each of the others.
    """

    folder: Path
    found: tuple[Recording, ...]
    left_out: tuple[str, ...]

    @classmethod
    def from_folder(cls, folder: Path, shortest_s: float, what: str) -> Recordings:
        """Those of at least `shortest_s` anywhere under `folder`.

        Raises
        ------
        DataError
            If `folder`, which the user calls `what`, is none or gives no recording.
        AudioError
            If two of them differ in their sample rate.
        """
        if not folder.is_dir():
            raise DataError(f"{what}: expected a folder, got {folder}. Correct the path.")
        found: list[Recording] = []
        left_out = []
        for path in sorted(filter(is_sound, folder.rglob("*"))):
            try:
                recording = Recording.from_file(path, str(path.relative_to(folder)))
            except AudioError as error:
                left_out.append(str(error))
                continue
            length_s = recording.samples / recording.sample_rate_hz
            if length_s < shortest_s:
                left_out.append(
                    f"{recording.name}: {length_s:.4g} s, shorter than {shortest_s:g} s"
                )
                continue
            found.append(recording)
        if not found:
            raise DataError(
                f"{what}: expected wav or FLAC recordings of at least {shortest_s:g} s, got none"
                f" under {folder}{f' (the first: {left_out[0]})' if left_out else ''}. Put them"
                " there or correct the path."
            )
        check_one_rate(found)
        return cls(folder, tuple(found), tuple(left_out))

    @property
    def sample_rate_hz(self) -> int:
        return self.found[0].sample_rate_hz

    @property
    def channels(self) -> int:
        """The most that one of them has."""
        return max(recording.channels for recording in self.found)


def check_one_rate(recordings: Sequence[Recording]) -> None:
    """Raises AudioError if two differ in their sample rate."""
    first = recordings[0]
    for other in recordings:
        if other.sample_rate_hz != first.sample_rate_hz:
            raise AudioError(
                f"recordings: expected one sample rate, got {first.sample_rate_hz} Hz in"
                f" {first.path} and {other.sample_rate_hz} Hz in {other.path}. Resample them or"
                " keep those of one rate."
            )


class Sample:
    """Keeps `size` waveforms of any number that are offered, each with the same chance, in constant
    memory (Vitter 1985, algorithm R); the same ones for the same offers.
    """

    def __init__(self, size: int):
        self.kept: list[np.ndarray] = []
        self._size, self._offered, self._rng = size, 0, np.random.default_rng(0)

    def offer(self, wav: np.ndarray) -> None:
        self._offered += 1
        if len(self.kept) < self._size:
            self.kept.append(wav)
        elif (place := int(self._rng.integers(self._offered))) < self._size:
            self.kept[place] = wav
