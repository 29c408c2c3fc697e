"""Where the added noise comes from, as spectra, and its level below a clip."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import scipy.ndimage
import torch

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.audio import check_file, read_wav
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum
from dcase_denoise_plugin.sound.clips import Clips, spectrum
from dcase_denoise_plugin.sound.machine import Machine, own_noise
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

# Noise clips beyond this are left out, evenly; 0.5 GB hold 380 clips of 10 s at 16 kHz.
MEMORY_BYTES = 2**29
# Sources that are recordings; the others are guesses.
RECORDED = ("supplemental", "other_machines", "folder")
# Supplemental noise this far above the clips is not in them. Measured where it is: -14 dB (`fan`)
# and -2 dB (made-up machines); and +6 and +9 dB where the made-up machines were recorded without
# it.
NOT_IN_THE_CLIPS_DB = 3.0
WHITE_NOISE_S = 200
FLOOR_QUANTILE = 0.1
# The floor is smoothed over this many bins (484 Hz at the baseline's settings), so that a machine's
# tonal lines are not taken for noise.
FLOOR_BINS = 31
STEEPEST_DB_PER_OCTAVE = 6.0


# Random numbers that a draw takes: the place on the reel, and the colour.
CHANCES = 2


class NoiseSource(Protocol):
    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        """Noise for each of the clips with these indices, at any level.

        Parameters
        ----------
        clips : (batch,) indices.
        chances : (batch, CHANCES) uniform in [0, 1): all that is random about the draw.

        Returns
        -------
        (batch, bins, frames) complex64.
        """

    def split(self, *parts: Sequence[int]) -> list[NoiseSource]:
        """A source for each part of the clips, whose draws are of no other's recordings; a part's
        clips are counted from 0.
        """


class Reel:
    """Noise recordings one after another; a draw is a stretch of it that starts anywhere.

    Parameters
    ----------
    spec : (bins, total frames) complex64.
    """

    def __init__(self, spec: torch.Tensor):
        self.spec = spec

    @classmethod
    def from_files(
        cls,
        files: Sequence[Path],
        spectrogram: Spectrogram,
        memory_bytes: int = MEMORY_BYTES,
        what: str = "noise clip",
    ) -> Reel:
        """Reads clips of 1 s or longer, called `what` in an error; evenly spread ones of them where
        all would take more than about `memory_bytes`.

        Raises AudioError if one cannot be read or is not of the rate of the machine's clips.
        """
        samples = [check_file(file).samples for file in files]
        in_all = read_noise(files[0], spectrogram, what).nbytes * sum(samples) // samples[0]
        kept = max(1, min(len(files), memory_bytes * len(files) // in_all))
        chosen = [files[index * len(files) // kept] for index in range(kept)]
        return cls(torch.cat([read_noise(file, spectrogram, what).mT for file in chosen]).mT)

    @classmethod
    def white(cls, spectrogram: Spectrogram, generator: torch.Generator) -> Reel:
        """White noise, long enough that draws rarely meet."""
        wav = torch.randn(WHITE_NOISE_S * spectrogram.sample_rate_hz, generator=generator)
        return cls(spectrum(wav.numpy(), spectrogram))

    def stretches(self, frames: int) -> Iterator[torch.Tensor]:
        """The reel cut into pieces, (bins, frames) complex64 each; the last one may overlap the one
        before.
        """
        total = self.spec.shape[-1]
        return (
            self.spec[:, start : start + frames]
            for start in [*range(0, total - frames, frames), max(total - frames, 0)]
        )

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        total = self.spec.shape[-1]
        starts = (chances[:, 0] * total).long()
        places = (
            starts[:, None] + torch.arange(frames, device=starts.device)
        ) % total  # the reel has no end: its first frame follows its last
        return self.spec.mT[places].mT

    def split(self, *parts: Sequence[int]) -> list[NoiseSource]:
        shares = torch.tensor([len(part) for part in parts]).cumsum(0) / sum(map(len, parts))
        cuts = (shares * self.spec.shape[-1]).round().long().tolist()
        return [Reel(self.spec[:, start:end]) for start, end in zip([0, *cuts], cuts)]


class Floor:
    """Noise with the spectrum of the clip's own noise floor: the level each bin stays above for
    nine tenths of the time.

    Raises
    ------
    DataError
        If a clip has no noise floor because it is digitally silent for a tenth of its time.
    """

    def __init__(self, clips: Clips, white: Reel):
        self.white = white
        self.shapes = torch.stack(
            [noise_floor(clips[index].abs()) for index in range(len(clips))]
        )  # (clips, bins) amplitude
        silent = [file for file, shape in zip(clips.files, self.shapes) if not shape.any()]
        if silent:
            raise DataError(
                "denoise_noise_source floor: expected clips with a noise floor, got digital"
                f" silence for a tenth of the time in {silent[0]}. Choose denoise_noise_source:"
                " coloured."
            )

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        return self.white.draw(clips, frames, chances) * self.shapes[clips][..., None]

    def split(self, *parts: Sequence[int]) -> list[NoiseSource]:
        sources = []
        for part, white in zip(parts, self.white.split(*parts)):
            source = copy.copy(self)
            source.shapes, source.white = self.shapes[part], white
            sources.append(source)
        return sources


class Coloured:
    """Noise that falls by 0 (white) to 6 dB per octave (brown), drawn anew each time."""

    def __init__(self, white: Reel):
        self.white = white

    def draw(self, clips: torch.Tensor, frames: int, chances: torch.Tensor) -> torch.Tensor:
        noise = self.white.draw(clips, frames, chances)
        slopes_db = STEEPEST_DB_PER_OCTAVE * chances[:, 1:]
        octaves = torch.arange(noise.shape[1], device=noise.device).clamp_min(1).log2()
        return noise * (10 ** (-slopes_db * octaves / 20))[..., None]

    def split(self, *parts: Sequence[int]) -> list[NoiseSource]:
        return [Coloured(white) for white in self.white.split(*parts)]


def noise_source(
    machine: Machine, config: DenoiseConfig, clips: Clips, generator: torch.Generator
) -> NoiseSource:
    """The source that ``denoise_noise_source`` names for this machine. Raises DataError if that
    source has no clips.
    """
    if files := noise_recordings(machine, config):
        return Reel.from_files(files, clips.spectrogram)
    white = Reel.white(clips.spectrogram, generator)
    return Floor(clips, white) if source_name(machine, config) == "floor" else Coloured(white)


def noise_recordings(machine: Machine, config: DenoiseConfig) -> tuple[Path, ...]:
    """The files that ``denoise_noise_source`` names for this machine, none where it names a guess.
    Raises DataError if there should be some.
    """
    name, files = source_name(machine, config), ()
    if name == "folder":
        return own_noise(config)
    if name in RECORDED:
        files, where = {
            "supplemental": (machine.noise_files, "its supplemental folder (names with _noise_)"),
            "other_machines": (
                machine.other_files,
                "the train folders of the machine types beside it",
            ),
        }[name]
        if not files:
            raise DataError(
                f"denoise_noise_source {name}: expected at least 1 noise clip for machine"
                f" {machine.machine_type}, got 0 in {where}. Put clips there or choose"
                " denoise_noise_source: floor."
            )
    return files


def noise_is_known(
    machine: Machine, config: DenoiseConfig, clips: Clips, noise: NoiseSource
) -> bool:
    """Whether `noise` is recordings of the noise in the machine's clips, not a guess. Recordings
    that the user named are; supplemental ones must fit.
    """
    name = source_name(machine, config)
    if config.noise_source == "auto" and name == "supplemental":
        return louder_than_clips_db(noise, clips) <= NOT_IN_THE_CLIPS_DB
    return name in RECORDED


def louder_than_clips_db(noise: Reel, clips: Clips) -> float:
    """How far noise alone lies above the clips, in the middle one of the rows; the level of a row
    is its median over time and recordings, dB.

    Clips that hold this noise are at least as loud as it is in every row, whatever the machine
    adds.
    """
    of_noise, of_clips = (
        torch.stack([clip_spectrum(level_db, 0.5)[:, 0] for level_db in levels]).median(0).values
        for levels in (
            map(clips.spectrogram.level_db, noise.stretches(clips.frames)),
            clips.levels_db(),
        )
    )
    return (of_noise - of_clips).median().item()


def source_name(machine: Machine, config: DenoiseConfig) -> str:
    """What ``denoise_noise_source`` comes to for this machine: never auto."""
    if config.noise_source != "auto":
        return config.noise_source
    return "folder" if config.noise_folder else "supplemental" if machine.noise_files else "floor"


def noise_floor(magnitude: torch.Tensor) -> torch.Tensor:
    """(bins, frames) -> (bins,): low quantile over time, median-smoothed over frequency."""
    floor = magnitude.quantile(FLOOR_QUANTILE, dim=-1).cpu().numpy()
    return torch.from_numpy(scipy.ndimage.median_filter(floor, FLOOR_BINS, mode="nearest")).to(
        magnitude.device
    )


def gain_at_snr(clip: torch.Tensor, noise: torch.Tensor, snr_db: torch.Tensor) -> torch.Tensor:
    """Factor that puts `noise` `snr_db` below `clip`: specs (batch, bins, frames), SNR (batch,) ->
    (batch,).
    """
    clip_energy, noise_energy = energy(clip), energy(noise)
    return (clip_energy / noise_energy.clamp_min(1e-20)).sqrt() * 10 ** (-snr_db / 20)


def energy(spec: torch.Tensor) -> torch.Tensor:
    """Energy of the waveforms behind one-sided spectra, up to a constant: (batch, bins, frames) ->
    (batch,).
    """
    values = torch.view_as_real(spec.mT).flatten(1)
    edges = spec[
        :, :: spec.shape[1] - 1
        # the first and the last bin stand for themselves alone, the others for their mirror images
        # too
    ]
    return 2 * torch.linalg.vecdot(values, values) - (
        edges.real.square() + edges.imag.square()
    ).sum((1, 2))


def read_noise(file: Path, spectrogram: Spectrogram, what: str = "noise clip") -> torch.Tensor:
    """Spectrum of a supplemental clip, (bins, frames) complex64. Raises AudioError if it cannot be
    read or has another sample rate than the machine's clips.
    """
    wav, sample_rate_hz = read_wav(file)
    if sample_rate_hz != spectrogram.sample_rate_hz:
        raise AudioError(
            f"{what}: expected {spectrogram.sample_rate_hz} Hz as in the machine's training clips,"
            f" got {sample_rate_hz} Hz in {file}. Resample or remove the file."
        )
    return spectrum(wav, spectrogram)


# Share of the noisy pairs whose target is the machine alone; the others keep the network at the
# sound of the training clips.
SHARE = 0.5


class MachineClips:
    """Stretches of the machine alone that stand in for training clips.

    Parameters
    ----------
    reel : the recordings, end to end.
    """

    def __init__(self, reel: Reel):
        self.reel = reel
        self.energy_per_frame = energy(reel.spec[None]) / reel.spec.shape[-1]

    @classmethod
    def of(cls, machine: Machine, spectrogram: Spectrogram) -> MachineClips | None:
        """Those of `machine`, None if it has none. Raises AudioError if one cannot be read or has
        another sample rate than the training clips.
        """
        return (
            cls(Reel.from_files(machine.machine_files, spectrogram, what="machine clip"))
            if machine.machine_files
            else None
        )

    def put_in(
        self, clips: torch.Tensor, noisy: torch.Tensor, chances: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Replaces a share of those `clips` that are to get noise, (batch, bins, frames) complex64,
        by the machine alone at the level of the clip.

        The recordings are raised by their mean level, not stretch by stretch, so that a machine
        that pauses still does. `chances` are (batch, 1 + CHANCES) uniform in [0, 1).

        Returns
        -------
        The clips, and which of them were replaced, (batch,) bool.
        """
        replaced = noisy & (chances[:, 0] < SHARE)
        alone = self.reel.draw(torch.arange(len(clips)), clips.shape[-1], chances[:, 1:])
        gain = (energy(clips) / (self.energy_per_frame * clips.shape[-1])).sqrt()[:, None, None]
        return torch.where(replaced[:, None, None], alone * gain, clips), replaced
