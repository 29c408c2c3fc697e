import contextlib
import os
import subprocess
import sys
from pathlib import Path

import fake_baseline
import pytest

from dcase_denoise_plugin.checkout.overrides import Overrides, read_overrides, resolve_stage
from dcase_denoise_plugin.errors import ConfigError, DataError
from dcase_denoise_plugin.runner.processes import child_environment


@pytest.fixture
def baseline(tmp_path):
    return fake_baseline.lay_out(tmp_path / "baseline")


def test_an_assignment_wins_over_the_file_and_dashes_do_not_matter(baseline, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("--epochs: 5\n-lr: 0.01\ndenoise_epochs: 3\n")
    overrides = read_overrides(file, ["epochs=2", "denoise_strength=0.5"], baseline)
    assert overrides.options(baseline) == ["--epochs=2", "-lr=0.01"]
    assert overrides.denoise == {"epochs": 3, "strength": 0.5}


def test_a_list_becomes_several_values_and_null_becomes_the_baselines_None(baseline, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("epochs: null\n")
    assert read_overrides(file, ["gpu_id=[0, 1]"], baseline).options(baseline) == [
        "--epochs=None",
        "--gpu_id",
        "0",
        "1",
    ]


@pytest.mark.parametrize(
    "assignment, complaint",
    [
        ("epochs", "expected key=value, got 'epochs'"),
        ("=2", "expected key=value"),
        ("epcohs=2", "Did you mean epochs"),
        ("denoise_streng=1", "Did you mean denoise_strength"),
        ("denoise_strength=2", "from 0 to 1"),
        ("denoise=maybe", "Use one of the words baseline, denoise, compare"),
        ("seed=3", "Use --seed"),
        ("train_only=true", "Leave it out"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_anything_runs(baseline, assignment, complaint):
    with pytest.raises(ConfigError, match=complaint):
        resolve_stage(baseline, read_overrides(None, [assignment], baseline), {})


def test_a_file_that_is_not_there_is_refused(baseline):
    with pytest.raises(ConfigError, match="readable YAML"):
        read_overrides(Path("nowhere.yaml"), [], baseline)


def test_the_fallback_preset_is_asked_for_only_if_nobody_names_one(baseline, tmp_path):
    assert resolve_stage(baseline, Overrides(), {})[0].denoise_options() == [
        "--denoise_preset=recommended"
    ]
    assert resolve_stage(baseline, Overrides(denoise={"preset": "denoise"}), {})[
        0
    ].denoise_options() == ["--denoise_preset=denoise"]
    assert (
        resolve_stage(baseline, Overrides(), {"DCASE_DENOISE_YAML": "denoise"})[0].denoise_options()
        == []
    )
    written = baseline.folder / "baseline.yaml"
    written.write_text(written.read_text() + "denoise_preset: own.yaml\n")
    (baseline.folder / "own.yaml").write_text("denoise_epochs: 7\n")
    overrides, config = resolve_stage(type(baseline).from_folder(baseline.folder), Overrides(), {})
    assert overrides.denoise_options() == [] and config.epochs == 7


def test_the_resolved_stage_is_switched_on_and_follows_preset_file_and_overrides(baseline):
    _, config = resolve_stage(baseline, Overrides(denoise={"epochs": 2}), {})
    assert config.denoise and config.epochs == 2 and config.output == "clip_spectrum"


def test_paths_are_the_callers_not_the_baselines(baseline, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    denoise = read_overrides(
        None,
        [
            "denoise_checkpoint=models/mine.pt",
            "denoise_preset=mine.yaml",
            "denoise_noise_source=./noise",
        ],
        baseline,
    ).denoise
    assert denoise == {
        name: os.path.join(tmp_path, path)
        for name, path in (
            ("checkpoint", "models/mine.pt"),
            ("preset", "mine.yaml"),
            ("noise_source", "noise"),
        )
    }
    monkeypatch.setenv("HOME", "/home/me")
    assert read_overrides(None, ["denoise_noise_source=~/noise"], baseline).denoise == {
        "noise_source": "/home/me/noise"
    }
    assert read_overrides(None, ["denoise_preset=recommended"], baseline).denoise == {
        "preset": "recommended"
    }


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A caller's folder that is not on Python's path, with a PYTHONPATH that is the user's."""
    (tmp_path / "caller").mkdir()
    monkeypatch.chdir(tmp_path / "caller")
    monkeypatch.setenv("PYTHONPATH", "/users/own")
    yield tmp_path / "caller"
    for name in ("their_method", "their_package", "their_package.deep"):
        sys.modules.pop(name, None)


METHOD = "def denoise(array, sample_rate_hz):\n    return array\n"


@pytest.mark.parametrize(
    "file, method",
    [
        ("their_method.py", "their_method:denoise"),
        ("their_package/deep.py", "their_package.deep:denoise"),
    ],
)
@pytest.mark.parametrize("in_baseline", [True, False])
def test_a_method_in_the_callers_or_the_baselines_folder_is_found_by_the_baseline(
    baseline, elsewhere, file, method, in_baseline
):
    path = (baseline.folder if in_baseline else elsewhere) / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(METHOD)
    before = list(sys.path)
    for _ in range(2):
        resolve_stage(baseline, Overrides(denoise={"method": method}), {})
    assert sys.path == before
    assert os.environ["PYTHONPATH"] == "/users/own" + (
        "" if in_baseline else f"{os.pathsep}{elsewhere}"
    )
    program = f"import {method.partition(':')[0]} as found; print(found.__file__)"
    child = subprocess.run(
        [sys.executable, "-c", program],
        cwd=baseline.folder,
        env=child_environment(),
        capture_output=True,
        text=True,
    )
    assert child.stdout.strip() == str(path), child.stderr


def test_of_two_modules_of_one_name_the_check_takes_the_one_that_the_baselines_process_will(
    baseline, elsewhere
):
    (elsewhere / "their_method.py").write_text("")
    (baseline.folder / "their_method.py").write_text(METHOD)
    resolve_stage(baseline, Overrides(denoise={"method": "their_method:denoise"}), {})
    assert os.environ["PYTHONPATH"] == "/users/own"


def test_a_method_whose_source_cannot_be_told_is_refused_before_anything_runs(baseline):
    with pytest.raises(ConfigError, match="expected a function or class that is written in a file"):
        resolve_stage(baseline, Overrides(denoise={"method": "sys:getsizeof"}), {})


@pytest.mark.parametrize(
    "folder, found", [("/nowhere", False), ("./noise", True), ("./nowhere", False)]
)
def test_a_noise_folder_without_clips_is_refused_the_checkouts_own_included(
    baseline, folder, found
):
    (baseline.folder / "noise").mkdir()
    (baseline.folder / "noise/hall.wav").touch()
    with (
        contextlib.nullcontext()
        if found
        else pytest.raises(
            DataError,
            match="denoise_noise_source: expected .*, got 0 in /.*nowhere. Correct the path",
        )
    ):
        resolve_stage(baseline, Overrides(denoise={"noise_source": folder}), {})


def test_a_method_of_ones_own_that_cannot_be_imported_is_refused(baseline):
    with pytest.raises(ConfigError, match="no_such_package"):
        resolve_stage(baseline, Overrides(denoise={"method": "no_such_package:method"}), {})
