"""Made-up machines in DCASE layout: a fan and a gearbox, healthy and faulty, in factory noise, with
the clean signal kept as reference.

Every clip has its own generator, drawn from (seed, machine, split, number): other sizes or a second
run change no clip.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.demo import sounds
from dcase_denoise_plugin.demo.sounds import SAMPLE_RATE_HZ
from dcase_denoise_plugin.names import Folders
from dcase_denoise_plugin.sound.audio import write_wav

MACHINE_LEVEL = (
    0.01  # root mean square, full scale 1; leaves room for the bursts of noise at the lowest SNR
)
SNR_RANGE_DB = (-10.0, 0.0)
DATASET_FOLDER = Folders(Path(), "dev").raw("DCASE2025T2")
REFERENCE_FOLDER = Path("reference")


@dataclasses.dataclass(frozen=True)
class Domain:
    """Working conditions of a domain: speeds of the shaft, the load, and what makes noise
    nearby.
    """

    speeds_hz: tuple[float, ...]
    load: float
    noise: tuple[tuple[sounds.Noise, float], ...]


@dataclasses.dataclass(frozen=True)
class MadeUpMachine:
    """A machine type: its sound, its faults and its two domains."""

    sound: Callable[[np.random.Generator, float, float, str | None, int], np.ndarray]
    faults: tuple[str, ...]
    domains: dict[str, Domain]


MACHINES = {
    "fan": MadeUpMachine(
        sounds.fan,
        ("imbalance", "bearing", "squeal"),
        {
            "source": Domain(
                (24.0, 27.0, 30.0),
                1.0,
                ((sounds.rumble, 1.0), (sounds.hum, 0.5), (sounds.hammer, 0.5)),
            ),
            "target": Domain(
                (29.0, 32.0), 1.1, ((sounds.rumble, 1.0), (sounds.hum, 0.5), (sounds.voices, 0.5))
            ),
        },
    ),
    "gearbox": MadeUpMachine(
        sounds.gearbox,
        ("tooth", "bearing", "lost harmonic"),
        {
            "source": Domain(
                (17.0, 19.0, 21.0),
                1.0,
                ((sounds.rumble, 1.0), (sounds.air, 0.6), (sounds.hammer, 0.4)),
            ),
            "target": Domain(
                (20.0, 22.0), 1.1, ((sounds.rumble, 1.0), (sounds.hum, 0.5), (sounds.hammer, 0.4))
            ),
        },
    ),
}


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip: its file name, the machine alone and the noise alone, both float64 (samples,), full
    scale ±1.
    """

    name: str
    machine: np.ndarray
    noise: np.ndarray


def make_machines(
    destination: Path,
    source_train: int = 80,
    target_train: int = 8,
    test: int = 15,
    noise: int = 30,
    clip_s: float = 4.0,
    seed: int = 0,
    machine_types: tuple[str, ...] = tuple(MACHINES),
    clean: bool = False,
) -> list[Path]:
    """Writes every machine under ``<destination>/data/dcase2025t2/dev_data/raw/`` and the test
    clips' clean signals under ``<destination>/reference/``.

    A file that already holds the right samples stays untouched, and clips that do not belong there
    go.

    Parameters
    ----------
    source_train, target_train : normal training clips of each domain.
    test : test clips of each domain and label.
    noise : noise-only clips in ``supplemental``, in the source domain's noise.
    clip_s : length of every clip in s.
    seed : of everything drawn.
    machine_types : names out of `MACHINES`.
    clean : leaves the noise out, which is what an ideal denoiser would hand over.

    Returns
    -------
    list of Path
        The machines' folders.
    """
    folders = []
    for machine_type in machine_types:
        folder = Path(destination) / DATASET_FOLDER / machine_type
        tests = list(test_clips(machine_type, test, clip_s, seed))
        _write_clips(
            folder / "train",
            (
                _mixed(clip, clean)
                for clip in train_clips(machine_type, source_train, target_train, clip_s, seed)
            ),
        )
        _write_clips(folder / "test", (_mixed(clip, clean) for clip in tests))
        _write_clips(folder / "supplemental", noise_clips(machine_type, noise, clip_s, seed))
        _write_clips(
            Path(destination) / REFERENCE_FOLDER / machine_type / "test",
            ((clip.name, clip.machine) for clip in tests),
        )
        folders.append(folder)
    return folders


