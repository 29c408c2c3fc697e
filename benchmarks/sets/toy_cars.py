"""DCASE's toy cars under further recorded noise, whose recordings are at hand: laid out as machine
types of the baseline.

``python -m benchmarks.sets.toy_cars TOYCAR NOISES CHECKOUT`` reads the machine type in TOYCAR
(``train`` and ``test``, clips named as by DCASE) and a clone of github.com/speechdnn/Noises (Hu's
100 nonspeech sounds), and writes each set into a machine's folder of CHECKOUT. Domains, faults and
the factory noise in the clips are DCASE's own; for the mixture the clip with that noise is the
machine. docs/experiments.md says what became of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np

from benchmarks.scratch import RAW
from benchmarks.sets.mixing import Alone, Mixture, machines_and_wind, steady
from dcase_denoise_plugin.sound.audio import read_wav

SEED = 1
SNR_DB = (-10.0, 0.0)


def sets(noises: Path) -> dict[str, Mixture]:
    """Every set, by the machine type it is laid out as."""
    without_pauses = steady(noises)
    return {
        "ToyCar": Mixture("toy cars", *machines_and_wind(noises), SNR_DB),
        "ToyTrain": Mixture("toy cars, steady", without_pauses, without_pauses, SNR_DB),
    }


def toy_cars(folder: Path) -> Alone:
    """The clips by split, domain and label, in the order of their names; float32 (samples,), full
    scale ±1. Raises ClickException at a name of another form.
    """
    found: Alone = {}
    for split in ("train", "test"):
        for file in sorted((folder / split).glob("*.wav")):
            named = re.match(rf"section_00_(source|target)_{split}_(normal|anomaly)_", file.name)
            if not named:
                raise click.ClickException(
                    f"toy cars: expected a clip named section_00_<domain>_{split}_<label>_…, got"
                    f" {file}. Name a machine type of DCASE."
                )
            found.setdefault((split, *named.groups()), []).append(read_wav(file)[0])
    return found


@click.command()
@click.argument("toycar", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("noises", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("checkout", type=click.Path(path_type=Path, exists=True, file_okay=False))
def main(toycar, noises, checkout):
    """Write the sets into the machine folders of CHECKOUT."""
    alone = toy_cars(toycar)
    for machine, mixture in sets(noises).items():
        mixture.lay_out(checkout / RAW / machine, alone, np.random.default_rng(SEED))


if __name__ == "__main__":
    main()
