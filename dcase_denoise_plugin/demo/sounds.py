"""How the made-up machines and the factory around them sound.

Signals follow the usual models of rotating machinery: harmonics of shaft, blade-passing and
gear-meshing frequency that wander with the speed, modulated flow and friction noise, and faults as
what they do to these. Source: R. B. Randall, Vibration-based Condition Monitoring, 2011. Every
function draws from the generator it is given and returns float64 (samples,) at `SAMPLE_RATE_HZ`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from scipy import signal
from scipy.interpolate import CubicSpline

SAMPLE_RATE_HZ = 16000
# Draws noise, (samples,), arbitrary scale.
Noise = Callable[[np.random.Generator, int], np.ndarray]


def fan(
    rng: np.random.Generator, speed_hz: float, load: float, fault: str | None, samples: int
) -> np.ndarray:
    """Seven blades on a shaft: blade-passing harmonics, hum of the shaft and air flow, through the
    housing. Returns (samples,), arbitrary scale.
    """
    shaft = _turns(rng, speed_hz, samples)
    blades = 7 * shaft
    wav = _harmonics(
        rng, blades, [1, 0.7, 0.5, 0.42, 0.3, 0.26, 0.2, 0.16, 0.12, 0.1, 0.08, 0.06]
    ) + 0.4 * _harmonics(rng, shaft, [1, 0.5, 0.3])
    flow = _band(rng.standard_normal(samples), 300, 3000) * (1 + 0.4 * np.cos(2 * np.pi * blades))
    wav = _resonances(
        wav / rms(wav) + 0.5 * load * flow / rms(flow), (520, 4), (1350, 6), (2900, 8)
    )
    return _with_fault(rng, wav / rms(wav), shaft, fault)


def gearbox(
    rng: np.random.Generator, speed_hz: float, load: float, fault: str | None, samples: int
) -> np.ndarray:
    """A pinion of 23 teeth drives a wheel of 41: meshing harmonics modulated by both shafts, and
    friction. Returns (samples,), arbitrary scale.
    """
    shaft = _turns(rng, speed_hz, samples)
    mesh, wheel = 23 * shaft, shaft * 23 / 41
    tones = [1, 0.8, 0.55, 0.45, 0.3, 0.25, 0.15, 0.1]
    if fault == "lost harmonic":
        tones[1] *= 0.2
    wav = _harmonics(rng, mesh, tones) * (
        1 + 0.25 * load * np.cos(2 * np.pi * shaft) + 0.15 * np.cos(2 * np.pi * wheel)
    )
    friction = _band(rng.standard_normal(samples), 800, 5000) * (1 + 0.3 * np.cos(2 * np.pi * mesh))
    wav = _resonances(
        wav / rms(wav) + 0.4 * load * friction / rms(friction), (900, 5), (2100, 6), (3700, 8)
    )
    return _with_fault(rng, wav / rms(wav), shaft, fault)


def _with_fault(
    rng: np.random.Generator, wav: np.ndarray, shaft: np.ndarray, fault: str | None
) -> np.ndarray:
    """`wav` (root mean square 1) with what `fault` does to it; "lost harmonic" is the machine's own
    business.
    """
    strength = rng.uniform(0.7, 1.3)
    if fault == "imbalance":
        swing = np.cos(2 * np.pi * (shaft + rng.uniform()))
        return wav * (1 + 0.6 * strength * swing) + 0.8 * strength * swing
    if fault == "bearing":
        return wav + 0.5 * strength * _knocks(rng, 3.58 * shaft, ring_hz=4300, scatter=0.3)
    if fault == "tooth":
        gap = np.exp(-0.5 * (((shaft + 0.5) % 1 - 0.5) * 23) ** 2)
        return wav * (1 - 0.8 * gap) + 0.6 * strength * _knocks(
            rng, shaft, ring_hz=1700, scatter=0.1
        )
    if fault == "squeal":
        sweep_hz = 2600 + 150 * _slow(rng, len(wav), 4.0)
        gate = np.clip(2 * _slow(rng, len(wav), 1.0) + 1, 0, 1)
        return wav + 0.35 * strength * gate * np.cos(
            2 * np.pi * np.cumsum(sweep_hz) / SAMPLE_RATE_HZ
        )
    return wav


def rumble(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Halls and ventilation: noise that falls off towards high frequencies, with a bump
    somewhere.
    """
    pink = signal.sosfilt(
        signal.butter(1, 150, fs=SAMPLE_RATE_HZ, output="sos"), rng.standard_normal(samples)
    ) + 0.06 * rng.standard_normal(samples)
    return _resonances(pink, (rng.uniform(300, 2500), 2))