def train_clips(
    machine_type: str, source: int, target: int, clip_s: float, seed: int
) -> Iterator[Clip]:
    """The normal training clips of a machine, `source` and `target` of them."""
    for domain, count in (("source", source), ("target", target)):
        for number in range(count):
            yield _clip(machine_type, domain, "train", None, number, clip_s, seed)


def test_clips(machine_type: str, count: int, clip_s: float, seed: int) -> Iterator[Clip]:
    """The test clips of a machine, `count` of each domain and label; the faults take turns."""
    faults = MACHINES[machine_type].faults
    for domain in MACHINES[machine_type].domains:
        for number in range(count):
            yield _clip(machine_type, domain, "test", None, number, clip_s, seed)
            yield _clip(
                machine_type, domain, "test", faults[number % len(faults)], number, clip_s, seed
            )


# pytest would collect it where it is imported
test_clips.__test__ = False  # type: ignore[attr-defined]


def noise_clips(
    machine_type: str, count: int, clip_s: float, seed: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(file name, wav) of the clips that hold the source domain's noise alone, at the levels it has
    in the mixtures.
    """
    parts = MACHINES[machine_type].domains["source"].noise
    for number in range(count):
        rng = _generator(seed, machine_type, "source", "noise", None, number)
        level = MACHINE_LEVEL * 10 ** (-rng.uniform(*SNR_RANGE_DB) / 20)
        yield (
            f"section_00_noise_{number:04d}_.wav",
            level * sounds.factory(rng, parts, round(clip_s * SAMPLE_RATE_HZ)),
        )


def _clip(
    machine_type: str,
    domain: str,
    split: str,
    fault: str | None,
    number: int,
    clip_s: float,
    seed: int,
) -> Clip:
    kind, samples = MACHINES[machine_type], round(clip_s * SAMPLE_RATE_HZ)
    conditions = kind.domains[domain]
    rng = _generator(seed, machine_type, domain, split, fault, number)
    speed_hz = conditions.speeds_hz[number % len(conditions.speeds_hz)]
    # No drive holds its set point exactly; without the scatter a few mel bands tell the domains
    # apart and AUC (target) measures nothing else.
    machine = kind.sound(rng, speed_hz * rng.uniform(0.97, 1.03), conditions.load, fault, samples)
    snr_db = rng.uniform(*SNR_RANGE_DB)
    machine = MACHINE_LEVEL * 10 ** (rng.uniform(-1, 1) / 20) * machine
    noise = (
        sounds.rms(machine) * 10 ** (-snr_db / 20) * sounds.factory(rng, conditions.noise, samples)
    )
    label = "anomaly" if fault else "normal"
    snr = f"{snr_db:.1f}".replace("-", "m")
    return Clip(
        f"section_00_{domain}_{split}_{label}_{number:04d}_spd_{speed_hz:.0f}Hz_snr_{snr}.wav",
        machine,
        noise,
    )


def _generator(
    seed: int, machine_type: str, domain: str, split: str, fault: str | None, number: int
) -> np.random.Generator:
    key = "/".join(("made-up", machine_type, domain, split, "anomaly" if fault else "normal"))
    return np.random.default_rng([seed, number, *key.encode()])


def _mixed(clip: Clip, clean: bool) -> tuple[str, np.ndarray]:
    return clip.name, clip.machine if clean else clip.machine + clip.noise


def _write_clips(folder: Path, clips: Iterable[tuple[str, np.ndarray]]) -> None:
    names = set()
    for name, wav in clips:
        names.add(name)
        if not _holds(folder / name, wav):
            write_wav(folder / name, wav, SAMPLE_RATE_HZ)
    for path in set(folder.glob("*.wav")):
        if path.name not in names:
            path.unlink()


def _holds(path: Path, wav: np.ndarray) -> bool:
    """Whether `path` holds `wav` as 16-bit samples; its time then stays, on which finished features
    and denoisers rest.
    """
    try:
        there, sample_rate_hz = soundfile.read(path, dtype="float64")
    except (OSError, RuntimeError):
        return False
    return (
        sample_rate_hz == SAMPLE_RATE_HZ
        and there.shape == wav.shape
        and np.abs(there - wav).max() < 2**-15
    )
