"""A far microphone as the reference of the noise, in two estimates of what it leaves of the near
channel, and their geometric mean, never above the first.

The first subtracts the far channel through a filter that is fitted to the clip: Widrow 1975,
adaptive noise cancelling, solved for a whole clip. The second subtracts its power, by a gain a
frequency that is fitted to how both channels fluctuate: Boll 1979, spectral subtraction, with the
noise measured elsewhere and not earlier. No PyTorch, so that it runs where that is too large.
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
# Of the second estimate: frames, frequencies that share a gain and a power, and the share of
# the near power that it keeps at least.
FRAME_S, SHARED_HZ, SMOOTHED_HZ, FLOOR = 0.064, 1000, 80, 0.1
TINY = np.finfo(np.float32).tiny


def without_noise(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The near channel without what the far one hears of the noise: (samples, 2) -> (samples,)
    float32.
    """
    near, far = clip.T
    rest = (near - _through_fitted_filter(far, near, sample_rate_hz)).astype(np.float32)
    size = round(FRAME_S * sample_rate_hz)
    shared, smoothed = (round(hz * size / sample_rate_hz) for hz in (SHARED_HZ, SMOOTHED_HZ))
    spectra = scipy.signal.stft([near, far, rest], nperseg=size)[2]  # (3, bins, frames)
    power = np.square(np.abs(spectra))
    around_near, around_far, _ = power - power.mean(-1, keepdims=True)
    products, squares = (
        scipy.ndimage.uniform_filter1d((around * around_far).sum(-1, keepdims=True), shared, axis=0)
        for around in (around_near, around_far)
    )
    noise_gain = np.clip(products / (squares + TINY), 0, LARGEST_GAIN**2)
    near_power, far_power, rest_power = scipy.ndimage.uniform_filter1d(power, smoothed, axis=1)
    second_power = np.maximum(near_power - noise_gain * far_power, FLOOR * near_power)
    gain = np.minimum((second_power + TINY) / (rest_power + TINY), 1) ** 0.25
    return scipy.signal.istft(spectra[2] * gain, nperseg=size)[1][: len(near)].astype(np.float32)


def with_rest(clip: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The near channel and the same `without_noise`, of near and far: (samples, 2) float32 in and
    out.
    """
    return np.stack([clip[:, 0], without_noise(clip, sample_rate_hz)], axis=1)


def _through_fitted_filter(far: np.ndarray, near: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """The far channel as the near one hears it: (samples,)."""
    window = min(round(WINDOW_S * sample_rate_hz), len(near) // 8) // 2 * 2
    spectra = dict(nperseg=window, noverlap=window * 3 // 4, detrend=False)
    cross = scipy.signal.csd(far, near, **spectra)[1]
    power = scipy.signal.welch(far, **spectra)[1]
    response = cross / (power + LEAST_SHARE * power.mean() + TINY)
    gain = np.abs(response)
    around = scipy.ndimage.median_filter(gain, round(NEIGHBOURS_HZ * window / sample_rate_hz))
    most = LARGEST_GAIN * np.minimum(around, 1)
    response *= most / np.maximum(gain, most + TINY)
    taps = np.roll(np.fft.irfft(response, window), window // 2)
    return scipy.signal.oaconvolve(far, taps)[window // 2 :][: len(near)]
