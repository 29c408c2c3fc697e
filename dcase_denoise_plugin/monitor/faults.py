"""Known faults to add to machine sound: each kind is a component of its own, so that what becomes
of it can be followed. NumPy alone, for machines without PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CLICKS_PER_S = 4
CLICK_DECAY_S = 0.003
BAND_OCTAVES = 1.0
BAND_ORDER = 4  # of the Butterworth filter, there and back
MODULATION_HZ = (3.0, 30.0)
LOW_HZ, HIGH_HZ = 300.0, 5000.0


def tone(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """A steady tone that the machine does not have."""
    return np.cos(
        2 * np.pi * _frequency_hz(rng, sample_rate_hz) * np.arange(len(clean)) / sample_rate_hz
        + rng.uniform(0, 2 * np.pi)
    )


def clicks(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """Short bursts of noise at random times, four a second on average."""
    times = rng.integers(len(clean), size=round(CLICKS_PER_S * len(clean) / sample_rate_hz))
    length = round(5 * CLICK_DECAY_S * sample_rate_hz)
    burst = rng.standard_normal(length) * np.exp(
        -np.arange(length) / (CLICK_DECAY_S * sample_rate_hz)
    )
    train = np.zeros(len(clean) + length)
    for time in np.unique(times):
        train[time : time + length] += burst
    return train[: len(clean)]


def band(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """The machine's own sound in one octave, which gets louder by it."""
    centre_hz = _frequency_hz(rng, sample_rate_hz)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(len(clean), 1 / sample_rate_hz), 1e-3) / centre_hz)
    gain = 1 / (1 + np.abs(2 * octaves / BAND_OCTAVES) ** BAND_ORDER)
    return np.fft.irfft(np.fft.rfft(clean) * gain, len(clean))


def sidebands(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """What amplitude modulation of the machine adds: its own sound times a slow cosine."""
    return clean * np.cos(
        2 * np.pi * rng.uniform(*MODULATION_HZ) * np.arange(len(clean)) / sample_rate_hz
        + rng.uniform(0, 2 * np.pi)
    )


KINDS: dict[str, Callable[[np.ndarray, np.random.Generator, int], np.ndarray]] = {
    "tone": tone,
    "clicks": clicks,
    "band": band,
    "sidebands": sidebands,
}


def fault(
    kind: str, clean: np.ndarray, level_db: float, rng: np.random.Generator, sample_rate_hz: int
) -> np.ndarray:
    """A component to add to `clean` (samples,), `level_db` above its root mean square; same
    shape.
    """
    component = KINDS[kind](clean, rng, sample_rate_hz)
    return component * (_rms(clean) * 10 ** (level_db / 20) / _rms(component))


def _rms(wav: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(wav, dtype=np.float64))))


def _frequency_hz(rng: np.random.Generator, sample_rate_hz: int) -> float:
    highest_hz = min(HIGH_HZ, 0.45 * sample_rate_hz)
    return float(np.exp(rng.uniform(np.log(LOW_HZ), np.log(highest_hz))))
