"""The clips to look at and listen to: typical ones and those that moved most, as many as the page
may weigh.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dcase_denoise_plugin.errors import DenoiseError
from dcase_denoise_plugin.figures.ranks import Moved
from dcase_denoise_plugin.figures.results import SectionScores
from dcase_denoise_plugin.figures.tables import written
from dcase_denoise_plugin.report.denoised_clips import MachineSound
from dcase_denoise_plugin.report.listening import Sight

CLIP_MARKUP_BYTES = 2500  # of the 2 kB or so that stand around a clip's pictures and sounds
LABEL_NAMES = {1: "anomaly", 0: "normal", -1: "not known"}


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip on the page; without a `sight`, `note` says why."""

    title: str
    name: str
    facts: tuple[str, ...]
    sight: Sight | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class MachineClips:
    """A machine type's clips: `typical` ones and those that `moved` most. `note` says why there is
    nothing denoised.
    """

    machine: str
    note: str
    typical: tuple[Clip, ...]
    moved: tuple[Clip, ...]


def machine_clips(
    sounds: Sequence[MachineSound],
    sections: Mapping[str, Sequence[SectionScores]],
    moved: Iterable[Moved],
    room_bytes: int,
) -> tuple[list[MachineClips], int]:
    """Machine by machine, with the clips that fit into `room_bytes`, typical ones first; and how
    many did not.

    Parameters
    ----------
    sections : of each machine type, those that typical clips are taken from.
    """
    by_machine = {sound.machine: sound for sound in sounds}
    wanted = [
        (sound.machine, False, clip)
        for sound in sounds
        for clip in _typical(sound, sections[sound.machine])
    ]
    wanted += [
        (one.machine, True, _moved(one, by_machine[one.machine]))
        for one in sorted(moved, key=lambda one: -abs(one.rise))
    ]
    left_out, shown = 0, []
    for machine, has_moved, clip in wanted:
        sight, note = _sight(by_machine[machine], clip.name)
        if sight and sight.size_bytes > room_bytes:
            sight, note = None, "Left out to keep this page small enough to send."
            left_out += 1
        room_bytes -= CLIP_MARKUP_BYTES + (sight.size_bytes if sight else 0)
        shown.append((machine, has_moved, dataclasses.replace(clip, sight=sight, note=note)))
    found = []
    for sound in sounds:
        own = [(has_moved, clip) for machine, has_moved, clip in shown if machine == sound.machine]
        typical = tuple(clip for has_moved, clip in own if not has_moved)
        those_moved = tuple(clip for has_moved, clip in own if has_moved)
        found.append(MachineClips(sound.machine, sound.reason, typical, those_moved))
    return found, left_out


def _typical(sound: MachineSound, sections: Iterable[SectionScores]) -> Iterable[Clip]:
    for section in sections:
        for name in typical_clips(section, preferred=tuple(sound.separation)):
            index = section.clips.index(name)
            title = _title(int(section.labels[index]), str(section.domains[index]))
            yield Clip(title, name, _separation(sound, name))


def _moved(moved: Moved, sound: MachineSound) -> Clip:
    rank = f"rank {written(moved.first, 1)} → {written(moved.second, 1)} of {moved.clips}"
    facts = (rank, *_separation(sound, moved.clip))
    return Clip(_title(moved.label, moved.domain), moved.clip, facts)


def _title(label: int, domain: str) -> str:
    return ", ".join(filter(None, (LABEL_NAMES[label], domain))).capitalize()


def _separation(sound: MachineSound, name: str) -> tuple[str, ...]:
    if name not in sound.separation:
        return ()
    before, after, before_si, after_si = sound.separation[name]
    return (
        f"SNR {written(before, 1)} → {written(after, 1)} dB",
        f"SI-SDR {written(before_si, 1)} → {written(after_si, 1)} dB",
    )


def _sight(sound: MachineSound, name: str) -> tuple[Sight | None, str]:
    """Of a clip, or None and why."""
    if not sound.checkout.clip(sound.machine, name):
        folder = sound.checkout.recordings(sound.machine)
        return None, f"No recording of this name in {folder}/test."
    try:
        return sound.sight(name), ""
    except (DenoiseError, OSError, ValueError) as error:
        return None, str(error)


def typical_clips(section: SectionScores, preferred: Sequence[str] = ()) -> list[str]:
    """Three clips that nobody picked: of normal source, normal target and anomalous clips the one
    of middle score, among `preferred` if any of them are.
    """
    chosen = []
    for group in _groups(section):
        every = list(np.flatnonzero(group))
        own = [index for index in every if section.clips[index] in preferred] or every
        if own:
            own.sort(key=lambda index: section.scores[index])
            chosen.append(section.clips[own[(len(own) - 1) // 2]])
    return chosen


def _groups(section: SectionScores) -> list[np.ndarray]:
    """(clips,) bool each: by label and domain, as far as the names tell them."""
    normal, anomaly = section.labels == 0, section.labels == 1
    groups = [normal & (section.domains == domain) for domain in ("source", "target")] + [anomaly]
    if all(group.any() for group in groups):
        return groups
    return [normal, anomaly] if (section.labels >= 0).any() else [section.labels == -1]
