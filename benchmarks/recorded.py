"""Sets of recordings that played no part in any choice: a drone's flights under recorded noise, laid out as machine types of the baseline.

``python -m benchmarks.recorded UAV NOISES FAN CHECKOUT`` reads clones of github.com/tiiuae/UAV-Propeller-Anomaly-Audio-Dataset and github.com/speechdnn/Noises
(Hu's 100 nonspeech sounds) and the noise recordings of the machine type in FAN, and writes each set into a machine's folder of CHECKOUT. Normal are flights
with four whole propellers, anomalies are flights with two broken ones; square flights are the source domain, figures of eight the target. Training and test
clips share neither a flight nor a noise recording. docs/quality.md says what became of them.
"""
from __future__ import annotations

import dataclasses
import io
import subprocess
from pathlib import Path
from typing import Sequence

import click
import librosa
import numpy as np
import soundfile
from scipy import signal

from benchmarks.scratch import RAW, RATE_HZ
from dcase_denoise_plugin.audio import read_wav, write_wav
from dcase_denoise_plugin.machine import NOISE_MARK

CLIP_S, EDGE_S = 10, 5  # a flight's first and last seconds are take-off and landing
SEED = 1
# Flights that training clips are cut from; the others are the test's.
TRAIN_FLIGHTS = {"square": 38, "f8": 6}
SOURCE_CLIPS, TARGET_CLIPS, TEST_CLIPS, NOISE_CLIPS = 190, 10, 25, 60
LEVEL = 0.02  # root mean square of the machine, full scale 1
LOUD_DB, SOFT_DB = (-22.0, -12.0), (-5.0, 5.0)  # SNR, the machine above the noise
MACHINES, WIND, WATER, TRAFFIC = range(18, 30), range(70, 79), range(56, 70), range(44, 47)  # Hu's numbers
STEADY_DB = -5.0  # recordings whose lower tenth over time lies no further than this below their mean

Noise = tuple[list[np.ndarray], list[np.ndarray]]  # recordings for training and for test clips


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A set: its name in docs/quality.md, kinds of noise in the source and in the target domain, one drawn for each clip, and the SNR's range in dB."""

    name: str
    source: Sequence[Noise]
    target: Sequence[Noise]
    snr_db: tuple[float, float]


def sets(noises: Path, fan: Path) -> dict[str, Recorded]:
    """Every set, by the machine type it is laid out as."""
    machines, wind, water = (halves(hu(noises, numbers)) for numbers in (MACHINES, WIND, WATER))
    mixed = [machines, wind], [machines, water]
    steady = [halves([wav for wav in hu(noises, [*MACHINES, *WIND, *WATER, *TRAFFIC]) if depth_of_pauses_db(wav) > STEADY_DB])]
    by_depth = sorted((read_wav(file)[0].astype(np.float64) for file in sorted(fan.glob(f"*{NOISE_MARK}*.wav"))), key=depth_of_pauses_db)
    pauses, hardly_any = [halves(by_depth[:24])], [halves(by_depth[-30:])]
    return {
        "fan": Recorded("machines and wind", *mixed, LOUD_DB),
        "gearbox": Recorded("machines and wind, soft", *mixed, SOFT_DB),
        "valve": Recorded("pauses, soft", pauses, pauses, SOFT_DB),
        "bearing": Recorded("hardly any pauses", hardly_any, hardly_any, LOUD_DB),
        "slider": Recorded("steady", steady, steady, LOUD_DB),
        "ToyTrain": Recorded("steady, soft", steady, steady, (-8.0, 2.0)),
    }


def lay_out(folder: Path, flights: Path, recorded: Recorded) -> None:
    """Writes the set's training, test and noise clips into a machine's folder."""
    rng = np.random.default_rng(SEED)
    for split, name, wav in clips(clips_of_flights(flights, rng), recorded, rng):
        write_wav(folder / split / name, np.clip(wav, -1, 1), RATE_HZ)


def clips(machine: dict[tuple[str, str, str], list[np.ndarray]], recorded: Recorded, rng: np.random.Generator):
    """(split, file name, wav) of every clip; `machine` holds clips of the machine alone by split, domain and label."""
    for (split, domain, label), alone in machine.items():
        for index, wav in enumerate(alone):
            noise, snr_db = _noise(getattr(recorded, domain), split, rng), rng.uniform(*recorded.snr_db)
            name = f"section_00_{domain}_{split}_{label}_{index:04d}_snr_{snr_db:.1f}.wav".replace("-", "m")
            yield split, name, LEVEL * (wav / np.sqrt(np.mean(wav**2))) + LEVEL * (_of_level_1(noise) * 10 ** (-snr_db / 20))
    training = [kind[0] for kind in recorded.source]
    for index in range(NOISE_CLIPS):
        noise = _stretch(training[index % len(training)], rng)
        yield "supplemental", f"section_00_noise_{index:04d}_.wav", LEVEL * 10 ** (-np.mean(recorded.snr_db) / 20) * _of_level_1(noise)


