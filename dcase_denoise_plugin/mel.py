"""The mel filters of librosa, to the last bit, without librosa: with SciPy's signals and Numba it takes 140 MB, a quarter of what the monitor may hold."""
from __future__ import annotations

import numpy as np

# Slaney's mel scale (Auditory Toolbox, 1998), which librosa uses where nothing else is asked for: linear up to 1 kHz, logarithmic above.
HZ_PER_MEL = 200 / 3
KNEE_HZ = 1000
KNEE_MEL = KNEE_HZ / HZ_PER_MEL
LOG_HZ_PER_MEL = np.log(6.4) / 27


def mel_filters(sample_rate_hz: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None) -> np.ndarray:
    """Triangles over the STFT's bins, each of area 1 over its frequencies in Hz: float32 (n_mels, n_fft // 2 + 1). As `librosa.filters.mel` 0.11."""
    bins_hz = np.fft.rfftfreq(n_fft, 1 / sample_rate_hz)
    corners_hz = _to_hz(np.linspace(_to_mel(fmin), _to_mel(sample_rate_hz / 2 if fmax is None else fmax), n_mels + 2))
    widths_hz = np.diff(corners_hz)[:, None]
    offsets_hz = corners_hz[:, None] - bins_hz
    rising, falling = -offsets_hz[:-2] / widths_hz[:-1], offsets_hz[2:] / widths_hz[1:]
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    triangles *= (2 / (corners_hz[2:] - corners_hz[:-2]))[:, None]
    return triangles


def _to_mel(hz: float) -> float:
    return hz / HZ_PER_MEL if hz < KNEE_HZ else KNEE_MEL + np.log(hz / KNEE_HZ) / LOG_HZ_PER_MEL


def _to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < KNEE_MEL, HZ_PER_MEL * mel, KNEE_HZ * np.exp(LOG_HZ_PER_MEL * (mel - KNEE_MEL)))
