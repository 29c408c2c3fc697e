import signal
import subprocess
import sys

import pytest

from dcase_denoise_plugin import files
from dcase_denoise_plugin.files import PARTIAL, written_whole


def test_a_file_is_there_with_its_folder_when_all_of_it_is_written_and_not_before(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with written_whole(path) as aside:
        aside.write_text("all of it")
        assert not path.exists()
    assert path.read_text() == "all of it" and list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [OSError, KeyboardInterrupt])
def test_what_was_there_stays_and_nothing_is_left_beside_it_when_the_writing_fails(
    tmp_path, interruption
):
    path = tmp_path / "table.csv"
    path.write_text("of before")
    with pytest.raises(interruption), written_whole(path) as aside:
        aside.write_text("half of")
        raise interruption
    assert path.read_text() == "of before" and list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "table.csv"
    with written_whole(path) as first, written_whole(path) as second:
        first.write_text("of the first")
        second.write_text("of the second")
    assert path.read_text() == "of the first" and list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept_and_what_a_living_one_writes_is_not(
    tmp_path, monkeypatch
):
    program = (
        "import sys, time; from dcase_denoise_plugin.files import written_whole\n"
        "with written_whole(sys.argv[1]) as aside:\n print(flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "table.csv")]
    writers = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        writer.stdout.readline()
        writer.stdout.close()
    assert len(list(tmp_path.glob(f".*{PARTIAL}"))) == 2
    writers[0].send_signal(signal.SIGKILL)
    writers[0].wait()
    monkeypatch.setattr(files, "_swept", set())
    with written_whole(tmp_path / "other.csv") as aside:
        assert len(list(tmp_path.glob(f".*{PARTIAL}"))) == 2 and aside.exists()
    assert len(list(tmp_path.glob(f".*{PARTIAL}"))) == 1
    writers[1].kill()
    writers[1].wait()


def test_a_written_file_has_the_rights_of_any_new_file(tmp_path):
    (tmp_path / "new").touch()
    with written_whole(tmp_path / "table.csv") as aside:
        aside.write_text("")
    assert (tmp_path / "table.csv").stat().st_mode == (tmp_path / "new").stat().st_mode
