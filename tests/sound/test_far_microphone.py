"""What training clips tell of a far microphone, and what is subtracted with it."""

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, hum, near_and_far, two_channel_machine, with_far

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.far_microphone import FLOOR, FarMicrophone, subtracted_db
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

SPECTROGRAM = Spectrogram(FEATURES, RATE_HZ, "mel")
SAMPLES = len(near_and_far(0))


def heard(folder, change=lambda wav: wav):
    """What a machine's clips tell that are changed like this."""
    machine = two_channel_machine(folder, change)
    return FarMicrophone.from_clips(Clips(machine.train_files, SPECTROGRAM))


def test_the_gain_is_that_of_the_noise_and_not_of_the_machine(tmp_path):
    told = heard(tmp_path)
    assert not told.problem and told.stands_out_db > 1
    np.testing.assert_allclose(told.gain[4:], 0.25, rtol=0.3)


def test_another_gain_of_the_far_channel_is_learnt(tmp_path):
    told, loud = heard(tmp_path / "1"), heard(tmp_path / "2", with_far(lambda near, far: 3 * far))
    torch.testing.assert_close(loud.gain, told.gain / 9, rtol=1e-3, atol=1e-6)
    assert loud.problem == ""


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (with_far(lambda near, far: near), "it is a copy of the near one"),
        (with_far(lambda near, far: near / 4), "it is a copy of the near one"),
        (with_far(lambda near, far: 0 * far), "it is silent"),
        (
            with_far(lambda near, far: 1e-4 * np.random.default_rng(9).standard_normal(SAMPLES)),
            "it hears other sound than the near one",
        ),
        (with_far(lambda near, far: far[::-1]), "it hears other sound than the near one"),
        (with_far(lambda near, far: np.roll(far, RATE_HZ // 8)), "it is 128 ms late"),
        (with_far(lambda near, far: np.roll(far, -RATE_HZ // 8)), "it is 128 ms early"),
        (lambda wav: wav[:, ::-1], "the machine stands out in it, not in the near one"),
    ],
    ids=["copy", "softer copy", "silent", "unplugged", "other", "late", "early", "swapped"],
)
def test_a_far_channel_of_no_help_is_found_out(tmp_path, change, problem):
    assert heard(tmp_path, change).problem.startswith(problem)


def test_without_a_machine_none_stands_out_in_either_channel(tmp_path):
    def two_noises(wav):
        noise, rng = wav[:, 1] - 0.3 * hum(1, SAMPLES), np.random.default_rng(3)
        return np.stack([noise, 2 * noise], 1) + rng.normal(0, [0.02, 0.04], (SAMPLES, 2))

    assert heard(tmp_path, two_noises).problem == "the machine stands out in neither"


def test_a_far_channel_that_is_not_finite_is_refused_by_name(tmp_path):
    with pytest.raises(AudioError, match="expected finite samples, got 1 .* in .*0.wav"):
        heard(tmp_path, with_far(lambda near, far: np.where(np.arange(SAMPLES) == 5, np.nan, far)))


def test_the_noise_goes_and_a_fifth_of_the_power_stays_at_least():
    near, far, gain = torch.tensor([[10.0, 1.0, 1.0]]), torch.tensor([[8.0, 4.0, 0.0]]), 0.5
    left_db = subtracted_db(10 * near.log10(), 10 * far.log10(), torch.tensor([[gain]]))
    np.testing.assert_allclose(10 ** (left_db / 10), [[6.0, FLOOR, 1.0]], rtol=1e-5)
