"""Recordings of any name, length and channels become clips of one length."""

import os

import numpy as np
import pytest
import soundfile
from small_machine import RATE_HZ, hum, write

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.recordings import Recordings, Sample


def found_in(folder, shortest_s=1.0):
    return Recordings.from_folder(folder, shortest_s, "NORMAL_FOLDER")


def test_a_long_recording_is_cut_into_whole_clips_named_by_their_start(tmp_path):
    wav = hum(0, 3 * RATE_HZ + 100)
    write(tmp_path / "Day 1" / "Züge.wav", wav)
    (recording,) = found_in(tmp_path).found
    clips = list(recording.clips(RATE_HZ))
    assert [clip.name for clip in clips] == [f"Day 1/Züge.wav from {s} s" for s in (0, 1, 2)]
    assert np.array_equal(
        np.concatenate([clip.wav for clip in clips]), hum(0, 3 * RATE_HZ + 100)[:-100]
    )


def test_a_recording_of_one_clip_keeps_its_name(tmp_path):
    write(tmp_path / "a.WAV", hum(0))
    assert [clip.name for clip in found_in(tmp_path).found[0].clips(RATE_HZ)] == ["a.WAV"]


def test_flac_and_a_chosen_channel_are_read(tmp_path):
    both = np.stack([hum(0), hum(1)], axis=1)
    soundfile.write(tmp_path / "a.flac", both, RATE_HZ, subtype="PCM_24")
    (recording,) = found_in(tmp_path).found
    (clip,) = recording.clips(RATE_HZ, channel=2)
    np.testing.assert_allclose(clip.wav, hum(1), atol=1e-6)
    for channel in (0, 3):
        with pytest.raises(AudioError, match=f"--channel: expected one of 1 to 2, got {channel}"):
            list(recording.clips(RATE_HZ, channel))


def test_short_and_broken_recordings_are_named_and_left_out_hidden_ones_and_texts_are_not(tmp_path):
    write(tmp_path / "good.wav", hum(0))
    write(tmp_path / "short.wav", hum(0)[:-1])
    (tmp_path / "broken.wav").write_text("no sound")
    (tmp_path / "._good.wav").write_text("left by macOS")
    (tmp_path / "notes.txt").write_text("of the day")
    recordings = found_in(tmp_path)
    broken, short = recordings.left_out
    assert [recording.name for recording in recordings.found] == ["good.wav"]
    assert "expected a readable wav or FLAC file" in broken and "broken.wav" in broken
    assert short == "short.wav: 0.9998 s, shorter than 1 s"


def test_a_pipe_is_not_waited_for_and_what_is_no_whole_wav_is_named(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    os.symlink("../.annex/none", tmp_path / "b.wav")
    soundfile.write(tmp_path / "c.wav", hum(0), RATE_HZ, format="AIFF", subtype="PCM_16")
    soundfile.write(tmp_path / "d.wav", hum(0), RATE_HZ, subtype="PCM_24")
    words = bytearray((tmp_path / "d.wav").read_bytes())
    words[32:34] = (4).to_bytes(2, "little")  # bytes of a sample
    (tmp_path / "d.wav").write_bytes(words)
    write(tmp_path / "e.wav", hum(0))
    recordings = found_in(tmp_path)
    for told, what in zip(
        recordings.left_out,
        ("got a pipe", "got a link to", "got AIFF", "got 4 in"),
        strict=True,
    ):
        assert what in told
    assert [recording.name for recording in recordings.found] == ["e.wav"]


def test_a_silent_stretch_is_told_and_the_rest_is_kept(tmp_path):
    write(tmp_path / "a.wav", np.concatenate([hum(0), 0 * hum(0), hum(1)]))
    first, silent, last = found_in(tmp_path).found[0].clips(RATE_HZ)
    assert first.wav is not None and last.wav is not None and silent.wav is None
    assert "expected sound, got only zeros" in silent.problem and "from 1 s" in silent.problem


def test_a_truncated_recording_is_told(tmp_path):
    path = write(tmp_path / "a.wav", hum(0, 2 * RATE_HZ))
    (recording,) = found_in(tmp_path).found
    path.write_bytes(path.read_bytes()[: 5 * RATE_HZ])
    first, second = recording.clips(RATE_HZ)
    assert first.wav is not None and "truncated" in second.problem


def test_an_empty_folder_a_missing_one_and_two_rates_are_refused(tmp_path):
    with pytest.raises(DataError, match="expected a folder, got .*none. Correct the path"):
        found_in(tmp_path / "none")
    with pytest.raises(DataError, match="NORMAL_FOLDER: expected wav or FLAC recordings of at lea"):
        found_in(tmp_path)
    write(tmp_path / "a.wav", hum(0))
    write(tmp_path / "b.wav", hum(0, 8000), 8000)
    with pytest.raises(AudioError, match="one sample rate, got 4000 Hz in .*a.wav and 8000 Hz in"):
        found_in(tmp_path)


def test_a_sample_keeps_its_size_and_waveforms_from_all_over():
    sample = Sample(16)
    for number in range(400):
        sample.offer(np.array([number]))
    kept = [int(wav[0]) for wav in sample.kept]
    assert len(kept) == len(set(kept)) == 16 and min(kept) < 100 and max(kept) > 300