def hum(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Mains at 50 Hz, mostly even harmonics."""
    return _harmonics(
        rng,
        _turns(rng, 50, samples, wander=2e-4),
        [0.3, 1, 0.2, 0.7, 0.1, 0.4, 0.1, 0.3, 0.05, 0.15],
    )


def air(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Compressed air let off now and then."""
    return _band(rng.standard_normal(samples), 2500, 7500) * np.clip(
        3 * _slow(rng, samples, 1.5) - 1, 0, 1
    )


def voices(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Babble: three bands of speech-shaped noise, each in the rhythm of syllables."""
    return sum(
        _band(rng.standard_normal(samples), low_hz, high_hz)
        * np.maximum(_slow(rng, samples, 4.0), 0)
        / np.sqrt(high_hz)
        for low_hz, high_hz in ((200, 700), (700, 1800), (1800, 3800))
    )


def hammer(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Blows on metal, about two a second, each with its own ring."""
    blows = np.zeros(samples)
    for start in rng.integers(0, samples, rng.poisson(2 * samples / SAMPLE_RATE_HZ) + 1):
        time_s = np.arange(min(samples - start, SAMPLE_RATE_HZ // 2)) / SAMPLE_RATE_HZ
        ring = sum(
            np.sin(2 * np.pi * tone_hz * time_s) for tone_hz in rng.uniform(400, 5000, 4)
        ) + rng.standard_normal(len(time_s))
        blows[start : start + len(time_s)] += (
            rng.uniform(0.3, 1) * ring * np.exp(-time_s / rng.uniform(0.02, 0.08))
        )
    return blows


def factory(
    rng: np.random.Generator, parts: Iterable[tuple[Noise, float]], samples: int
) -> np.ndarray:
    """The sum of `parts`, (maker, level) each, at levels drawn within 3 dB; root mean square 1."""
    noise = np.zeros(samples)
    for make, level in parts:
        part = make(rng, samples)
        noise += level * 10 ** (rng.uniform(-3, 3) / 20) * part / max(rms(part), 1e-9)
    return noise / rms(noise)


def _turns(
    rng: np.random.Generator, speed_hz: float, samples: int, wander: float = 0.004
) -> np.ndarray:
    """Angle of a shaft in turns, (samples,); its speed wanders by the share `wander`."""
    return (
        rng.uniform()
        + np.cumsum(speed_hz * (1 + wander * _slow(rng, samples, 1.0))) / SAMPLE_RATE_HZ
    )


def _harmonics(rng: np.random.Generator, turns: np.ndarray, levels: Sequence[float]) -> np.ndarray:
    """Sum of cosines at whole multiples of `turns`, with phases and, within 1 dB, levels of their
    own.
    """
    weights = (
        np.array(levels)
        * 10 ** (rng.uniform(-1, 1, len(levels)) / 20)
        * np.exp(2j * np.pi * rng.uniform(size=len(levels)))
    )
    return np.polynomial.polynomial.polyval(np.exp(2j * np.pi * turns), [0, *weights]).real


def _knocks(
    rng: np.random.Generator, turns: np.ndarray, ring_hz: float, scatter: float
) -> np.ndarray:
    """A knock at every whole turn that rings at `ring_hz`, root mean square 1; strengths scatter by
    the share `scatter`.
    """
    hits = np.flatnonzero(np.diff(np.floor(turns), prepend=np.floor(turns[0])))
    impulses = np.zeros(len(turns))
    impulses[hits] = 1 + scatter * rng.standard_normal(len(hits))
    ringing = signal.lfilter(*signal.iirpeak(ring_hz, 12, fs=SAMPLE_RATE_HZ), impulses)
    return ringing / max(rms(ringing), 1e-9)


def _resonances(wav: np.ndarray, *peaks: tuple[float, float]) -> np.ndarray:
    """`wav` plus its part at each (frequency in Hz, quality factor)."""
    return wav + sum(
        signal.lfilter(*signal.iirpeak(frequency_hz, quality, fs=SAMPLE_RATE_HZ), wav)
        for frequency_hz, quality in peaks
    )


def _band(wav: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    return signal.sosfilt(
        signal.butter(2, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), wav
    )


def _slow(rng: np.random.Generator, samples: int, bandwidth_hz: float) -> np.ndarray:
    """Gaussian curve of standard deviation 1 that moves at about `bandwidth_hz`, (samples,)."""
    points = rng.standard_normal(int(2 * bandwidth_hz * samples / SAMPLE_RATE_HZ) + 4)
    return CubicSpline(np.arange(len(points)), points)(np.linspace(1, len(points) - 2, samples))


def rms(wav: np.ndarray) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(wav))))
