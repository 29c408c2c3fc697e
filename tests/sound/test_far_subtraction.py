"""The near channel without what the far one hears of the noise."""

import numpy as np
import pytest
import scipy.signal
from small_machine import RATE_HZ, hum, near_and_far

from dcase_denoise_plugin.sound.far_subtraction import LARGEST_GAIN, with_rest, without_noise

SAMPLES = 10 * RATE_HZ
RNG = np.random.default_rng(5)
NOISE = 0.1 * RNG.standard_normal(SAMPLES)
MACHINE = hum(1, SAMPLES)
# A room: 0.1 s of dying noise.
ROOM = RNG.standard_normal(RATE_HZ // 10) * np.exp(-np.arange(RATE_HZ // 10) / 80) / 8


def left(near, far):
    return without_noise(np.stack([near, far], 1).astype(np.float32), RATE_HZ)


def power(wav):
    return np.square(wav).mean()


def test_noise_that_came_through_a_room_goes():
    noise = scipy.signal.lfilter(ROOM, 1, NOISE)
    assert power(left(MACHINE + noise, NOISE) - MACHINE) < power(noise) / 5


def test_noise_that_reaches_the_near_microphone_first_goes_too():
    near, far = NOISE, np.roll(NOISE, RATE_HZ // 50)
    assert power(left(MACHINE + near, far) - MACHINE) < power(near) / 5


@pytest.mark.parametrize("far", [np.zeros(SAMPLES), 0.1 * RNG.standard_normal(SAMPLES)])
def test_a_far_channel_without_the_noise_takes_next_to_nothing(far):
    near = (MACHINE + NOISE).astype(np.float32)
    taken = near - left(near, far)
    assert power(taken) < (0.05 if far.any() else 1e-12) * power(near)


def test_a_loud_machine_is_not_taken_by_what_the_far_microphone_hears_of_it():
    leaked = MACHINE / (4 * LARGEST_GAIN)
    kept = left(MACHINE + NOISE / 100, leaked + NOISE / 100)
    assert power(kept) > power(MACHINE) / 2


def test_a_tone_of_the_machine_is_not_taken_by_what_the_far_microphone_hears_of_it():
    tone = np.sin(2 * np.pi * 440 / RATE_HZ * np.arange(SAMPLES))
    kept = left(tone + NOISE, 0.3 * tone + 2 * NOISE)
    assert power(kept) > 0.4 * power(tone) and power(kept - tone) < 0.1 * power(tone)


@pytest.mark.parametrize("level", [1e-6, 2.0**31])
def test_the_level_of_a_recorder_does_not_matter(level):
    swelling = MACHINE * np.linspace(0, 1, SAMPLES) / np.abs(MACHINE).max()
    near, far = MACHINE + swelling, swelling + NOISE / 10
    np.testing.assert_allclose(left(level * near, level * far) / level, left(near, far), atol=1e-4)


@pytest.mark.parametrize("samples", [RATE_HZ, RATE_HZ + 1, 3 * RATE_HZ + 7])
def test_any_clip_that_is_long_enough_comes_back_as_long(samples):
    clip = near_and_far(0, 32 * RATE_HZ)[:samples].astype(np.float32)
    rest = without_noise(clip, RATE_HZ)
    assert rest.shape == (samples,) and rest.dtype == np.float32 and np.isfinite(rest).all()
    assert np.array_equal(with_rest(clip, RATE_HZ), np.stack([clip[:, 0], rest], 1))
