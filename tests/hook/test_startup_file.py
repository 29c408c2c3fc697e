import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest
from baseline_checkouts import PROJECT

from dcase_denoise_plugin.commands import startup_file
from dcase_denoise_plugin.errors import DenoiseError


@pytest.fixture
def environment(tmp_path):
    """(python, site-packages) of an empty virtual environment that sees this one's packages and the
    project.
    """
    venv.create(tmp_path / "env", with_pip=False)
    site_packages = Path(
        sysconfig.get_path(
            "purelib", "venv", {"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")}
        )
    )
    (site_packages / "a_paths.pth").write_text(f"{sysconfig.get_path('purelib')}\n{PROJECT}\n")
    return tmp_path / "env/bin/python", site_packages


def run(python, *words, cwd=None):
    return subprocess.run(
        [python, *words], cwd=cwd, env={"PATH": ""}, capture_output=True, text=True
    )


@pytest.mark.slow
def test_enable_makes_the_baseline_know_the_keys_and_disable_makes_it_forget(environment, stand_in):
    python, site_packages = environment
    assert "--denoise_strength" not in run(python, "train.py", "-h", cwd=stand_in.root).stdout
    path = startup_file.enable(site_packages)
    assert "--denoise_strength" in run(python, "train.py", "-h", cwd=stand_in.root).stdout
    assert (
        startup_file.disable(site_packages) == path and startup_file.disable(site_packages) is None
    )
    assert "--denoise_strength" not in run(python, "train.py", "-h", cwd=stand_in.root).stdout


def test_a_start_up_file_that_outlives_the_plugin_is_silent(environment):
    python, site_packages = environment
    startup_file.enable(site_packages)
    (site_packages / "a_paths.pth").unlink()
    quiet = run(python, "-c", "print('works')")
    assert (quiet.stdout, quiet.stderr) == ("works\n", "")


def test_an_environment_that_cannot_be_written_to_is_refused(tmp_path):
    with pytest.raises(
        DenoiseError,
        match=(
            "start-up file: expected to write .*, got No such file or directory. Activate a virtual"
            " environment"
        ),
    ):
        startup_file.enable(tmp_path / "nowhere")


def test_the_start_up_file_lies_in_the_active_environment():
    assert startup_file.startup_file().parent == Path(
        sysconfig.get_path("purelib")
    ) and sys.prefix in str(startup_file.startup_file())
