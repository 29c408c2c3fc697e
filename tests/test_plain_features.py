import fcntl
import os

import pytest

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.plain_features import check_fresh, drop_half_written


@pytest.fixture
def pickle(tmp_path):
    path = tmp_path / "processed/fan/train/mels128/section_00.pickle"
    path.parent.mkdir(parents=True)
    path.write_text("half of it")
    return path


def test_a_pickle_whose_writer_was_killed_goes(tmp_path, pickle):
    pickle.with_name("section_00_lockfile").write_text("")
    assert drop_half_written(tmp_path / "processed") == [pickle]
    assert not pickle.exists() and not list(pickle.parent.iterdir())


def test_a_pickle_that_is_being_written_or_finished_stays(tmp_path, pickle):
    assert drop_half_written(tmp_path / "processed") == []
    lock_file = pickle.with_name("section_00_lockfile")
    writer = os.fork()
    if writer == 0:
        with open(lock_file, "w") as handle:
            fcntl.lockf(handle, fcntl.LOCK_EX)
            (tmp_path / "locked").touch()
            while True:
                pass
    try:
        while not (tmp_path / "locked").exists():
            pass
        assert drop_half_written(tmp_path / "processed") == []
    finally:
        os.kill(writer, 9)
        os.waitpid(writer, 0)
    assert pickle.exists() and lock_file.exists()


def test_features_older_than_a_clip_are_refused(tmp_path, pickle):
    clip = tmp_path / "raw/fan/train/section_00.wav"
    clip.parent.mkdir(parents=True)
    clip.write_text("sound")
    os.utime(clip, ns=(0, pickle.stat().st_mtime_ns))
    check_fresh(tmp_path / "raw/fan", tmp_path / "processed/fan")
    os.utime(clip, ns=(0, pickle.stat().st_mtime_ns + 1))
    with pytest.raises(RunError, match=r"section_00.pickle from before section_00.wav.*delete .*processed/fan"):
        check_fresh(tmp_path / "raw/fan", tmp_path / "processed/fan")
