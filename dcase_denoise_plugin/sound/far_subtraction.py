"""A far microphone as the reference of the noise: what it hears reaches the near channel through a
filter, which is fitted to each clip and subtracted.

Source: Widrow 1975, adaptive noise cancelling, solved for a whole clip (Wiener's filter, a complex
gain a frequency). No PyTorch, so that it runs where that is too large.
"""

from __future__ import annotations

import numpy as np
import scipy.ndimage
import scipy.signal

# Longest filter: the reverberation that counts. Half of it and twice as much scored the same.
WINDOW_S = 0.512
# No noise reaches the near microphone this much louder than the far one, which is nearer to it, or
# this much louder than at neighbouring frequencies. A machine and its tones do: a filter without
# bounds takes them out of their own recording.
LARGEST_GAIN = 2.0
NEIGHBOURS_HZ = 250
LEAST_SHARE = 0.01  # of the mean power, under that of each frequency


def without_noise(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The near channel without what the far one hears of the noise: (samples, 2) -> (samples,)
    float32.
    """
    near, far = clip.T
    window = min(round(WINDOW_S * sample_rate_hz), len(near) // 8) // 2 * 2
    spectra = dict(nperseg=window, noverlap=window * 3 // 4, detrend=False)
    cross = scipy.signal.csd(far, near, **spectra)[1]
    power = scipy.signal.welch(far, **spectra)[1]
    response = cross / (power + LEAST_SHARE * power.mean() + np.finfo(power.dtype).tiny)
    gain = np.abs(response)
    around = scipy.ndimage.median_filter(gain, round(NEIGHBOURS_HZ * window / sample_rate_hz))
    most = LARGEST_GAIN * np.minimum(around, 1)
    response *= most / np.maximum(gain, most + np.finfo(gain.dtype).tiny)
    taps = np.roll(np.fft.irfft(response, window), window // 2)
    heard = scipy.signal.oaconvolve(far, taps)[window // 2 :][: len(near)]
    return (near - heard).astype(np.float32)


def with_rest(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The near channel and the same `without_noise`, of near and far: (samples, 2) float32 in and
    out.
    """
    return np.stack([clip[:, 0], without_noise(clip, sample_rate_hz)], axis=1)
