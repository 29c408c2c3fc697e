"""What the stage finds out about a machine from its recordings: decided once, told in one line."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch

from dcase_denoise_plugin.denoising.far_microphone import LOWER_TENTH, FarMicrophone
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum, heard_in_pauses
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.machine_clips import MachineClips
from dcase_denoise_plugin.sound.noise import Reel
from dcase_denoise_plugin.sound.noise_recordings import noise_recordings, source_name
from dcase_denoise_plugin.sound.quantile import Told, least_noisy_quantile, standing_out_quantile
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS

# Supplemental noise this far above the clips is not in them. It lies at -14 dB on `fan`, at -2 dB
# on made-up machines, and at +6 and +9 dB where those were recorded without it.
NOT_IN_THE_CLIPS_DB = 3.0
# A U-Net gains in noise of at least half the power that varies, by 8 to 10 dB; by 3 dB it did not.
HALF_OF_THE_CLIPS_DB = -3.0
VARIED_DB = 6.0
# The standard deviation of a normal distribution; a single silent recording does not move it.
MIDDLE_TWO_THIRDS = (0.16, 0.84)
UNBOUNDED_DB = torch.tensor([-math.inf, math.inf]).view(2, 1, 1)
PLACES = {
    0.05: "the lower twentieth",
    0.1: "the lower tenth",
    0.25: "the lower quarter",
    0.5: "the median",
    0.75: "the upper quarter",
    0.9: "the upper tenth",
    0.95: "the upper twentieth",
}


@dataclasses.dataclass(frozen=True, eq=False)
class Findings:
    """What a machine's recordings tell.

    Attributes
    ----------
    noise_recordings, machine_recordings : how many there are of the noise and of the machine alone.
    noise_above_clips_db : how far the noise recordings lie above the clips; None without any.
    noise_known : whether they are recordings of the noise in the clips.
    noise_spread_db : how much the noise's level varies; None without any.
    quantile : the one over time at which a clip's spectrum is taken; None for its mean.
    quantile_told : whether recordings told it, and not a key.
    stands_out_db : how far the machine stands out there beside the mean; None if nothing tells.
    guard_db : the least and the most that the U-Net may take out of each band of a clip's spectrum,
        (2, rows, 1) dB; (2, 1, 1) without bounds.
    far_helps : whether there is a far channel, and what it hears is subtracted.
    far_problem : why it is of no help.
    """

    noise_recordings: int = 0
    machine_recordings: int = 0
    noise_above_clips_db: float | None = None
    noise_known: bool = False
    noise_spread_db: float | None = None
    quantile: float | None = None
    quantile_told: bool = False
    stands_out_db: float | None = None
    guard_db: torch.Tensor = UNBOUNDED_DB
    far_helps: bool = False
    far_problem: str = ""

    @property
    def in_pauses(self) -> bool:
        """Whether the machine is heard in the pauses of the noise."""
        return heard_in_pauses(self.quantile)

    def uses_network(self, config: DenoiseConfig) -> bool:
        """Whether the U-Net takes anything away: it is trained, no far microphone hears the noise,
        and the key says always, or loud, varied noise leaves no moment to listen in.
        """
        is_hidden = self.noise_hides and not self.takes_spectrum(config)
        is_asked = config.network == "always" or is_hidden
        return is_asked and config.epochs > 0 and not self.far_helps

    @property
    def noise_hides(self) -> bool:
        """Whether the noise is known, at least half of what the clips hold, and varied."""
        above_db, spread_db = self.noise_above_clips_db, self.noise_spread_db or 0.0
        is_loud = above_db is not None and above_db >= HALF_OF_THE_CLIPS_DB
        return self.noise_known and is_loud and spread_db >= VARIED_DB

    def takes_spectrum(self, config: DenoiseConfig) -> bool:
        """Whether a clip's spectrum is taken at a quantile, with the U-Net or without."""
        if config.output == "clip_spectrum":
            return self.quantile is not None
        return config.output == "steady_machine" and self.in_pauses

    def changes_clips(self, config: DenoiseConfig) -> bool:
        """Whether any clip is handed over otherwise than it is."""
        network_or_far = self.uses_network(config) or self.far_helps
        return network_or_far or self.takes_spectrum(config)

    def line(self, machine_type: str, config: DenoiseConfig) -> str:
        """What was found and what follows, in one plain line."""
        found = "; ".join(filter(None, [self._far(), self._recordings(), self._standing_out()]))
        return f"{machine_type}: {found} → {self._effect(config)}"

    def _far(self) -> str:
        if self.far_problem:
            return f"far microphone of no help ({self.far_problem})"
        return "far microphone hears the noise" if self.far_helps else ""

    def _recordings(self) -> str:
        above_db, level = self.noise_above_clips_db, ""
        if above_db is not None and not (self.noise_known and self.quantile_told):
            than_clips = "louder" if above_db > 0 else "softer"
            level = f", {abs(above_db):.1f} dB {than_clips} than the clips"
        if self.noise_known and self.quantile is None and self.noise_spread_db is not None:
            level += f", varying by {self.noise_spread_db:.1f} dB"
        if self.noise_recordings and not self.noise_known:
            return f"{self.noise_recordings} noise recordings{level}"
        kinds = [
            (self.noise_recordings, f"noise recordings{level}"),
            (self.machine_recordings, "recordings of the machine alone"),
        ]
        told = [f"{count} {kind}" for count, kind in kinds if count]
        if not told and self.far_helps:
            return ""
        return " and ".join(told) or "no recordings of the noise or of the machine alone"

    def _standing_out(self) -> str:
        if self.stands_out_db is None:
            return ""
        if not self.quantile_told:
            return "machine stands out at no moment"
        where = "in pauses" if self.in_pauses else "at loud moments"
        if self.quantile == 0.5:
            where = "at its median"
        return f"machine stands out by {self.stands_out_db:.1f} dB {where}"

    def _effect(self, config: DenoiseConfig) -> str:
        if not self.changes_clips(config):
            cure = ""
            if self.noise_recordings and not self.noise_known:
                cure = "; if they hold this noise, set denoise_noise_source: supplemental"
            return f"clips handed over as they are{cure}"
        far = "what the far one hears subtracted" if self.far_helps else ""
        if config.output == "frames" or (config.output == "steady_machine" and not self.in_pauses):
            return far or "every frame cleaned by the U-Net"
        place = "the mean over time"
        if self.quantile is not None:
            place = PLACES.get(self.quantile, f"quantile {self.quantile:g}")
        cleaned = kept = ""
        if self.uses_network(config):
            cleaned = "cleaned by the U-Net" + ("" if self.noise_known else " on guessed noise")
        if config.output == "clip_spectrum" and self.in_pauses and config.fluctuation < 1:
            kept = f"{100 * config.fluctuation:g} % of the fluctuation kept"
        return ", ".join(filter(None, [far, f"spectrum taken at {place}", cleaned, kept]))


