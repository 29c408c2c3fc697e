"""Which of the user's recordings are for training, calibration and test."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.monitor.calibration import check_enough, check_rate, clips_needed
from dcase_denoise_plugin.sound.audio import SHORTEST_CLIP_S
from dcase_denoise_plugin.sound.recordings import Recording, Recordings, check_one_rate

CALIBRATION_SHARE = 0.2
FEWEST_CALIBRATION_CLIPS = 20


@dataclasses.dataclass(frozen=True)
class Asked:
    """Where the user's recordings are, and how they are to be cut.

    Attributes
    ----------
    noise, machine_alone, test : folders beside the normal recordings; None without.
    channel : the one that is listened to, counted from 1.
    """

    normal: Path
    noise: Path | None
    machine_alone: Path | None
    test: Path | None
    clip_s: float
    channel: int
    false_alarms: float

    def folders(self) -> dict[str, Path]:
        """What the user calls each folder, and the folder."""
        named = {
            "NORMAL_FOLDER": self.normal,
            "--noise": self.noise,
            "--machine-alone": self.machine_alone,
            "--test": self.test,
        }
        return {what: folder for what, folder in named.items() if folder}


@dataclasses.dataclass(frozen=True)
class Split:
    """The recordings by what they are for; no recording is for two things.

    Attributes
    ----------
    samples : of a clip.
    noise, machine_alone, test : empty without.
    left_out : what is to be said of each recording that gives no clip.
    """

    samples: int
    sample_rate_hz: int
    channels: int
    training: tuple[Recording, ...]
    calibration: tuple[Recording, ...]
    noise: tuple[Recording, ...]
    machine_alone: tuple[Recording, ...]
    test: tuple[Recording, ...]
    left_out: tuple[str, ...]

    @classmethod
    def from_folders(cls, asked: Asked) -> Split:
        """Finds the recordings and says what each is for: a fifth of the normal ones, or as many as
        the promise takes, at most half, are kept from the trainings.

        Raises
        ------
        ConfigError, DataError
            If the rate of false alarms is none, or these recordings cannot promise it; if a folder
            lies in another one, is none or has no recording; or if there is one recording alone.
        AudioError
            If two recordings differ in their sample rate, or one lacks the channel.
        """
        check_rate(asked.false_alarms)
        _refuse_nested(asked.folders())
        found = {
            what: Recordings.from_folder(
                folder,
                asked.clip_s if what in ("NORMAL_FOLDER", "--test") else SHORTEST_CLIP_S,
                what,
            )
            for what, folder in asked.folders().items()
        }
        every = [recording for recordings in found.values() for recording in recordings.found]
        check_one_rate(every)
        for recording in every:
            recording.check_channel(asked.channel)
        normal = found["NORMAL_FOLDER"].found
        if len(normal) < 2:
            raise DataError(
                "NORMAL_FOLDER: expected at least 2 recordings, so that the threshold rests on one"
                f" that no training has seen, got 1 in {asked.normal}. Record once more, or split"
                " it into files."
            )
        samples = round(asked.clip_s * normal[0].sample_rate_hz)
        training, calibration = _kept_apart(normal, samples, asked.false_alarms)
        others = {
            field: found[what].found if what in found else ()
            for field, what in (
                ("noise", "--noise"),
                ("machine_alone", "--machine-alone"),
                ("test", "--test"),
            )
        }
        return cls(
            samples,
            normal[0].sample_rate_hz,
            max(recording.channels for recording in every),
            training,
            calibration,
            **others,
            left_out=tuple(line for each in found.values() for line in each.left_out),
        )

    def counts(self) -> dict[str, tuple[int, int]]:
        """What recordings are for → how many there are, and clips of them."""
        return {
            field: (len(recordings), clips_in(recordings, self.samples))
            for field in ("training", "calibration", "noise", "machine_alone", "test")
            if (recordings := getattr(self, field))
        }


def _kept_apart(
    recordings: Sequence[Recording], samples: int, false_alarms: float
) -> tuple[tuple[Recording, ...], tuple[Recording, ...]]:
    """Those for training and those for calibration, the latter drawn at random, always the same."""
    whole = clips_in(recordings, samples)
    wanted = max(
        math.ceil(CALIBRATION_SHARE * whole), clips_needed(false_alarms), FEWEST_CALIBRATION_CLIPS
    )
    kept: list[Recording] = []
    for at in np.random.default_rng(0).permutation(len(recordings)):
        if clips_in(kept, samples) >= wanted:
            break
        if clips_in([*kept, recordings[at]], samples) <= whole / 2:
            kept.append(recordings[at])
    check_enough(
        clips_in(kept, samples),
        false_alarms,
        f"of {whole} that may be kept from training, at most half and whole recordings",
        each=2,
    )
    return tuple(each for each in recordings if each not in kept), tuple(
        each for each in recordings if each in kept
    )


def clips_in(recordings: Iterable[Recording], samples: int) -> int:
    """How many clips they give; a shorter recording of noise is one."""
    return sum(max(1, recording.samples // samples) for recording in recordings)


def _refuse_nested(folders: dict[str, Path]) -> None:
    places = [(what, folder.resolve()) for what, folder in folders.items()]
    for what, inner in places:
        for other, outer in places:
            if what != other and inner.is_relative_to(outer):
                raise DataError(
                    f"{what}: expected a folder outside {other}, got {inner} in {outer}. Its"
                    " recordings would count twice; move them."
                )
