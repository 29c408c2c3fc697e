"""Recordings of a machine under recorded noise, laid out as a machine type of the baseline: test
sets of our own that no choice was made by.
"""

from __future__ import annotations

import dataclasses
import io
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import librosa
import numpy as np
import soundfile
from scipy import signal

from benchmarks.scratch import RATE_HZ
from dcase_denoise_plugin.sound.audio import write_wav

NOISE_CLIPS = 60
LEVEL = 0.02  # root mean square of the machine, full scale 1
STEADY_DB = (
    -5.0
)  # recordings whose lower tenth over time lies no further than this below their mean
MACHINES, WIND, WATER, TRAFFIC = (
    range(18, 30),
    range(70, 79),
    range(56, 70),
    range(44, 47),
)  # Hu's numbers

Noise = tuple[list[np.ndarray], list[np.ndarray]]  # recordings for training and for test clips
Alone = dict[
    tuple[str, str, str], list[np.ndarray]
]  # clips of the machine alone by split, domain and label, all of one length


@dataclasses.dataclass(frozen=True)
class Mixture:
    """A set: its name in docs/experiments.md, kinds of noise in source and target domain,
    one drawn for each clip, and the SNR's range in dB.
    """

    name: str
    source: Sequence[Noise]
    target: Sequence[Noise]
    snr_db: tuple[float, float]

    def clips(
        self, alone: Alone, rng: np.random.Generator
    ) -> Iterator[tuple[str, str, np.ndarray]]:
        """(split, file name, wav) of every clip."""
        for (split, domain, label), wavs in alone.items():
            for index, wav in enumerate(wavs):
                noise, snr_db = self._noise(domain, split, len(wav), rng), rng.uniform(*self.snr_db)
                name = (
                    f"section_00_{domain}_{split}_{label}_{index:04d}_snr_{snr_db:.1f}.wav".replace(
                        "-", "m"
                    )
                )
                yield (
                    split,
                    name,
                    LEVEL * (wav / np.sqrt(np.mean(wav**2)))
                    + LEVEL * (of_level_1(noise) * 10 ** (-snr_db / 20)),
                )
        training = [kind[0] for kind in self.source]
        for index in range(NOISE_CLIPS):
            noise = stretch(training[index % len(training)], len(wav), rng)
            yield (
                "supplemental",
                f"section_00_noise_{index:04d}_.wav",
                LEVEL * 10 ** (-np.mean(self.snr_db) / 20) * of_level_1(noise),
            )

    def lay_out(self, folder: Path, alone: Alone, rng: np.random.Generator) -> None:
        """Writes the training, test and noise clips into a machine's folder."""
        for split, name, wav in self.clips(alone, rng):
            write_wav(folder / split / name, np.clip(wav, -1, 1), RATE_HZ)
        click.echo(f"{self.name}: written to {folder}")

    def _noise(self, domain, split, samples, rng):
        kinds = getattr(self, domain)
        return stretch(kinds[rng.integers(len(kinds))][split == "test"], samples, rng)


def hu(noises: Path, numbers: Sequence[int]) -> list[np.ndarray]:
    """Hu's nonspeech sounds of these numbers, from a clone of github.com/speechdnn/Noises:
    (samples,) at `RATE_HZ`.
    """
    return [recording(noises, f"Nonspeech/n{number}.wav") for number in numbers]


def machines_and_wind(noises: Path) -> tuple[list[Noise], list[Noise]]:
    """Hu's machines and wind for the source domain, his machines and water for the target."""
    machines, wind, water = (halves(hu(noises, numbers)) for numbers in (MACHINES, WIND, WATER))
    return [machines, wind], [machines, water]


def steady(noises: Path) -> list[Noise]:
    """Those of Hu's machines, wind, water and traffic that have no pauses, (samples,) at `RATE_HZ`
    each.
    """
    return [
        halves(
            [
                wav
                for wav in hu(noises, [*MACHINES, *WIND, *WATER, *TRAFFIC])
                if depth_of_pauses_db(wav) > STEADY_DB
            ]
        )
    ]


def halves(recordings: list[np.ndarray]) -> Noise:
    """Every other recording for training, the rest for test clips."""
    return recordings[::2], recordings[1::2]


def depth_of_pauses_db(wav: np.ndarray) -> float:
    """How far the lower tenth over time lies from the mean, on average over the log-mel bands: dB,
    negative.
    """
    level_db = librosa.power_to_db(
        librosa.feature.melspectrogram(
            y=wav.astype(np.float32), sr=RATE_HZ, n_fft=1024, hop_length=512, n_mels=128
        )
    )
    return float((np.quantile(level_db, 0.1, axis=1) - level_db.mean(1)).mean())


def recording(repository: Path, path: str) -> np.ndarray:
    """The first channel of a wav file of a git repository, (samples,) at `RATE_HZ`."""
    wav, rate_hz = soundfile.read(
        io.BytesIO(git(repository, "show", f"HEAD:{path}")), always_2d=True
    )
    common = np.gcd(rate_hz, RATE_HZ)
    return (
        wav[:, 0]
        if rate_hz == RATE_HZ
        else signal.resample_poly(wav[:, 0], RATE_HZ // common, rate_hz // common)
    )


def git(repository: Path, *command: str) -> bytes:
    """What a git command says in a clone of recordings. Raises ClickException if it fails."""
    run = subprocess.run(["git", "-C", repository, *command], capture_output=True)
    if run.returncode:
        raise click.ClickException(
            f"recordings: expected a clone of the data set in {repository}, got"
            f" {run.stderr.decode().strip()!r} from git {' '.join(command)}. Clone the repository"
            " that the benchmark's docstring names."
        )
    return run.stdout


def stretch(recordings, samples, rng):
    """So many samples of one of the recordings: it starts anywhere and begins again where
    it ends.
    """
    found, turns = recordings[rng.integers(len(recordings))], []
    while sum(map(len, turns)) < samples:
        start = rng.integers(
            max(1, len(found) - 1)
        )  # drawn at every turn, used at the first: so the measured sets were drawn
        turns.append(found if turns else np.roll(found, -start))
    return np.concatenate(turns)[:samples]


def of_level_1(wav):
    return wav / np.sqrt(np.mean(wav**2) + 1e-12)  # a stretch of noise may be silent
