"""Which recordings train, calibrate and test, and how they are laid out."""

import json
import time

import numpy as np
import pytest
import soundfile
from small_machine import RATE_HZ, hiss, hum, write

from dcase_denoise_plugin.errors import AudioError, ConfigError, DataError
from dcase_denoise_plugin.own.clips import lay_out_clips
from dcase_denoise_plugin.own.split import Asked, Split
from dcase_denoise_plugin.sound.audio import wav_files
from dcase_denoise_plugin.sound.machine import manifest


def recorded(folder, count, clips_each=1, start=0):
    for number in range(start, start + count):
        write(folder / f"rec {number}.wav", hum(number, clips_each * RATE_HZ))
    return folder


def asked(normal, false_alarms=0.05, **others):
    others = {"noise": None, "machine_alone": None, "test": None, "channel": 1, **others}
    return Asked(normal, clip_s=1.0, false_alarms=false_alarms, **others)


def clips_in(recordings):
    return sum(recording.samples // RATE_HZ for recording in recordings)


@pytest.mark.parametrize(
    ("recordings", "clips_each", "rate", "kept"),
    [(110, 1, 0.05, 22), (50, 1, 0.05, 20), (40, 5, 0.01, 100), (2, 20, 0.05, 20)],
)
def test_a_fifth_or_what_the_promise_takes_is_kept_from_training_in_whole_recordings(
    tmp_path, recordings, clips_each, rate, kept
):
    split = Split.from_folders(asked(recorded(tmp_path, recordings, clips_each), rate))
    assert not set(split.training) & set(split.calibration)
    assert len(split.training) + len(split.calibration) == recordings
    assert clips_in(split.calibration) == kept
    assert split == Split.from_folders(asked(tmp_path, rate))


def test_too_few_clips_for_the_promise_are_told_before_anything_is_trained(tmp_path):
    with pytest.raises(
        DataError, match="clips to promise 0.01, got 20 of 40 that may be .* Record 158 more, or a"
    ):
        Split.from_folders(asked(recorded(tmp_path, 40), 0.01))


def test_one_recording_alone_an_empty_folder_and_a_rate_that_is_none_are_refused(tmp_path):
    with pytest.raises(DataError, match="NORMAL_FOLDER: expected wav or FLAC recordings"):
        Split.from_folders(asked(tmp_path))
    recorded(tmp_path, 1, 100)
    with pytest.raises(DataError, match="NORMAL_FOLDER: expected at least 2 recordings"):
        Split.from_folders(asked(tmp_path))
    for rate in (0, 1):
        with pytest.raises(ConfigError, match="--false-alarms: expected a rate above 0 and below"):
            Split.from_folders(asked(tmp_path, rate))


def test_a_folder_inside_another_one_is_refused(tmp_path):
    recorded(tmp_path / "normal" / "test", 40)
    for test in (tmp_path / "normal" / "test", tmp_path / "normal"):
        with pytest.raises(DataError, match="Its recordings would count twice; move them."):
            Split.from_folders(asked(tmp_path / "normal", test=test))


def test_noise_of_another_rate_and_a_channel_that_is_not_there_are_refused(tmp_path):
    recorded(tmp_path / "normal", 40)
    write(tmp_path / "noise" / "a.wav", hum(0, 9000), 8000)
    with pytest.raises(AudioError, match="recordings: expected one sample rate, got 4000 Hz in"):
        Split.from_folders(asked(tmp_path / "normal", noise=tmp_path / "noise"))
    with pytest.raises(AudioError, match="--channel: expected one of 1 to 1, got 2 for"):
        Split.from_folders(asked(tmp_path / "normal", channel=2))


def test_clips_lie_as_the_training_expects_them_and_which_is_which_is_noted(tmp_path):
    both = np.stack([hum(0, 2 * RATE_HZ), hum(7, 2 * RATE_HZ)], axis=1)
    for number in range(40):
        (tmp_path / "normal").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "normal" / f"{number}.flac", both, RATE_HZ)
    noise = np.stack([hiss(0), hiss(1)], axis=1)
    (tmp_path / "noise").mkdir()
    soundfile.write(tmp_path / "noise" / "hall.wav", noise, RATE_HZ)
    wanted = asked(tmp_path / "normal", noise=tmp_path / "noise", channel=2)
    split = Split.from_folders(wanted)
    assert split.channels == 2 and split.counts()["noise"] == (1, 1)
    assert lay_out_clips(split, tmp_path / "raw", 2) == []
    train = sorted((tmp_path / "raw" / "train").iterdir())
    assert train[0].name == "section_00_source_train_normal_0000_.wav"
    assert len(train) == 2 * len(split.training) == 60
    np.testing.assert_allclose(soundfile.read(train[0])[0], hum(7, RATE_HZ), atol=1e-4)
    (laid,) = (tmp_path / "raw" / "supplemental").iterdir()
    assert laid.name == "section_00_noise_0000_.wav"
    names = json.loads((tmp_path / "raw" / "clips.json").read_text())["recording_of"]
    assert names[f"train/{train[1].name}"].endswith(".flac from 1 s")
    times = [file.stat().st_mtime_ns for file in train]
    lay_out_clips(split, tmp_path / "raw", 2)
    assert times == [file.stat().st_mtime_ns for file in train]
    lay_out_clips(split, tmp_path / "raw", 1)
    assert soundfile.read(train[0])[0][5] == pytest.approx(hum(0)[5], abs=1e-4)


def test_clips_of_the_same_sound_count_as_the_same_whenever_they_were_written(tmp_path):
    (tmp_path / "normal").mkdir()
    for number in range(40):
        both = np.stack([hum(number), hum(number + 40)], axis=1)
        soundfile.write(tmp_path / "normal" / f"{number}.wav", both, RATE_HZ, subtype="FLOAT")
    split = Split.from_folders(asked(tmp_path / "normal"))
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    for raw, channel in ((first, 1), (again, 1), (other, 2)):
        lay_out_clips(split, raw, channel)
        time.sleep(1)  # a header of floats tells the second
    known, *others = (manifest(wav_files(raw / "train")) for raw in (first, again, other))
    assert [known == each for each in others] == [True, False]


def test_a_silent_clip_is_left_out_with_a_line_and_all_of_them_end_the_call(tmp_path):
    recorded(tmp_path / "normal", 39)
    write(tmp_path / "normal" / "silent.wav", 0 * hum(0))
    split = Split.from_folders(asked(tmp_path / "normal"))
    told = lay_out_clips(split, tmp_path / "raw", 1)
    trained = "silent.wav" in [recording.name for recording in split.training]
    assert len(told) == trained and all("got only zeros" in line for line in told)
    for recording in split.training:
        write(recording.path, 0 * hum(0))
    with pytest.raises(DataError, match="at least 2 clips for training, got fewer; the first pro"):
        lay_out_clips(split, tmp_path / "other", 1)


def test_no_more_is_trained_on_than_was_measured(tmp_path, monkeypatch):
    monkeypatch.setattr("dcase_denoise_plugin.own.clips.MOST_TRAINING_CLIPS", 30)
    split = Split.from_folders(asked(recorded(tmp_path / "normal", 20, 4)))
    lay_out_clips(split, tmp_path / "raw", 1)
    clips = len(list((tmp_path / "raw" / "train").iterdir()))
    assert 30 <= clips < 34 < clips_in(split.training)
