import itertools
import os
import time

import pytest
from small_machine import hum, write

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.monitor.folder import clips_in
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.recordings import Clip


def read(file):
    yield Clip(file.name, read_wav(file)[0])


def watched(folder, *between, patience_s=1000.0, read=read):
    """(name, whether it was read) of each clip, while between two looks the next of `between`
    happens; ends when there is none left.
    """
    steps, found = iter(between), []

    class Over(Exception):
        pass

    def sleep(seconds):
        try:
            next(steps)()
        except StopIteration:
            raise Over from None

    try:
        for clip in clips_in(folder, read, patience_s=patience_s, sleep=sleep):
            found.append((clip.name, clip.wav is not None))
    except Over:
        return found


def nothing():
    pass


def test_once_gives_what_is_there_by_name_and_ends(tmp_path):
    for name in ("b", "a"):
        write(tmp_path / f"{name}.wav", hum(0))
    (tmp_path / "notes.txt").touch()
    assert [clip.name for clip in clips_in(tmp_path, read, once=True)] == ["a.wav", "b.wav"]


def test_a_new_file_comes_when_two_looks_find_it_unchanged_and_only_once(tmp_path):
    assert watched(tmp_path, lambda: write(tmp_path / "a.wav", hum(0))) == []
    assert watched(tmp_path, nothing, nothing, nothing) == [("a.wav", True)]


def test_a_file_written_anew_comes_again(tmp_path):
    file = write(tmp_path / "a.wav", hum(0))
    assert (
        watched(tmp_path, nothing, lambda: write(file, hum(1, 5000)), nothing, nothing)
        == [("a.wav", True)] * 2
    )


def test_a_growing_file_is_waited_for_and_read_whole(tmp_path):
    whole = write(tmp_path / "elsewhere" / "a.wav", hum(0)).read_bytes()
    folder = tmp_path / "in"
    folder.mkdir()

    def grow_to(count):
        return lambda: (folder / "a.wav").write_bytes(whole[:count])

    # Unchanged over two looks in between, as with a slow sender: a truncated file is not given up
    # at once.
    assert watched(
        folder,
        grow_to(1000),
        grow_to(2000),
        nothing,
        nothing,
        grow_to(len(whole)),
        nothing,
        nothing,
    ) == [("a.wav", True)]


def test_a_half_written_file_is_given_up_some_time_after_its_last_change(tmp_path):
    file = write(tmp_path / "a.wav", hum(0))
    file.write_bytes(file.read_bytes()[:1000])
    assert watched(tmp_path, nothing, nothing) == []
    os.utime(file, (time.time() - 20, time.time() - 20))
    assert watched(tmp_path, nothing, nothing, patience_s=10) == [("a.wav", False)]
    assert "The file is truncated" in next(clips_in(tmp_path, read, once=True)).problem


def test_a_file_that_vanishes_is_no_error_and_is_forgotten(tmp_path):
    file = write(tmp_path / "a.wav", hum(0))

    def gone(path):
        path.unlink()
        raise AudioError("gone")

    assert watched(tmp_path, nothing, nothing, read=gone) == []
    assert watched(tmp_path, nothing, lambda: write(file, hum(0)), nothing, nothing, nothing) == [
        ("a.wav", True)
    ]


@pytest.mark.parametrize("there", [False, True])
def test_a_source_that_is_no_folder_is_refused(tmp_path, there):
    if there:
        (tmp_path / "source").touch()
    with pytest.raises(
        DataError,
        match="SOURCE: expected a folder, or - for standard input, got .*source. Correct the path.",
    ):
        next(itertools.chain(clips_in(tmp_path / "source", read)))


def test_a_file_that_cannot_be_read_is_given_up_even_if_its_date_lies_ahead(tmp_path):
    file = write(tmp_path / "a.wav", hum(0))
    file.write_bytes(file.read_bytes()[:1000])
    os.utime(file, (time.time() + 3600,) * 2)
    assert watched(tmp_path, *[lambda: time.sleep(0.02)] * 6, patience_s=0.05) == [("a.wav", False)]


def test_a_recorder_may_write_capital_letters_and_hidden_files_are_left(tmp_path):
    for name in ("A.WAV", ".b.wav"):
        write(tmp_path / name, hum(0))
    assert [clip.name for clip in clips_in(tmp_path, read, once=True)] == ["A.WAV"]


def test_a_pipe_in_the_folder_is_told_and_does_not_hold_up_the_watch(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    write(tmp_path / "b.wav", hum(0))
    pipe, clip = clips_in(tmp_path, read, once=True)
    assert "expected a regular file, got a pipe" in pipe.problem and clip.wav is not None
