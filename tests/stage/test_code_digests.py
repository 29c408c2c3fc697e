import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dcase_denoise_plugin.stage import code_digests
from dcase_denoise_plugin.stage.code_digests import plugin_source_digest

ROOT = Path(code_digests.__file__).parents[2]


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """The source, to be changed by a test."""
    for package in code_digests.PARTS:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=shutil.ignore_patterns("__pycache__", "presets", "demo"),
        )
    monkeypatch.setattr(code_digests, "_folders", lambda package: [tmp_path / package])
    return tmp_path


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "module, old, new",
    [
        ("dcase_denoise_plugin/denoising/unet.py", "import torch\n", "import torch\n\nADDED = 1\n"),
        ("dcase_denoise_plugin/names.py", "denoiser.pt", "other.pt"),
        ("baseline_patches/clip_reader.py", "import", "import ast\nimport"),
    ],
)
def test_another_code_of_the_stage_or_the_hook_is_another_digest(copied, module, old, new):
    before = plugin_source_digest()
    change(copied / module, old, new)
    assert plugin_source_digest() != before


@pytest.mark.parametrize(
    "module, old, new",
    [
        (
            "dcase_denoise_plugin/stage/stage.py",
            "import contextlib\n",
            "import contextlib  # a comment\n\n",
        ),
        ("dcase_denoise_plugin/cli.py", "import click", "import click, ast"),
    ],
)
def test_comments_and_modules_beside_the_stage_do_not_count(copied, module, old, new):
    before = plugin_source_digest()
    change(copied / module, old, new)
    assert plugin_source_digest() == before


def test_the_same_code_elsewhere_or_later_is_the_same_digest(copied):
    os.utime(copied / "dcase_denoise_plugin/stage/stage.py", (0, 0))
    here = plugin_source_digest()
    program = (
        "from dcase_denoise_plugin.stage.code_digests import plugin_source_digest;"
        " print(plugin_source_digest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=copied.parent,
        check=True,
        capture_output=True,
    )
    assert there.stdout.decode().strip() == here


def test_every_module_of_the_package_that_a_denoised_run_loads_counts():
    program = (
        "import sys, baseline_patches.denoised_run, baseline_patches.seams; print(*(m.__file__ for"
        " m in sys.modules.values() if getattr(m, '__file__', None)))"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    loaded = {Path(file) for file in process.stdout.decode().split()}
    counted = {
        file
        for package, parts in code_digests.PARTS.items()
        for part in parts
        for file in code_digests._python_files(ROOT / package / part)
    }
    own = [ROOT / package for package in code_digests.PARTS]
    ours = {file for file in loaded if any(file.is_relative_to(folder) for folder in own)}
    assert ours and ours <= counted


def test_without_the_hook_the_stage_counts_alone(monkeypatch):
    whole = plugin_source_digest()
    monkeypatch.setattr(
        code_digests, "PARTS", {**code_digests.PARTS, "no_such_package_anywhere": ("",)}
    )
    assert plugin_source_digest() == whole
