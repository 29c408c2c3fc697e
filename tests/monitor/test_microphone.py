"""Clips from a microphone, by a made-up one."""

import sys
import types

import numpy as np
import pytest
from small_machine import RATE_HZ, hum

from dcase_denoise_plugin.errors import AudioError, ConfigError
from dcase_denoise_plugin.monitor.microphone import heard

OF_A_CLIP = dict(sample_rate_hz=RATE_HZ, samples=RATE_HZ)
SCORER = types.SimpleNamespace(**OF_A_CLIP, channel=2, channels=1)


class PortAudioError(Exception):
    pass


@pytest.fixture
def devices(monkeypatch):
    """A device `mic` that hears two clips in blocks, and loses something before the second."""

    class InputStream:
        def __init__(self, samplerate, device, channels, dtype, callback):
            if device != "mic":
                raise ValueError(f"No input device matching {device!r}")
            self.callback, self.settings = callback, (samplerate, channels, dtype)

        def __enter__(self):
            assert self.settings == (RATE_HZ, 2, "float32")
            both = np.stack([hum(1, 2 * RATE_HZ), hum(0, 2 * RATE_HZ)], axis=1)
            for start in range(0, 2 * RATE_HZ, 1000):
                status = "input overflow" if start == RATE_HZ else None
                self.callback(both[start : start + 1000], 1000, None, status)

        def __exit__(self, *exception):
            pass

    made_up = types.SimpleNamespace(InputStream=InputStream, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", made_up)


def test_what_is_heard_on_the_channel_becomes_clips_and_what_was_lost_is_said(devices):
    said = []
    clips = heard("mic", SCORER, said.append)
    first, second = next(clips), next(clips)
    assert [first.name, second.name] == [f"microphone from {start} s" for start in (0, 1)]
    assert np.array_equal(np.concatenate([first.wav, second.wav]), hum(0, 2 * RATE_HZ))
    assert len(said) == 1 and "sound was lost before" in said[0] and "input overflow" in said[0]


def test_a_machine_of_two_microphones_is_heard_with_both(devices):
    clips = heard("mic", types.SimpleNamespace(**OF_A_CLIP, channel=None, channels=2), print)
    both = np.concatenate([next(clips).wav for _ in range(2)])
    assert np.array_equal(both, np.stack([hum(1, 2 * RATE_HZ), hum(0, 2 * RATE_HZ)], axis=1))


def test_a_device_that_is_not_there_is_refused(devices):
    with pytest.raises(
        AudioError,
        match="--microphone: expected a device with 2 channels at 4000 Hz, got No input device",
    ):
        next(heard("none", SCORER, print))


def test_without_the_extra_the_way_to_it_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigError, match="Install the extra in a clone of this plugin: pip inst"):
        next(heard("", SCORER, print))
