"""Known anomalies to add to known clean machine sound: each kind is a component of its own, so that
what becomes of it can be followed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import signal

from dcase_denoise_plugin.demo.sounds import rms

CLICKS_PER_S = 4
CLICK_DECAY_S = 0.003
BAND_OCTAVES = 1.0
MODULATION_HZ = (3.0, 30.0)
LOW_HZ, HIGH_HZ = 300.0, 5000.0


def tone(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """A steady tone that the machine does not have."""
    return np.cos(
        2 * np.pi * _frequency_hz(rng) * np.arange(len(clean)) / sample_rate_hz
        + rng.uniform(0, 2 * np.pi)
    )


def clicks(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """Short bursts of noise at random times, four a second on average."""
    train = np.zeros(len(clean))
    train[rng.integers(len(clean), size=round(CLICKS_PER_S * len(clean) / sample_rate_hz))] = 1.0
    length = round(5 * CLICK_DECAY_S * sample_rate_hz)
    burst = rng.standard_normal(length) * np.exp(
        -np.arange(length) / (CLICK_DECAY_S * sample_rate_hz)
    )
    return signal.fftconvolve(train, burst)[: len(clean)]


def band(clean: np.ndarray, rng: np.random.Generator, sample_rate_hz: int) -> np.ndarray:
    """The machine's own sound in one octave, which gets louder by it."""
    centre_hz = _frequency_hz(rng)
    edges_hz = (
        centre_hz * 2 ** (-BAND_OCTAVES / 2),
        min(centre_hz * 2 ** (BAND_OCTAVES / 2), 0.49 * sample_rate_hz),
    )
    return signal.sosfiltfilt(
        signal.butter(2, edges_hz, "bandpass", fs=sample_rate_hz, output="sos"), clean
    )


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


def anomaly(
    kind: str, clean: np.ndarray, level_db: float, rng: np.random.Generator, sample_rate_hz: int
) -> np.ndarray:
    """A component to add to `clean` (samples,), `level_db` above its root mean square; same
    shape.
    """
    component = KINDS[kind](clean, rng, sample_rate_hz)
    return component * (rms(clean) * 10 ** (level_db / 20) / rms(component))


def _frequency_hz(rng):
    return float(np.exp(rng.uniform(np.log(LOW_HZ), np.log(HIGH_HZ))))
