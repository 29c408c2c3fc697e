"""Made-up machines in DCASE layout: a fan and a gearbox, healthy and faulty, in factory noise, with the clean signal kept as reference.

Signals follow the usual models of rotating machinery: harmonics of shaft, blade-passing and gear-meshing frequency that wander with the
speed, modulated flow and friction noise, and faults as what they do to these (R. B. Randall, Vibration-based Condition Monitoring, 2011).
Every clip has its own generator, drawn from (seed, machine, split, number): other sizes or a second run change no clip.
"""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Callable, Iterator

import numpy as np
import soundfile
from scipy import signal
from scipy.interpolate import CubicSpline

from dcase_denoise_plugin.audio import write_wav

SAMPLE_RATE_HZ = 16000
MACHINE_LEVEL = 0.01  # root mean square, full scale 1; leaves room for the bursts of noise at the lowest SNR
SNR_RANGE_DB = (-10.0, 0.0)
DATASET_FOLDER = Path("data", "dcase2025t2", "dev_data", "raw")
REFERENCE_FOLDER = Path("reference")


# --- the machines -------------------------------------------------------------------------------------------------------------

def fan(rng: np.random.Generator, speed_hz: float, load: float, fault: str | None, samples: int) -> np.ndarray:
    """Seven blades on a shaft: blade-passing harmonics, hum of the shaft and air flow, through the housing. Returns (samples,), arbitrary scale."""
    shaft = _turns(rng, speed_hz * rng.uniform(0.97, 1.03), samples)
    blades = 7 * shaft
    wav = _harmonics(rng, blades, [1, 0.7, 0.5, 0.42, 0.3, 0.26, 0.2, 0.16, 0.12, 0.1, 0.08, 0.06]) + 0.4 * _harmonics(rng, shaft, [1, 0.5, 0.3])
    flow = _band(rng.standard_normal(samples), 300, 3000) * (1 + 0.4 * np.cos(2 * np.pi * blades))
    wav = _resonances(wav / _rms(wav) + 0.5 * load * flow / _rms(flow), (520, 4), (1350, 6), (2900, 8))
    return _with_fault(rng, wav / _rms(wav), shaft, fault)


def gearbox(rng: np.random.Generator, speed_hz: float, load: float, fault: str | None, samples: int) -> np.ndarray:
    """A pinion of 23 teeth drives a wheel of 41: meshing harmonics modulated by both shafts, and friction. Returns (samples,), arbitrary scale."""
    shaft = _turns(rng, speed_hz * rng.uniform(0.97, 1.03), samples)
    mesh, wheel = 23 * shaft, shaft * 23 / 41
    tones = [1, 0.8, 0.55, 0.45, 0.3, 0.25, 0.15, 0.1]
    if fault == "lost harmonic":
        tones[1] *= 0.2
    wav = _harmonics(rng, mesh, tones) * (1 + 0.25 * load * np.cos(2 * np.pi * shaft) + 0.15 * np.cos(2 * np.pi * wheel))
    friction = _band(rng.standard_normal(samples), 800, 5000) * (1 + 0.3 * np.cos(2 * np.pi * mesh))
    wav = _resonances(wav / _rms(wav) + 0.4 * load * friction / _rms(friction), (900, 5), (2100, 6), (3700, 8))
    return _with_fault(rng, wav / _rms(wav), shaft, fault)


def _with_fault(rng, wav, shaft, fault):
    """`wav` (root mean square 1) with what `fault` does to it; "lost harmonic" is the machine's own business."""
    strength = rng.uniform(0.7, 1.3)
    if fault == "imbalance":
        swing = np.cos(2 * np.pi * (shaft + rng.uniform()))
        return wav * (1 + 0.6 * strength * swing) + 0.8 * strength * swing
    if fault == "bearing":
        return wav + 0.5 * strength * _knocks(rng, 3.58 * shaft, ring_hz=4300, scatter=0.3)
    if fault == "tooth":
        gap = np.exp(-0.5 * (((shaft + rng.uniform()) % 1 - 0.5) * 23) ** 2)
        return wav * (1 - 0.8 * gap) + 0.6 * strength * _knocks(rng, shaft, ring_hz=1700, scatter=0.1)
    if fault == "squeal":
        sweep_hz = 2600 + 150 * _slow(rng, len(wav), 4.0)
        gate = np.clip(2 * _slow(rng, len(wav), 1.0) + 1, 0, 1)
        return wav + 0.35 * strength * gate * np.cos(2 * np.pi * np.cumsum(sweep_hz) / SAMPLE_RATE_HZ)
    return wav


# --- the factory around them --------------------------------------------------------------------------------------------------

def _rumble(rng, samples):
    """Halls and ventilation: noise that falls off towards high frequencies, with a bump somewhere."""
    pink = signal.sosfilt(signal.butter(1, 150, fs=SAMPLE_RATE_HZ, output="sos"), rng.standard_normal(samples)) + 0.06 * rng.standard_normal(samples)
    return _resonances(pink, (rng.uniform(300, 2500), 2))


