"""Known faults that are added to machine sound."""

import numpy as np
import pytest
from small_machine import hum

from dcase_denoise_plugin.monitor.faults import KINDS, fault


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level_db", [-10.0, 10.0])
def test_a_fault_has_the_level_that_was_asked_for(kind, level_db):
    clean = hum(0, 16000, 16000).astype(float)
    added = fault(kind, clean, level_db, rng(), 16000)
    assert added.shape == clean.shape and 10 * np.log10(
        (added**2).mean() / (clean**2).mean()
    ) == pytest.approx(level_db, abs=0.01)


def test_the_same_generator_gives_the_same_fault_and_another_one_another():
    clean = hum(0, 16000, 16000).astype(float)
    first, again, other = (
        fault("clicks", clean, 0.0, np.random.default_rng(seed), 16000) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_sidebands_of_a_tone_lie_beside_it_and_leave_it_as_it_is():
    clean = np.cos(2 * np.pi * 1000 * np.arange(16000) / 16000)
    spectrum = np.abs(np.fft.rfft(fault("sidebands", clean, 0.0, rng(), 16000)))
    beside = np.flatnonzero(spectrum > 0.2 * spectrum.max()) - 1000
    assert (
        beside.min() < -2
        and beside.max() > 2
        and np.abs(beside).max() <= 31
        and spectrum[1000] < 0.1 * spectrum.max()
    )


def test_a_louder_band_is_the_machines_own_sound_in_one_octave():
    clean = np.random.default_rng(1).standard_normal(16000)
    power = np.abs(np.fft.rfft(fault("band", clean, 0.0, rng(), 16000))) ** 2
    loud = np.flatnonzero(power > 0.5 * np.convolve(power, np.ones(50) / 50, "same").max())
    assert 0.8 < np.log2(loud.max() / loud.min()) < 1.8


def test_a_fault_fits_a_low_sample_rate():
    assert np.isfinite(fault("tone", hum(0).astype(float), 0.0, rng(), 1000)).all()
