"""The wheel holds all that the package reads, and starts where it is installed alone."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from baseline_checkouts import PROJECT

from dcase_denoise_plugin import __version__

pytestmark = pytest.mark.slow
# The isolated build of `python -m build` would fetch setuptools from the network.
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
STAND_IN = "dcase_denoise_plugin/demo/stand_in_baseline"


def call(*command, folder, **variables):
    environment = {**os.environ, **variables}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    return run.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel of the tracked files alone, so that nothing else of this folder gets into it."""
    if not importlib.util.find_spec("setuptools.command.bdist_wheel"):
        pytest.skip("setuptools 70.1 or later is not installed (extra test): it builds the wheel")
    if not (shutil.which("git") and (PROJECT / ".git").exists()):
        pytest.skip("no clone of the repository: git tells which files belong to it")
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in call("git", "ls-files", "-z", folder=PROJECT).split("\0")[:-1]:
        if os.path.lexists(PROJECT / name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, copy / name, follow_symlinks=False)
    call(sys.executable, "-c", BUILD, str(out), folder=copy)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_the_presets_the_page_the_stand_in_and_the_mark_of_its_types(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    presets = {f"dcase_denoise_plugin/presets/{path.name}" for path in PROJECT.glob("yaml/*.yaml")}
    page = {f"dcase_denoise_plugin/report/page.{end}" for end in ("html.j2", "css", "js")}
    stand_in = call("git", "ls-files", "-z", STAND_IN, folder=PROJECT).split("\0")[:-1]
    assert len(presets) == 3 and len(stand_in) > 15
    assert not {*presets, *page, *stand_in, "dcase_denoise_plugin/py.typed"} - held


def test_it_holds_every_module_of_package_and_hook_and_no_tests(wheel):
    held = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    folders = "dcase_denoise_plugin", "baseline_patches"
    tracked = set(call("git", "ls-files", "-z", *folders, folder=PROJECT).split("\0"))
    assert held == {name for name in tracked if name.endswith(".py")}


def test_it_installs_and_starts(wheel, tmp_path):
    pytest.importorskip("pip", reason="pip is not installed: it installs the wheel")
    install = "install", "--no-deps", "--no-index", "--no-compile", "--quiet"
    call(sys.executable, "-m", "pip", *install, "--target", tmp_path, wheel, folder=tmp_path)
    alone = {"folder": tmp_path, "PYTHONPATH": str(tmp_path)}
    said = call(sys.executable, "-m", "dcase_denoise_plugin", "--version", **alone)
    assert said.split()[-1] == __version__
    program = "import dcase_denoise_plugin as plugin; print(plugin.__file__)"
    found = Path(call(sys.executable, "-c", program, **alone).strip())
    assert found == tmp_path / "dcase_denoise_plugin/__init__.py"
