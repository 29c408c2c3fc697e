import fcntl
import os
import shutil
import signal
import subprocess

import pytest
from filelock import FileLock, Timeout

from dcase_denoise_plugin.checkout.plain_features import (
    check_fresh,
    drop_half_written,
    fresh_features,
)
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.files import written_whole


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


SETTINGS = {"n_mels": 128, "n_fft": 1024, "hop_length": 512, "power": 2.0, "win_length": None}
LOADER = "digest of the code that is there"


@pytest.fixture
def fan(tmp_path):
    """Two clips of `fan`, and where the baseline puts its features of them."""
    for index in range(2):
        write_clip(tmp_path / f"raw/fan/train/clip_{index}.wav")
    return tmp_path / "raw/fan", tmp_path / "processed/fan"


def write_clip(path, time_ns=10**18):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("sound")
    os.utime(path, ns=(time_ns, time_ns))


def make_features(fan, loader=LOADER, **settings):
    """A step of the baseline, which makes the pickle if there is none; returns it."""
    raw, processed = fan
    path = features_at(fan, settings.get("n_mels", 128))
    with fresh_features(raw, processed, {**SETTINGS, **settings}, loader):
        if not path.exists():
            path.write_text("features")
    return path


def features_at(fan, n_mels=128):
    """Where the baseline puts them, in a folder that is there."""
    path = fan[1] / "train" / f"mels{n_mels}_fft1024_hop512/section_00.pickle"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_features_of_the_clips_and_settings_that_are_there_are_taken(fan):
    pickle = make_features(fan)
    made = pickle.stat()
    assert make_features(fan, power="2", win_length="None", fmin=0).stat() == made


@pytest.mark.parametrize(
    "setting, complaint",
    [
        ({"power": "1.0"}, "of power 1.0, got those of 2.0 in"),
        ({"win_length": 512}, "of win_length 512.0, got those of None in"),
    ],
)
def test_features_of_another_setting_that_their_name_does_not_tell_are_refused(
    fan, setting, complaint
):
    make_features(fan)
    with pytest.raises(
        RunError, match=f"{complaint}.*section_00.pickle.*delete .*processed/fan and run again"
    ):
        make_features(fan, **setting)


def test_features_by_other_code_of_the_baseline_are_refused(fan):
    make_features(fan)
    with pytest.raises(
        RunError,
        match=(
            r"expected the plain baseline's features to be made by the code that is in its folder"
            r" datasets, got those of other "
            r"code in .*section_00.pickle\. .*delete .*processed/fan and run again"
        ),
    ):
        make_features(fan, loader="digest of other code")


def test_features_in_another_place_are_nobodys_business(fan):
    make_features(fan)
    make_features(fan, power=1.0, n_mels=64)
    make_features(fan)


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda raw: write_clip(raw / "train/clip_2.wav", 10**17), "clip_2.wav was added"),
        (lambda raw: (raw / "train/clip_0.wav").unlink(), "clip_0.wav was removed"),
        (lambda raw: write_clip(raw / "train/clip_1.wav", 10**17), "clip_1.wav was changed"),
    ],
)
def test_features_of_other_clips_are_refused_however_old_the_clips_are(fan, change, complaint):
    make_features(fan)
    change(fan[0])
    with pytest.raises(
        RunError, match=f"from before {complaint}.*delete .*processed/fan and run again"
    ):
        make_features(fan)


def test_a_clip_that_changes_during_the_step_spoils_it(fan):
    raw, processed = fan
    with (
        pytest.raises(RunError, match="clip_0.wav was changed"),
        fresh_features(raw, processed, SETTINGS, LOADER),
    ):
        path = processed / "train/mels128_fft1024_hop512/section_00.pickle"
        path.parent.mkdir(parents=True)
        path.write_text("features")
        write_clip(raw / "train/clip_0.wav", 10**17)


def test_features_of_a_step_that_failed_are_made_anew(fan):
    with pytest.raises(KeyError), fresh_features(*fan, SETTINGS, LOADER):
        features_at(fan).write_text("half of it: the disk is full")
        raise KeyError
    assert make_features(fan).read_text() == "features"


def test_features_in_the_making_by_another_process_are_not_noted(fan):
    raw, processed = fan
    with fresh_features(raw, processed, SETTINGS, LOADER):
        path = processed / "train/mels128_fft1024_hop512/section_00.pickle"
        path.parent.mkdir(parents=True)
        path.write_text("half of it")
        path.with_name("section_00_lockfile").touch()
    assert not path.with_name("section_00.pickle.json").exists()


def test_runs_that_share_features_note_them_one_after_the_other(fan, monkeypatch):
    def look(note):
        with pytest.raises(Timeout):
            FileLock(f"{note}.lock", timeout=0).acquire()
        return written_whole(note)

    monkeypatch.setattr("dcase_denoise_plugin.checkout.feature_notes.written_whole", look)
    pickle = make_features(fan)
    assert pickle.with_name("section_00.pickle.json").exists()


@pytest.mark.parametrize("note", ["{", "[]", "{}", None])
def test_features_without_a_note_of_their_own_are_made_anew(fan, note, said):
    pickle = make_features(fan)
    pickle.write_text("of who knows which power")
    pickle.with_name("section_00.pickle.json").write_text(note or "")
    if note is None:
        pickle.with_name("section_00.pickle.json").unlink()
    make_features(fan, power=1.0)
    assert pickle.read_text() == "features" and f"deleted {pickle}: nobody noted" in said[0]


def test_features_of_a_run_that_was_killed_before_its_step_ended_are_made_anew(fan):
    killed = os.fork()
    if killed == 0:
        with fresh_features(*fan, SETTINGS, LOADER):
            features_at(fan).write_text("of power 2")
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(killed, 0)
    assert features_at(fan).read_text() == "of power 2"
    assert make_features(fan, power=1.0).read_text() == "features"


def test_steps_that_make_the_same_go_side_by_side(fan):
    with fresh_features(*fan, SETTINGS, LOADER):
        pickle = make_features(fan)
        pickle.write_text("not noted yet")
        make_features(fan)
    assert pickle.read_text() == "not noted yet"


@pytest.mark.parametrize("other", [{"power": 1.0}, {"loader": "other code"}])
def test_a_step_that_makes_others_in_the_same_place_is_refused(fan, other):
    with (
        fresh_features(*fan, SETTINGS, LOADER),
        pytest.raises(RunError, match="fan: expected nobody else to make other features of it"),
    ):
        make_features(fan, **other)
    make_features(fan, **other)


def test_the_baselines_process_holds_the_place_when_its_runner_is_killed(fan):
    with fresh_features(*fan, SETTINGS, LOADER) as held:
        orphan = subprocess.Popen(["sleep", "60"], pass_fds=held)
    try:
        with pytest.raises(RunError, match="Wait for it or end it"):
            make_features(fan, power=1.0)
        make_features(fan)
    finally:
        orphan.kill()
        orphan.wait()


def test_features_in_the_making_by_the_baseline_alone_are_waited_for(fan):
    lock_file = features_at(fan).with_name("section_00_lockfile")
    lock_file.touch()
    with pytest.raises(RunError, match="process that holds .*section_00_lockfile. Wait"):
        make_features(fan)


def test_a_data_set_copied_together_with_its_features_keeps_them(fan, tmp_path):
    make_features(fan)
    for folder in ("processed", "raw"):
        shutil.copytree(tmp_path / folder, tmp_path / "copy" / folder)
    copy = tmp_path / "copy/raw/fan", tmp_path / "copy/processed/fan"
    check_fresh(*copy, SETTINGS, LOADER)
