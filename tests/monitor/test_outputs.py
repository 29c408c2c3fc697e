"""What is told outside of the screen, and that nothing there stops a watch."""

import csv
import json
import sys
import time
from pathlib import Path

import pytest

from dcase_denoise_plugin.errors import ConfigError, DataError
from dcase_denoise_plugin.monitor.outputs import COLUMNS, Command, CsvFile, heartbeat

VERDICT = {
    **{"time": "2026-11-29T10:00:00+00:00", "clip": "Züge, 1.wav", "score": "MSE"},
    **{"scores": {"MSE": 9.5, "MAHALA": 3.0}, "thresholds": {"MSE": 8.0, "MAHALA": 4.0}},
    **{"p_values": {"MSE": 0.01, "MAHALA": 0.5}, "verdict": "anomaly", "alarm": True},
}


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_gets_a_whole_line_a_verdict_and_goes_on_in_the_next_watch(tmp_path):
    for _ in range(2):
        CsvFile(tmp_path / "a.csv", print).append(VERDICT)
    first, second = rows(tmp_path / "a.csv")
    assert first == second and list(first) == list(COLUMNS)
    assert first["value"] == "9.5" and first["p_value"] == "0.01" and first["threshold"] == "8.0"


def test_a_skipped_clip_has_its_reason_in_the_table(tmp_path):
    CsvFile(tmp_path / "a.csv", print).append({"clip": "a.wav", "skipped": "no sound"})
    (row,) = rows(tmp_path / "a.csv")
    assert row["skipped"] == "no sound" and row["value"] == row["verdict"] == ""


def test_a_line_that_a_crash_cut_off_does_not_swallow_the_next(tmp_path):
    CsvFile(tmp_path / "a.csv", print).append(VERDICT)
    (tmp_path / "a.csv").write_bytes((tmp_path / "a.csv").read_bytes() + b"2026-11-29T1")
    CsvFile(tmp_path / "a.csv", print).append(VERDICT)
    first, cut_off, last = rows(tmp_path / "a.csv")
    assert cut_off["time"] == "2026-11-29T1" and first == last


def test_a_first_line_that_a_crash_cut_off_is_written_anew(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"time,clip,ver")
    CsvFile(tmp_path / "a.csv", print).append(VERDICT)
    (row,) = rows(tmp_path / "a.csv")
    assert list(row) == list(COLUMNS) and row["value"] == "9.5"


def test_a_table_of_something_else_and_a_folder_that_is_not_there_are_refused(tmp_path):
    (tmp_path / "a.csv").write_text("day,weather\n")
    with pytest.raises(DataError, match="--csv: expected a file that begins with time,clip,verd"):
        CsvFile(tmp_path / "a.csv", print)
    with pytest.raises(DataError, match="--csv: expected a file that begins with .* in /dev/full"):
        CsvFile(Path("/dev/full"), print)
    with pytest.raises(DataError, match="--csv: expected to write .*No such file or directory"):
        CsvFile(tmp_path / "none" / "a.csv", print)


def test_a_full_disk_is_told_once_leaves_no_half_line_and_stops_nothing(tmp_path, monkeypatch):
    said = []
    table = CsvFile(tmp_path / "a.csv", said.append)
    table.append(VERDICT)
    before = (tmp_path / "a.csv").read_bytes()
    import builtins

    whole = builtins.open

    class Full:
        """A file on a disk that takes ten more bytes."""

        def __init__(self, *words, **options):
            self._file = whole(*words, **options)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self._file.close()

        def __getattr__(self, name):
            return getattr(self._file, name)

        def write(self, content):
            return self._file.write(content[:10])

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", Full)
        table.append(VERDICT)
        table.append(VERDICT)
    assert (tmp_path / "a.csv").read_bytes() == before
    (line,) = said
    assert "--csv: expected to append to" in line and "got a full disk. The watch goes on" in line
    table.append(VERDICT)
    assert len(rows(tmp_path / "a.csv")) == 2


def program(tmp_path, code):
    (tmp_path / "told.py").write_text(code)
    return f"'{sys.executable}' '{tmp_path / 'told.py'}' '{tmp_path / 'out; rm -rf.json'}'"


def test_a_command_gets_its_arguments_and_the_event_as_json_without_a_shell(tmp_path):
    said = []
    code = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read())"
    command = Command(program(tmp_path, code), said.append)
    command.tell({"event": "alarm", **VERDICT})
    command.wait()
    assert json.loads((tmp_path / "out; rm -rf.json").read_text()) == {"event": "alarm", **VERDICT}
    assert said == []


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import time, subprocess, sys; time.sleep(60)", "no end within 0.5 s. The watch goes on."),
        ("raise SystemExit(3)", "exit status 3. The watch goes on."),
    ],
)
def test_a_command_that_hangs_or_fails_is_a_line(tmp_path, code, how):
    said, start = [], time.monotonic()
    command = Command(program(tmp_path, code), said.append, limit_s=0.5 if "sleep" in code else 30)
    command.tell(VERDICT)
    assert time.monotonic() - start < 0.5
    command.wait()
    (line,) = said
    assert "--on-alarm: expected" in line and line.endswith(how)
    assert time.monotonic() - start < 25


@pytest.mark.parametrize("text", ["", "no-such-program-here --now", "'"])
def test_a_command_that_is_none_is_refused_before_the_watch(text):
    with pytest.raises(ConfigError, match="--on-alarm: expected a program with its arguments, got"):
        Command(text, print)


def test_a_program_that_is_gone_by_then_is_a_line(tmp_path):
    said, script = [], tmp_path / "told.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    command = Command(str(script), said.append)
    script.unlink()
    command.tell(VERDICT)
    command.wait()
    assert len(said) == 1 and "No such file or directory" in said[0]


def test_a_heartbeat_comes_until_the_watch_ends():
    beats = []
    with heartbeat(0.01, lambda: beats.append(1)):
        time.sleep(0.3)
    count = len(beats)
    time.sleep(0.05)
    assert len(beats) == count > 1
    with heartbeat(None, lambda: beats.append(1)):
        time.sleep(0.02)
    assert len(beats) == count
