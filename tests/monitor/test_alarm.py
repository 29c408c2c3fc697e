"""When an alarm begins, and when the sound has changed."""

import datetime

import numpy as np
import pytest

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.monitor.alarm import DRIFT_CLIPS, Watcher, parsed_after

NOW = datetime.datetime(2026, 11, 29, 10, 0, tzinfo=datetime.timezone.utc)


def verdict(is_anomaly, p_value=None):
    said = {"clip": "a.wav", "score": "MSE", "verdict": "anomaly" if is_anomaly else "normal"}
    return said if p_value is None else {**said, "p_values": {"MSE": p_value}}


def begun(watcher, anomalies):
    """For each clip whether an alarm is on, and whether one begins."""
    taken = [watcher.take(verdict(is_anomaly), NOW) for is_anomaly in anomalies]
    return [said["alarm"] for said, _ in taken], ["alarm" in events for _, events in taken]


def test_each_anomaly_is_an_alarm_that_begins_once():
    on, begins = begun(Watcher("pump7"), [0, 1, 1, 0, 1])
    assert on == [0, 1, 1, 0, 1] and begins == [0, 1, 0, 0, 1]


def test_an_alarm_takes_as_many_of_the_last_clips_as_were_asked_for():
    on, begins = begun(Watcher("pump7", (2, 3)), [1, 0, 0, 1, 1, 1, 0, 0])
    assert on == [0, 0, 0, 0, 1, 1, 1, 0] and sum(begins) == 1


def test_a_skipped_clip_is_no_verdict_and_is_counted():
    watcher = Watcher("pump7")
    said, events = watcher.take({"clip": "a.wav", "skipped": "no sound"}, NOW)
    assert said["time"] == "2026-11-29T10:00:00+00:00" and events == [] and "alarm" not in said
    assert str(watcher) == "pump7: 0 clips, 0 anomalies, 0 alarms, 1 skipped"


def events_of(watcher, p_values, rate=0.05):
    found = [watcher.take(verdict(value <= rate, value), NOW)[1] for value in p_values]
    return [event for events in found for event in events]


def normal_p_values(count, clips=99, seed=0):
    return (np.random.default_rng(seed).integers(1, clips + 2, count) / (clips + 1)).tolist()


@pytest.mark.parametrize("clips", [19, 99, 1000])
def test_sound_that_stays_as_it_was_is_never_called_changed(clips):
    events = events_of(Watcher("pump7", (1, 1), clips), normal_p_values(20_000, clips))
    assert "changed" not in events and events.count("alarm") > 500


def test_a_slow_change_is_told_once_and_not_as_alarm_after_alarm():
    watcher = Watcher("pump7", (1, 1), 99)
    rng = np.random.default_rng(0)
    moved = [max(1, round(99 * value**4)) / 100 for value in rng.uniform(size=5000)]
    events = events_of(watcher, normal_p_values(DRIFT_CLIPS) + moved)
    assert events.count("changed") == 1 and watcher.is_changed
    assert events[events.index("changed") :] == ["changed"]


def test_alarms_begin_again_when_the_sound_is_as_before():
    watcher = Watcher("pump7", (1, 1), 99)
    assert events_of(watcher, [0.02] * DRIFT_CLIPS) == ["alarm", "changed"]
    assert events_of(watcher, normal_p_values(2000)).count("alarm") > 20
    assert not watcher.is_changed


@pytest.mark.parametrize("text", ["3", "0/5", "4/3", "a/b", "1/2/3", ""])
def test_an_alarm_after_something_else_is_refused(text):
    assert parsed_after("3/5") == (3, 5)
    with pytest.raises(ConfigError, match="--alarm-after: expected K/N with 1 ≤ K ≤ N, such as"):
        parsed_after(text)
