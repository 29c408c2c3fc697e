import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dcase_denoise_plugin.stage import code_digests as plugin_source
from dcase_denoise_plugin.stage.code_digests import behind_a_denoised_run, plugin_source_digest

ROOT = Path(plugin_source.__file__).parent.parent


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The source, to be changed by a test."""
    for package in (plugin_source.PACKAGE, plugin_source.HOOK):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "presets", "demo"))
    monkeypatch.setattr(plugin_source, "_folders", lambda package: [tmp_path / package])
    return tmp_path


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize("module, old, new", [
    ("dcase_denoise_plugin/unet.py", "import torch\n", "import torch\n\nADDED = 1\n"), ("dcase_denoise_plugin/stage.py", "models/checkpoint", "models/other"),
    ("baseline_patches/clip_reader.py", "import", "import ast\nimport")])
def test_another_code_of_the_stage_or_the_hook_is_another_digest(copied, module, old, new):
    before = plugin_source_digest()
    change(copied / module, old, new)
    assert plugin_source_digest() != before


@pytest.mark.parametrize("module, old, new", [
    ("dcase_denoise_plugin/stage.py", "The denoising stage of one machine type", "What stands between clip and features"),
    ("dcase_denoise_plugin/stage.py", "import contextlib\n", "import contextlib  # a comment\n\n"),
    ("dcase_denoise_plugin/cli.py", "import click", "import click, ast")])
def test_words_about_the_code_and_modules_beside_the_stage_do_not_count(copied, module, old, new):
    before = plugin_source_digest()
    change(copied / module, old, new)
    assert plugin_source_digest() == before


def test_the_same_code_elsewhere_or_later_is_the_same_digest(copied):
    os.utime(copied / "dcase_denoise_plugin/stage.py", (0, 0))
    here = plugin_source_digest()
    program = "from dcase_denoise_plugin.stage.code_digests import plugin_source_digest; print(plugin_source_digest())"
    there = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=copied.parent, check=True, capture_output=True)
    assert there.stdout.decode().strip() == here


def test_every_module_of_the_package_that_a_denoised_run_loads_counts():
    program = "import sys, baseline_patches.denoised_run, baseline_patches.seams; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True, capture_output=True)
    loaded = process.stdout.decode().split()
    packages = (plugin_source.PACKAGE, plugin_source.HOOK)
    modules = {f"{package}.{file.stem}": file for package in packages for file in (ROOT / package).glob("*.py")}
    assert {name for name in loaded if name.startswith(packages)} - set(packages) <= behind_a_denoised_run(modules).keys()


def test_without_the_hook_the_stage_counts_alone(monkeypatch):
    monkeypatch.setattr(plugin_source, "HOOK", "no_such_package_anywhere")
    modules = behind_a_denoised_run({f"dcase_denoise_plugin.{file.stem}": file for file in (ROOT / "dcase_denoise_plugin").glob("*.py")})
    assert "dcase_denoise_plugin.denoising.unet" in modules and "dcase_denoise_plugin.report" not in modules and plugin_source._folders(plugin_source.HOOK) == []