def find(
    machine: Machine,
    config: DenoiseConfig,
    clips: Clips,
    noise: Reel | None,
    machine_clips: MachineClips | None,
) -> Findings:
    """What the recordings of `machine` tell; the guard comes with the trained network.

    Parameters
    ----------
    noise : the noise recordings; None if there are none.
    machine_clips : the recordings of the machine alone; None if there are none.
    """
    above_db = louder_than_clips_db(noise, clips) if noise else None
    spread_db = noise_spread_of(noise, clips) if noise else None
    supplemental = config.noise_source == "auto" and source_name(machine, config) == "supplemental"
    too_loud = supplemental and above_db is not None and above_db > NOT_IN_THE_CLIPS_DB
    known = noise is not None and not too_loud
    told = _told(config, clips, noise if known else None, machine_clips)
    quantile = told.quantile if told else config.fixed_quantile
    findings = Findings(
        noise_recordings=len(noise_recordings(machine, config)),
        machine_recordings=len(machine.machine_files),
        noise_above_clips_db=above_db,
        noise_known=known,
        noise_spread_db=spread_db,
        quantile=quantile,
        quantile_told=told is not None and quantile is not None,
        stands_out_db=told.difference_db if told else None,
    )
    return with_far_microphone(findings, config, clips)


def with_far_microphone(findings: Findings, config: DenoiseConfig, clips: Clips) -> Findings:
    """The findings with what the far channel of `clips` tells, if they have one. Raises AudioError
    if that is not finite.
    """
    if clips.channels != MOST_CHANNELS or config.far_microphone == "off":
        return dataclasses.replace(findings, far_helps=False, far_problem="")
    far = FarMicrophone.from_clips(clips)
    if far.problem:
        return dataclasses.replace(findings, far_helps=False, far_problem=far.problem)
    told: dict[str, Any] = {}
    if config.clip_level == "auto":
        told = {"quantile": LOWER_TENTH, "quantile_told": True, "stands_out_db": far.stands_out_db}
    return dataclasses.replace(findings, far_helps=True, far_problem="", **told)


def louder_than_clips_db(noise: Reel, clips: Clips) -> float:
    """How far noise alone lies above the clips, dB, in the middle one of the rows.

    The level of a row is its median over time and recordings. Clips that hold this noise are at
    least as loud as it is in every row, whatever the machine adds.
    """
    of_noise, of_clips = (
        torch.stack([clip_spectrum(level_db, 0.5)[:, 0] for level_db in levels]).median(0).values
        for levels in (
            map(clips.spectrogram.level_db, noise.stretches(clips.frames)),
            clips.levels_db(),
        )
    )
    return (of_noise - of_clips).median().item()


def noise_spread_of(noise: Reel, clips: Clips) -> float:
    """By how much a row's mean level varies over stretches of the noise as long as a clip, dB, in
    the middle one of the rows: half of what the middle two thirds of them span.
    """
    stretches = map(clips.spectrogram.level_db, noise.stretches(clips.frames))
    levels_db = torch.stack([level_db.mean(-1) for level_db in stretches])  # (stretches, rows)
    bounds_db = levels_db.quantile(levels_db.new_tensor(MIDDLE_TWO_THIRDS), dim=0)
    return (bounds_db.diff(dim=0) / 2).median().item()


def _told(
    config: DenoiseConfig, clips: Clips, noise: Reel | None, machine_clips: MachineClips | None
) -> Told | None:
    """What known recordings tell, if they are asked; guessed noise tells nothing."""
    level_db = clips.spectrogram.level_db
    if config.clip_level != "auto":
        return None
    if noise:
        stretches = noise.stretches(clips.frames)
        return standing_out_quantile(clips.levels_db(), map(level_db, stretches))
    if machine_clips:
        stretches = machine_clips.reel.stretches(clips.frames)
        return least_noisy_quantile(clips.levels_db(), map(level_db, stretches))
    return None
