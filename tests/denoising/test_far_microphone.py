"""What training clips tell of a far microphone."""

import numpy as np
import pytest
from small_machine import FEATURES, RATE_HZ, hum, near_and_far, two_channel_machine, with_far

from dcase_denoise_plugin.denoising.far_microphone import FarMicrophone
from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

SPECTROGRAM = Spectrogram(FEATURES, RATE_HZ, "mel")
SAMPLES = len(near_and_far(0))
NO_MORE = "without what it hears, the machine stands out no more"


def heard(folder, change=lambda wav: wav):
    """What a machine's clips tell that are changed like this."""
    machine = two_channel_machine(folder, change)
    return FarMicrophone.from_clips(Clips(machine.train_files, SPECTROGRAM))


def test_a_machine_stands_out_further_without_the_noise(tmp_path):
    told = heard(tmp_path)
    assert not told.problem and told.stands_out_db > 1


@pytest.mark.parametrize(("gain", "helps"), [(3, True), (0.5, True), (0.01, False)])
def test_another_gain_of_the_far_channel_does_no_harm(tmp_path, gain, helps):
    problem = heard(tmp_path, with_far(lambda near, far: gain * far)).problem
    assert problem == ("" if helps else NO_MORE)


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


def test_a_loud_machine_stands_out_no_more_without_a_soft_noise(tmp_path):
    def loud(wav):
        return wav / 50 + np.outer(hum(1, SAMPLES), [1, 0.3])

    assert heard(tmp_path, loud).problem == "it hears the machine too well"


def test_a_machine_as_loud_in_both_channels_is_left_alone(tmp_path):
    as_loud = with_far(lambda near, far: far + 1.5 * hum(1, SAMPLES))
    assert heard(tmp_path, as_loud).problem == "it hears the machine too well"


def test_a_shift_that_the_filter_spans_does_no_harm(tmp_path):
    late = with_far(lambda near, far: np.roll(far, RATE_HZ // 16))
    assert heard(tmp_path, late).problem == ""


def test_a_far_channel_that_is_not_finite_is_refused_by_name(tmp_path):
    with pytest.raises(AudioError, match="expected finite samples, got 1 .* in .*0.wav"):
        heard(tmp_path, with_far(lambda near, far: np.where(np.arange(SAMPLES) == 5, np.nan, far)))
