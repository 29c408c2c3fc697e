"""A drone's flights under recorded noise that played no part in any choice, laid out as machine
types of the baseline.

``python -m benchmarks.sets.flights UAV NOISES FAN CHECKOUT`` reads clones of
github.com/tiiuae/UAV-Propeller-Anomaly-Audio-Dataset and github.com/speechdnn/Noises (Hu's 100
nonspeech sounds) and the noise recordings of the machine type in FAN, and writes each set into a
machine's folder of CHECKOUT. Normal are flights with four whole propellers, anomalies are flights
with two broken ones; square flights are the source domain, figures of eight the target. Training
and test clips share neither a flight nor a noise recording. docs/experiments.md says what became of
them.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.scratch import RATE_HZ, RAW
from benchmarks.sets.mixing import (
    Alone,
    Mixture,
    depth_of_pauses_db,
    git,
    halves,
    machines_and_wind,
    recording,
    steady,
)
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.machine import NOISE_MARK

CLIP_S, EDGE_S = 10, 5  # a flight's first and last seconds are take-off and landing
SEED = 1
# Flights that training clips are cut from; the others are the test's.
TRAIN_FLIGHTS = {"square": 38, "f8": 6}
SOURCE_CLIPS, TARGET_CLIPS, TEST_CLIPS = 190, 10, 25
LOUD_DB, SOFT_DB = (-22.0, -12.0), (-5.0, 5.0)  # SNR, the machine above the noise


def sets(noises: Path, fan: Path) -> dict[str, Mixture]:
    """Every set, by the machine type it is laid out as."""
    mixed, without_pauses = machines_and_wind(noises), steady(noises)
    by_depth = sorted(
        (read_wav(file)[0].astype(np.float64) for file in sorted(fan.glob(f"*{NOISE_MARK}*.wav"))),
        key=depth_of_pauses_db,
    )
    pauses, hardly_any = [halves(by_depth[:24])], [halves(by_depth[-30:])]
    return {
        "fan": Mixture("machines and wind", *mixed, LOUD_DB),
        "gearbox": Mixture("machines and wind, soft", *mixed, SOFT_DB),
        "valve": Mixture("pauses, soft", pauses, pauses, SOFT_DB),
        "bearing": Mixture("hardly any pauses", hardly_any, hardly_any, LOUD_DB),
        "slider": Mixture("steady", without_pauses, without_pauses, LOUD_DB),
        "ToyTrain": Mixture("steady, soft", without_pauses, without_pauses, (-8.0, 2.0)),
    }


def flights(uav: Path, rng: np.random.Generator) -> Alone:
    """Clips of the drone alone."""
    names = git(uav, "ls-tree", "-r", "HEAD", "--name-only").decode().splitlines()
    found = {
        (kind, shape): sorted(
            name
            for name in names
            if name.endswith(".wav") and f"Dataset/{kind}" in name and f"_{shape}" in name
        )
        for kind, shape in (
            ("normal", "square"),
            ("normal", "f8"),
            ("2_broken", "square"),
            ("2_broken", "f8"),
        )
    }
    for files in found.values():
        rng.shuffle(files)
    square, eight = found["normal", "square"], found["normal", "f8"]
    wanted = {
        ("train", "source", "normal"): (square[: TRAIN_FLIGHTS["square"]], SOURCE_CLIPS),
        ("train", "target", "normal"): (eight[: TRAIN_FLIGHTS["f8"]], TARGET_CLIPS),
        ("test", "source", "normal"): (square[TRAIN_FLIGHTS["square"] :], TEST_CLIPS),
        ("test", "target", "normal"): (eight[TRAIN_FLIGHTS["f8"] :], TEST_CLIPS),
        ("test", "source", "anomaly"): (found["2_broken", "square"], TEST_CLIPS),
        ("test", "target", "anomaly"): (found["2_broken", "f8"], TEST_CLIPS),
    }
    return {
        key: _pieces([recording(uav, file) for file in files], rng)[:count]
        for key, (files, count) in wanted.items()
    }


def _pieces(recordings, rng):
    """The recordings without their edges, cut into clips, in any order."""
    edge, length = EDGE_S * RATE_HZ, CLIP_S * RATE_HZ
    pieces = [
        wav[start : start + length]
        for wav in recordings
        for start in range(edge, len(wav) - edge - length + 1, length)
    ]
    rng.shuffle(pieces)
    return pieces


@click.command()
@click.argument("uav", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("noises", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("fan", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("checkout", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(uav, noises, fan, checkout):
    """Write the sets into the machine folders of CHECKOUT."""
    for machine, mixture in sets(noises, fan / "supplemental").items():
        rng = np.random.default_rng(SEED)
        mixture.lay_out(checkout / RAW / machine, flights(uav, rng), rng)


if __name__ == "__main__":
    main()