def clips_of_flights(flights: Path, rng: np.random.Generator) -> dict[tuple[str, str, str], list[np.ndarray]]:
    """Clips of the machine alone by split, domain and label."""
    names = _git(flights, "ls-tree", "-r", "HEAD", "--name-only").decode().splitlines()
    found = {(kind, shape): sorted(name for name in names if name.endswith(".wav") and f"Dataset/{kind}" in name and f"_{shape}" in name)
             for kind, shape in (("normal", "square"), ("normal", "f8"), ("2_broken", "square"), ("2_broken", "f8"))}
    for files in found.values():
        rng.shuffle(files)
    square, eight = found["normal", "square"], found["normal", "f8"]
    wanted = {
        ("train", "source", "normal"): (square[:TRAIN_FLIGHTS["square"]], SOURCE_CLIPS),
        ("train", "target", "normal"): (eight[:TRAIN_FLIGHTS["f8"]], TARGET_CLIPS),
        ("test", "source", "normal"): (square[TRAIN_FLIGHTS["square"]:], TEST_CLIPS),
        ("test", "target", "normal"): (eight[TRAIN_FLIGHTS["f8"]:], TEST_CLIPS),
        ("test", "source", "anomaly"): (found["2_broken", "square"], TEST_CLIPS),
        ("test", "target", "anomaly"): (found["2_broken", "f8"], TEST_CLIPS),
    }
    return {key: _pieces([_recording(flights, file) for file in files], rng)[:count] for key, (files, count) in wanted.items()}


def hu(noises: Path, numbers: Sequence[int]) -> list[np.ndarray]:
    """Hu's nonspeech sounds of these numbers, (samples,) at `RATE_HZ`."""
    return [_recording(noises, f"Nonspeech/n{number}.wav") for number in numbers]


def halves(recordings: list[np.ndarray]) -> Noise:
    """Every other recording for training, the rest for test clips."""
    return recordings[::2], recordings[1::2]


def depth_of_pauses_db(wav: np.ndarray) -> float:
    """How far the lower tenth over time lies from the mean, on average over the log-mel bands: dB, negative."""
    level_db = librosa.power_to_db(librosa.feature.melspectrogram(y=wav.astype(np.float32), sr=RATE_HZ, n_fft=1024, hop_length=512, n_mels=128))
    return float((np.quantile(level_db, 0.1, axis=1) - level_db.mean(1)).mean())


def _noise(kinds, split, rng):
    return _stretch(kinds[rng.integers(len(kinds))][split == "test"], rng)


def _stretch(recordings, rng):
    """A clip's length of one of the recordings: it starts anywhere and begins again where it ends."""
    recording, turns = recordings[rng.integers(len(recordings))], []
    while sum(map(len, turns)) < CLIP_S * RATE_HZ:
        start = rng.integers(max(1, len(recording) - 1))  # drawn at every turn, used at the first: so the measured sets were drawn
        turns.append(recording if turns else np.roll(recording, -start))
    return np.concatenate(turns)[:CLIP_S * RATE_HZ]


def _pieces(recordings, rng):
    """The recordings without their edges, cut into clips, in any order."""
    edge, length = EDGE_S * RATE_HZ, CLIP_S * RATE_HZ
    pieces = [wav[start:start + length] for wav in recordings for start in range(edge, len(wav) - edge - length + 1, length)]
    rng.shuffle(pieces)
    return pieces


def _of_level_1(wav):
    return wav / np.sqrt(np.mean(wav**2) + 1e-12)  # a stretch of noise may be silent


def _recording(repository, path):
    """The first channel of a wav file of a git repository, (samples,) at `RATE_HZ`."""
    wav, rate_hz = soundfile.read(io.BytesIO(_git(repository, "show", f"HEAD:{path}")), always_2d=True)
    common = np.gcd(rate_hz, RATE_HZ)
    return wav[:, 0] if rate_hz == RATE_HZ else signal.resample_poly(wav[:, 0], RATE_HZ // common, rate_hz // common)


def _git(repository, *command):
    run = subprocess.run(["git", "-C", repository, *command], capture_output=True)
    if run.returncode:
        raise click.ClickException(f"recordings: expected a clone of the data set in {repository}, got {run.stderr.decode().strip()!r} from "
                                   f"git {' '.join(command)}. Clone the repository that benchmarks/recorded.py names.")
    return run.stdout


@click.command()
@click.argument("uav", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("noises", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("fan", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("checkout", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(uav, noises, fan, checkout):
    """Write the sets into the machine folders of CHECKOUT."""
    for machine, recorded in sets(noises, fan / "supplemental").items():
        lay_out(checkout / RAW / machine, uav, recorded)
        click.echo(f"{recorded.name}: written to {checkout / RAW / machine}")


if __name__ == "__main__":
    main()
