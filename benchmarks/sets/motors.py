"""Small motors under recorded noise that played no part in any choice, laid out as machine types of
the baseline.

``python -m benchmarks.sets.motors MOTORS NOISES CHECKOUT`` reads clones of
github.com/jonnyk21/motor-sounds-classifier (214 recordings of 6 s in five classes) and
github.com/speechdnn/Noises (Hu's 100 nonspeech sounds), and writes each set into a machine's folder
of CHECKOUT. What the classes mean is not on record: the one numbered 0 is taken for normal, the
others for anomalies. The domains differ in their noise. Clips of training and test, and of the
domains, come of different recordings. docs/experiments.md says what became of them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np

from benchmarks.scratch import RATE_HZ, RAW
from benchmarks.sets.mixing import Alone, Mixture, git, machines_and_wind, recording

CLIP_S = 5  # of 6 recorded, starting anywhere: 42 recordings of class 0 become 208 clips
SEED = 1
SOURCE_CLIPS, TARGET_CLIPS, TEST_CLIPS = 148, 10, 25


def sets(noises: Path) -> dict[str, Mixture]:
    """Every set, by the machine type it is laid out as."""
    noise = machines_and_wind(noises)
    return {
        "fan": Mixture("motors", *noise, (-10.0, 0.0)),
        "gearbox": Mixture("motors, soft", *noise, (0.0, 10.0)),
    }


def motors(repository: Path, rng: np.random.Generator) -> Alone:
    """Clips of the motors alone."""
    normal, anomalous = named(repository)
    rng.shuffle(normal)
    rng.shuffle(anomalous)
    half = len(anomalous) // 2
    wanted = {
        ("train", "source", "normal"): (normal[:22], SOURCE_CLIPS),
        ("train", "target", "normal"): (normal[22:26], TARGET_CLIPS),
        ("test", "source", "normal"): (normal[26:34], TEST_CLIPS),
        ("test", "target", "normal"): (normal[34:], TEST_CLIPS),
        ("test", "source", "anomaly"): (anomalous[:half], TEST_CLIPS),
        ("test", "target", "anomaly"): (anomalous[half:], TEST_CLIPS),
    }
    return {
        key: _cuts(
            [recording(repository, f"data/sound_files/{name}") for name in names], count, rng
        )
        for key, (names, count) in wanted.items()
    }


def named(repository: Path) -> tuple[list[str], list[str]]:
    """File names of class 0 and of the other classes."""
    rows = list(
        csv.DictReader(io.StringIO(git(repository, "show", "HEAD:data/motor_sounds.csv").decode()))
    )
    return tuple(
        sorted(row["Filename"] for row in rows if (row["Classname"] == "0") == normal)
        for normal in (True, False)
    )


def _cuts(
    recordings: Sequence[np.ndarray], count: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """So many clips, one recording after the other, each from anywhere in it."""
    length = CLIP_S * RATE_HZ
    starts = (
        rng.integers(len(recordings[index % len(recordings)]) - length + 1)
        for index in range(count)
    )
    return [
        recordings[index % len(recordings)][start : start + length]
        for index, start in enumerate(starts)
    ]


@click.command()
@click.argument(
    "motors_repository",
    metavar="MOTORS",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
)
@click.argument("noises", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("checkout", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(motors_repository, noises, checkout):
    """Write the sets into the machine folders of CHECKOUT."""
    for machine, mixture in sets(noises).items():
        rng = np.random.default_rng(SEED)
        mixture.lay_out(checkout / RAW / machine, motors(motors_repository, rng), rng)


if __name__ == "__main__":
    main()
