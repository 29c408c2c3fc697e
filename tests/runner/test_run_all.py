"""run_all.sh with a made-up python3 that notes what it is asked for: nothing is installed, nothing
is downloaded.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from baseline_checkouts import PROJECT

pytestmark = pytest.mark.slow

# Says yes to a version question, meets the pins once a file "packages<environment>" is there, and
# takes "venv" and "pip" from files that hold an exit status. A virtual environment gets its Python
# first and its pip last, as a real one does.
PYTHON = """#!/usr/bin/env bash
[[ $1 == -c ]] && exit 0
environment=$(basename "$(dirname "$(dirname "$0")")")
echo "$environment $*" >> "$NOTES/calls"
case "$1 $2" in
    *environment.py*) [[ -e $NOTES/packages$environment ]] ;;
    "-m venv")
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python3"
        [[ ! -e $NOTES/venv ]] || exit "$(cat "$NOTES/venv")"
        touch "$3/pip" ;;
    "-m pip")
        [[ -e "$(dirname "$0")/../pip" ]] || exit 1
        [[ $3 == --version ]] && exit 0
        touch "$NOTES/packages$environment"; exit "$(cat "$NOTES/pip" 2> /dev/null || echo 0)" ;;
    *) echo "PYTHONPATH=$PYTHONPATH" ;;
esac
"""


class Copy:
    """A copy of the project's set-up files, the made-up Python on PATH, and the notes it leaves."""

    def __init__(self, folder: Path):
        self.project, self.notes, self.bin = (
            folder / "project",
            folder / "notes",
            folder / "system" / "bin",
        )
        for path in (self.project / "dcase_denoise_plugin/commands", self.notes, self.bin):
            path.mkdir(parents=True)
        for name in ("run_all.sh", "setup.cfg", "dcase_denoise_plugin/commands/environment.py"):
            shutil.copy(PROJECT / name, self.project / name)
        for name in ("bash", "basename", "cat", "cp", "dirname", "env", "mkdir", "rm", "touch"):
            (self.bin / name).symlink_to(shutil.which(name))
        (self.bin / "python3").write_text(PYTHON)
        (self.bin / "python3").chmod(0o755)

    def run(self, *words, **variables):
        return subprocess.run(
            [self.project / "run_all.sh", *words],
            env={"PATH": str(self.bin), "NOTES": str(self.notes), **variables},
            cwd=self.notes,
            capture_output=True,
            text=True,
        )

    @property
    def calls(self):
        """What each Python was asked, after the name of its environment, questions for the pins and
        for pip left out.
        """
        return [
            call
            for call in (self.notes / "calls").read_text().splitlines()
            if "environment.py" not in call and "--version" not in call
        ]


@pytest.fixture
def copy(tmp_path):
    return Copy(tmp_path)


def test_an_active_environment_that_meets_the_pins_is_used_as_it_is(copy):
    (copy.notes / "packagessystem").touch()
    result = copy.run("-d", "denoise", VIRTUAL_ENV="mine", PYTHONPATH="theirs")
    assert copy.calls == ["system -m dcase_denoise_plugin run -d denoise"]
    assert (
        result.stdout == f"PYTHONPATH={copy.project}:theirs\n"
        and not (copy.project / ".venv").exists()
    )


@pytest.mark.parametrize("variables", [{}, {"VIRTUAL_ENV": "without the pins"}])
def test_otherwise_an_environment_is_made_once_and_used_from_then_on(copy, variables):
    copy.run("-d", **variables)
    copy.run("-d", **variables)
    assert copy.calls == [
        f"system -m venv {copy.project}/.venv",
        f".venv -m pip install --quiet --disable-pip-version-check"
        f" --constraint {copy.project}/constraints.txt --editable {copy.project}",
        *[".venv -m dcase_denoise_plugin run -d"] * 2,
    ]


def test_a_pin_that_changes_installs_again_into_the_environment_that_is_there(copy):
    copy.run("-d")
    (copy.notes / "packages.venv").unlink()
    copy.run("-d")
    assert [call.split()[2] for call in copy.calls] == [
        "venv",
        "pip",
        "dcase_denoise_plugin",
        "pip",
        "dcase_denoise_plugin",
    ]


def test_the_set_up_leaves_stdout_to_the_program(copy):
    result = copy.run("-d", "--json")
    assert (
        result.stdout == f"PYTHONPATH={copy.project}\n"
        and "installs the tested packages" in result.stderr
    )


def test_test_installs_the_test_packages_too_and_hands_its_words_to_pytest(copy):
    copy.run("--test", "-k", "demo")
    assert copy.calls[1].endswith(f"--editable {copy.project}[test]")
    assert (
        copy.calls[2]
        == f".venv -m pytest {copy.project}/tests --numprocesses auto --dist loadfile -k demo"
    )


def test_without_a_python_it_stops_in_one_line(copy):
    (copy.bin / "python3").write_text("#!/usr/bin/env bash\nexit 1\n")
    result = copy.run("-d")
    assert (
        result.returncode == 2
        and result.stderr.startswith("run_all.sh: expected Python 3.10 or newer")
        and result.stderr.count("\n") == 1
    )


@pytest.mark.parametrize(
    "step, complaint",
    [("venv", "to make a virtual environment"), ("pip", "pip to install the packages")],
)
def test_a_set_up_that_fails_stops_and_the_next_call_tries_again(copy, step, complaint):
    (copy.notes / step).write_text("1")
    result = copy.run("-d")
    assert (
        result.returncode == 2
        and complaint in result.stderr
        and not any("cli" in call for call in copy.calls)
    )
    (copy.notes / step).unlink()
    assert copy.run("-d").returncode == 0


def test_an_environment_that_was_interrupted_before_it_had_pip_is_finished_by_the_next_call(copy):
    (copy.notes / "venv").write_text("130")
    copy.run("-d")
    assert (copy.project / ".venv/bin/python3").exists()
    (copy.notes / "venv").unlink()
    assert copy.run("-d").returncode == 0
    assert [call.split()[2] for call in copy.calls] == [
        "venv",
        "venv",
        "pip",
        "dcase_denoise_plugin",
    ]


def test_alone_it_says_what_to_type_before_it_sets_anything_up(copy):
    result = copy.run()
    assert result.returncode == 2 and "./run_all.sh --demo" in result.stderr
    assert result.stdout == "" and not (copy.notes / "calls").exists()


def test_help_is_the_command_lines_own(tmp_path):
    # With this Python active: another one on PATH would make run_all.sh set up an environment for
    # it.
    environment = {
        **os.environ,
        "VIRTUAL_ENV": "this one",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    }
    result = subprocess.run(
        [PROJECT / "run_all.sh", "--help"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=environment,
    )
    assert (
        result.returncode == 0 and "Usage:" in result.stdout and "--clone-baseline" in result.stdout
    )
