"""What the monitor takes of a file in the folder that it watches."""

import types

import numpy as np
import pytest
import soundfile
from small_machine import RATE_HZ, hum, write

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.monitor.verdicts import read_clips


def scorer(channel=None):
    return types.SimpleNamespace(
        sample_rate_hz=RATE_HZ, samples=RATE_HZ, channels=1, channel=channel
    )


def test_a_file_of_a_clip_is_one_and_a_longer_one_is_cut(tmp_path):
    write(tmp_path / "one.wav", hum(0))
    write(tmp_path / "long.wav", hum(0, 3 * RATE_HZ + 7))
    assert [clip.name for clip in read_clips(tmp_path / "one.wav", scorer())] == ["one.wav"]
    names = [clip.name for clip in read_clips(tmp_path / "long.wav", scorer())]
    assert names == [f"long.wav from {start} s" for start in (0, 1, 2)]


def test_the_channel_that_a_detector_was_trained_on_is_taken(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.stack([hum(0), hum(1)], axis=1), RATE_HZ)
    (clip,) = read_clips(tmp_path / "a.flac", scorer(channel=2))
    np.testing.assert_allclose(clip.wav, hum(1), atol=1e-4)
    soundfile.write(tmp_path / "a.wav", np.stack([hum(0), hum(1)], axis=1), RATE_HZ)
    with pytest.raises(AudioError, match="expected one channel, got 2"):
        read_clips(tmp_path / "a.wav", scorer())


def test_a_shorter_file_and_one_of_another_rate_are_refused(tmp_path):
    write(tmp_path / "short.wav", hum(0)[:-1])
    with pytest.raises(AudioError, match="expected 4000 samples as in training, got 3999 in"):
        read_clips(tmp_path / "short.wav", scorer())
    write(tmp_path / "fast.wav", hum(0, 9000), 8000)
    with pytest.raises(AudioError, match="expected 4000 Hz as in training, got 8000 Hz in"):
        read_clips(tmp_path / "fast.wav", scorer())
