"""A watch from its start line to its last alarm."""

import json
import sys
import time
import tracemalloc

import numpy as np
import pytest
from small_machine import RATE_HZ, hum

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.monitor.calibration import Calibration
from dcase_denoise_plugin.monitor.session import Session
from dcase_denoise_plugin.monitor.verdicts import streamed_clips
from dcase_denoise_plugin.sound.recordings import Clip


class Loudness:
    """Scores a clip by its loudness."""

    sample_rate_hz, samples, thresholds = RATE_HZ, RATE_HZ, {"MSE": 0.05}
    name, channel, calibration, channels = "pump7", None, None, 1

    def __call__(self, wav, clip):
        return {"MSE": float(np.square(wav).mean())}


CALIBRATION = Calibration({"MSE": [0.001 * at for at in range(1, 100)]}, 0.05, "MSE")


def watched(clips, calibration=CALIBRATION, **options):
    """What was written, what was said, and how many alarms there were."""
    written, said = [], []
    session = Session(Loudness(), calibration, None, said.append, **options)
    session.run("incoming", clips, written.append)
    return written, said, session.alarms


def clips(*gains):
    return [Clip(f"{at}.wav", gain * hum(0)) for at, gain in enumerate(gains)]


def test_a_watch_says_what_it_watches_and_each_alarm_as_it_begins():
    written, said, alarms = watched(clips(1, 3, 3, 1), alarm_after="2/2")
    assert said[0] == (
        "pump7: watches incoming; MSE above 0.095 is an anomaly; by 99 normal clips, at most 5 %"
        " of normal ones are; 2 of 2 are an alarm"
    )
    assert [line.split(": ")[1].split()[2] for line in written] == [
        *("normal", "ANOMALY", "ANOMALY", "normal")
    ]
    assert len(said) == 2 and said[1].endswith(" pump7: ALARM (2.wav)") and alarms == 1


def test_a_json_line_has_its_time_and_whether_an_alarm_is_on():
    written, *_ = watched(clips(3), as_json=True)
    line = json.loads(written[0])
    assert line["alarm"] is True and line["changed"] is False and len(line["time"]) == 25


def test_without_a_calibration_the_start_line_promises_nothing():
    _, said, _ = watched(clips(1), None)
    assert (
        "MSE above 0.05 is an anomaly, by the baseline's own threshold, which promises" in said[0]
    )
    assert said[0].endswith("each anomaly is an alarm")


def test_a_command_and_a_table_are_told(tmp_path):
    code = f"import sys; open({str(tmp_path / 'told.json')!r}, 'w').write(sys.stdin.read())"
    (tmp_path / "told.py").write_text(code)
    command = f"'{sys.executable}' '{tmp_path / 'told.py'}'"
    watched(clips(1, 3), csv_file=tmp_path / "a.csv", on_alarm=command)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["event"] == "alarm" and told["machine"] == "pump7" and told["clip"] == "1.wav"
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 3


class Day:
    """A day of sound as it comes through a pipe, with a loud clip an hour, 10 s a clip."""

    def __init__(self):
        self.read_clips = 0

    def read(self, size):
        if self.read_clips == 8640:
            return b""
        self.read_clips += 1
        gain = 3 if self.read_clips % 360 == 0 else 1 + 0.1 * np.sin(self.read_clips)
        return (10_000 * gain * LONG_HUM).astype("<i2").tobytes()


LONG_HUM = hum(0, 10 * RATE_HZ)


@pytest.mark.slow
def test_a_day_of_sound_loses_no_clip_and_takes_no_more_memory_in_the_end(tmp_path):
    scorer = Loudness()
    scorer.samples = 10 * RATE_HZ
    levels = [
        scorer((10_000 / 2**15 * (1 + 0.1 * np.sin(at)) * LONG_HUM), "")["MSE"] for at in range(99)
    ]
    calibration, memory, said = Calibration({"MSE": levels}, 0.01, "MSE"), [], []
    session = Session(scorer, calibration, None, said.append, csv_file=tmp_path / "day.csv")
    day = Day()

    def write(line):
        if day.read_clips % 360 == 0:
            memory.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    start = time.monotonic()
    session.run("-", streamed_clips(day, scorer, "s16le"), write)
    took_s = time.monotonic() - start
    tracemalloc.stop()
    assert len((tmp_path / "day.csv").read_text().splitlines()) == 8641
    assert session.alarms >= 24 and took_s < 86400 / 50
    assert len(memory) == 24 and memory[-1] < 1.1 * memory[1]


def test_options_that_cannot_be_end_the_call_before_a_clip_is_scored():
    with pytest.raises(ConfigError, match="--alarm-after"):
        watched(clips(1), alarm_after="5/3")