def _hum(rng, samples):
    """Mains at 50 Hz, mostly even harmonics."""
    return _harmonics(rng, _turns(rng, 50, samples, wander=2e-4), [0.3, 1, 0.2, 0.7, 0.1, 0.4, 0.1, 0.3, 0.05, 0.15])


def _air(rng, samples):
    """Compressed air let off now and then."""
    return _band(rng.standard_normal(samples), 2500, 7500) * np.clip(3 * _slow(rng, samples, 1.5) - 1, 0, 1)


def _voices(rng, samples):
    """Babble: three bands of speech-shaped noise, each in the rhythm of syllables."""
    return sum(_band(rng.standard_normal(samples), low, high) * np.maximum(_slow(rng, samples, 4.0), 0) / np.sqrt(high) for low, high in ((200, 700), (700, 1800), (1800, 3800)))


def _hammer(rng, samples):
    """Blows on metal, about two a second, each with its own ring."""
    blows = np.zeros(samples)
    for start in rng.integers(0, samples, rng.poisson(2 * samples / SAMPLE_RATE_HZ) + 1):
        time_s = np.arange(min(samples - start, SAMPLE_RATE_HZ // 2)) / SAMPLE_RATE_HZ
        ring = sum(np.sin(2 * np.pi * tone_hz * time_s) for tone_hz in rng.uniform(400, 5000, 4)) + rng.standard_normal(len(time_s))
        blows[start:start + len(time_s)] += rng.uniform(0.3, 1) * ring * np.exp(-time_s / rng.uniform(0.02, 0.08))
    return blows


def _factory(rng, parts, samples):
    """The sum of `parts`, (maker, level) each, at levels drawn within 3 dB; root mean square 1."""
    noise = np.zeros(samples)
    for make, level in parts:
        part = make(rng, samples)
        noise += level * 10 ** (rng.uniform(-3, 3) / 20) * part / max(_rms(part), 1e-9)
    return noise / _rms(noise)


# --- the data set -------------------------------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Domain:
    """Working conditions of a domain: speeds of the shaft, the load, and what makes noise nearby."""

    speeds_hz: tuple[float, ...]
    load: float
    noise: tuple[tuple[Callable, float], ...]


@dataclasses.dataclass(frozen=True)
class MadeUpMachine:
    """A machine type: its sound, its faults and its two domains."""

    sound: Callable[[np.random.Generator, float, float, str | None, int], np.ndarray]
    faults: tuple[str, ...]
    domains: dict[str, Domain]


MACHINES = {
    "fan": MadeUpMachine(fan, ("imbalance", "bearing", "squeal"), {
        "source": Domain((24.0, 27.0, 30.0), 1.0, ((_rumble, 1.0), (_hum, 0.5), (_hammer, 0.5))),
        "target": Domain((29.0, 32.0), 1.1, ((_rumble, 1.0), (_hum, 0.5), (_voices, 0.5)))}),
    "gearbox": MadeUpMachine(gearbox, ("tooth", "bearing", "lost harmonic"), {
        "source": Domain((17.0, 19.0, 21.0), 1.0, ((_rumble, 1.0), (_air, 0.6), (_hammer, 0.4))),
        "target": Domain((20.0, 22.0), 1.1, ((_rumble, 1.0), (_hum, 0.5), (_hammer, 0.4)))}),
}


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip: its file name, the machine alone and the noise alone, both float64 (samples,), full scale ±1."""

    name: str
    machine: np.ndarray
    noise: np.ndarray


def make_machines(destination: Path, source_train: int = 80, target_train: int = 8, test: int = 15, noise: int = 30, clip_s: float = 4.0,
                  seed: int = 0, machine_types: tuple[str, ...] = tuple(MACHINES), clean: bool = False) -> list[Path]:
    """Writes every machine under ``<destination>/data/dcase2025t2/dev_data/raw/`` and the test clips' clean signals under ``<destination>/reference/``.

    A file that already holds the right samples stays untouched, and clips that do not belong there go.

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
        _write_clips(folder / "train", (_mixed(clip, clean) for clip in train_clips(machine_type, source_train, target_train, clip_s, seed)))
        _write_clips(folder / "test", (_mixed(clip, clean) for clip in tests))
        _write_clips(folder / "supplemental", noise_clips(machine_type, noise, clip_s, seed))
        _write_clips(Path(destination) / REFERENCE_FOLDER / machine_type / "test", ((clip.name, clip.machine) for clip in tests))
        folders.append(folder)
    return folders


def train_clips(machine_type: str, source: int, target: int, clip_s: float, seed: int) -> Iterator[Clip]:
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
            yield _clip(machine_type, domain, "test", faults[number % len(faults)], number, clip_s, seed)


test_clips.__test__ = False  # pytest would collect it where it is imported


def noise_clips(machine_type: str, count: int, clip_s: float, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """(file name, wav) of the clips that hold the source domain's noise alone, at the levels it has in the mixtures."""
    parts = MACHINES[machine_type].domains["source"].noise
    for number in range(count):
        rng = _generator(seed, machine_type, "source", "noise", None, number)
        yield f"section_00_noise_{number:04d}_.wav", MACHINE_LEVEL * 10 ** (-rng.uniform(*SNR_RANGE_DB) / 20) * _factory(rng, parts, round(clip_s * SAMPLE_RATE_HZ))


def _clip(machine_type, domain, split, fault, number, clip_s, seed):
    kind, samples = MACHINES[machine_type], round(clip_s * SAMPLE_RATE_HZ)
    conditions = kind.domains[domain]
    rng = _generator(seed, machine_type, domain, split, fault, number)
    speed_hz = conditions.speeds_hz[number % len(conditions.speeds_hz)]
    machine = kind.sound(rng, speed_hz, conditions.load, fault, samples)
    snr_db = rng.uniform(*SNR_RANGE_DB)
    machine = MACHINE_LEVEL * 10 ** (rng.uniform(-1, 1) / 20) * machine
    noise = _rms(machine) * 10 ** (-snr_db / 20) * _factory(rng, conditions.noise, samples)
    label = "anomaly" if fault else "normal"
    snr = f"{snr_db:.1f}".replace("-", "m")
    return Clip(f"section_00_{domain}_{split}_{label}_{number:04d}_spd_{speed_hz:.0f}Hz_snr_{snr}.wav", machine, noise)


def _generator(seed, machine_type, domain, split, fault, number):
    key = "/".join(("made-up", machine_type, domain, split, "anomaly" if fault else "normal"))
    return np.random.default_rng([seed, number, *key.encode()])


def _mixed(clip, clean):
    return clip.name, clip.machine if clean else clip.machine + clip.noise


def _write_clips(folder, clips):
    names = set()
    for name, wav in clips:
        names.add(name)
        if not _holds(folder / name, wav):
            write_wav(folder / name, wav, SAMPLE_RATE_HZ)
    for path in set(folder.glob("*.wav")):
        if path.name not in names:
            path.unlink()


def _holds(path, wav):
    """Whether `path` holds `wav` as 16-bit samples; its time then stays, on which finished features and denoisers rest."""
    try:
        there, sample_rate_hz = soundfile.read(path, dtype="float64")
    except (OSError, RuntimeError):
        return False
    return sample_rate_hz == SAMPLE_RATE_HZ and there.shape == wav.shape and np.abs(there - wav).max() < 2**-15


# --- building blocks ----------------------------------------------------------------------------------------------------------

def _turns(rng, speed_hz, samples, wander=0.004):
    """Angle of a shaft in turns, (samples,); its speed wanders by the share `wander`."""
    return rng.uniform() + np.cumsum(speed_hz * (1 + wander * _slow(rng, samples, 1.0))) / SAMPLE_RATE_HZ


def _harmonics(rng, turns, levels):
    """Sum of cosines at whole multiples of `turns`, with phases and, within 1 dB, levels of their own."""
    weights = np.array(levels) * 10 ** (rng.uniform(-1, 1, len(levels)) / 20) * np.exp(2j * np.pi * rng.uniform(size=len(levels)))
    return np.polynomial.polynomial.polyval(np.exp(2j * np.pi * turns), [0, *weights]).real


def _knocks(rng, turns, ring_hz, scatter):
    """A knock at every whole turn that rings at `ring_hz`, root mean square 1; strengths scatter by the share `scatter`."""
    hits = np.flatnonzero(np.diff(np.floor(turns), prepend=np.floor(turns[0])))
    impulses = np.zeros(len(turns))
    impulses[hits] = 1 + scatter * rng.standard_normal(len(hits))
    ringing = signal.lfilter(*signal.iirpeak(ring_hz, 12, fs=SAMPLE_RATE_HZ), impulses)
    return ringing / max(_rms(ringing), 1e-9)


def _resonances(wav, *peaks):
    """`wav` plus its part at each (frequency in Hz, quality factor)."""
    return wav + sum(signal.lfilter(*signal.iirpeak(frequency_hz, quality, fs=SAMPLE_RATE_HZ), wav) for frequency_hz, quality in peaks)


def _band(wav, low_hz, high_hz):
    return signal.sosfilt(signal.butter(2, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), wav)


def _slow(rng, samples, bandwidth_hz):
    """Gaussian curve of standard deviation 1 that moves at about `bandwidth_hz`, (samples,)."""
    points = rng.standard_normal(int(2 * bandwidth_hz * samples / SAMPLE_RATE_HZ) + 4)
    return CubicSpline(np.arange(len(points)), points)(np.linspace(1, len(points) - 2, samples))


def _rms(wav):
    return float(np.sqrt(np.mean(np.square(wav))))
