import os

import fake_baseline
import pytest

from baseline_patches import baselines
from dcase_denoise_plugin.checkout import baseline as baseline_folder
from dcase_denoise_plugin.checkout.baseline import Baseline, clone_baseline, find_baseline
from dcase_denoise_plugin.errors import BaselineError, ConfigError


def test_the_folder_given_wins_over_the_environment_and_that_over_the_default(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baseline").mkdir()
    assert find_baseline("given", {"DCASE_BASELINE_DIR": "named"}).name == "given"
    assert find_baseline(None, {"DCASE_BASELINE_DIR": "named"}).name == "named"
    assert find_baseline(None, {}).name == "baseline"


def test_no_baseline_names_the_command_that_brings_one_and_its_licence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        BaselineError,
        match=r"git clone --branch v4\.3\.0 https://github.com/nttcslab/\S+ baseline.*licence",
    ):
        find_baseline(None, {})


def test_a_folder_without_the_baselines_files_is_refused_by_what_it_lacks(tmp_path):
    fake_baseline.lay_out(tmp_path)
    (tmp_path / "train.py").unlink()
    with pytest.raises(BaselineError, match=r"without train\.py in .*Name the folder"):
        Baseline.from_folder(tmp_path)


def test_the_runner_takes_no_folder_for_a_checkout_that_the_hook_would_not(tmp_path):
    assert set(baselines.LAYOUT) <= set(baseline_folder.LAYOUT)
    fake_baseline.lay_out(tmp_path)
    (tmp_path / "datasets/dcase_dcase202x_t2_loader.py").unlink()
    with pytest.raises(BaselineError, match=r"without datasets/dcase_dcase202x_t2_loader\.py in"):
        Baseline.from_folder(tmp_path)


def test_settings_and_options_are_read_without_running_the_baseline(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    assert baseline.settings["epochs"] == 100 and baseline.settings["lr"] == 0.001
    assert (baseline.option("epochs"), baseline.option("lr")) == ("--epochs", "-lr")


def test_a_baseline_without_a_seed_needs_one_named(tmp_path):
    assert fake_baseline.lay_out(tmp_path).seed == 13711
    (tmp_path / "baseline.yaml").write_text("--epochs: 1\n")
    with pytest.raises(ConfigError, match="Name one with --seed"):
        print(Baseline.from_folder(tmp_path).seed)


def test_an_unknown_setting_is_refused_with_the_nearest_or_all_that_there_are(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    with pytest.raises(ConfigError, match="epcohs: .*Did you mean epochs"):
        baseline.option("epcohs")
    with pytest.raises(ConfigError, match="Known settings: .*--epochs"):
        baseline.option("zzz")


def test_machine_types_come_from_the_years_file_else_from_the_legacy_file(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    (tmp_path / "datasets/machine_type_legacy.yaml").write_text(
        "DCASE2020T2:\n  machine_type:\n    pump:\n      dev: ['00']\n    fan:\n      eval:"
        " ['01']\n"
    )
    assert baseline.machine_types("DCASE2025T2", "dev") == ("fan", "ToyCar", "valve")
    assert baseline.machine_types("DCASE2020T2", "dev") == ("pump",)
    assert baseline.machine_types("DCASE2031T2", "dev") == ()


def test_only_a_baseline_that_can_do_stereo_is_told_that_the_data_are_mono(tmp_path):
    assert not fake_baseline.lay_out(tmp_path).takes_two_channels
    (tmp_path / "common.py").write_text('parser.add_argument("--mono")')
    assert Baseline.from_folder(tmp_path).takes_two_channels


def test_the_code_digest_follows_the_code_and_nothing_else(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    before = baseline.code_digest()
    (tmp_path / "results.csv").write_text("1")
    (tmp_path / "a_denoiser_of_the_users.py").write_text("x = 1")
    assert baseline.code_digest() == before
    (tmp_path / "networks/base_model.py").write_text("x = 1")
    assert baseline.code_digest() != before


def test_the_loaders_digest_follows_what_makes_features(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    before = baseline.loader_digest()
    (tmp_path / "networks/base_model.py").write_text("x = 1")
    assert baseline.loader_digest() == before
    (tmp_path / "datasets/loader_common.py").write_text("x = 1")
    assert baseline.loader_digest() != before


@pytest.fixture
def git_that(tmp_path, monkeypatch):
    """Puts a git of our own on PATH that notes its arguments and ends with a status."""

    def make(status):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "git").write_text(f'#!/bin/sh\necho "$@" > "{tmp_path}/git.txt"\nexit {status}\n')
        (folder / "git").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.chdir(tmp_path)
        return tmp_path / "git.txt"

    return make


def test_cloning_runs_the_very_command_that_the_error_names(git_that):
    noted = git_that(status=0)
    clone_baseline()
    assert noted.read_text().split() == list(baseline_folder.CLONE_COMMAND[1:])


def test_cloning_leaves_a_folder_that_is_there_alone(git_that, tmp_path):
    noted = git_that(status=1)
    (tmp_path / "baseline").mkdir()
    clone_baseline()
    assert not noted.exists()


def test_a_git_that_fails_is_reported(git_that):
    git_that(status=128)
    with pytest.raises(BaselineError, match="git clone.*128"):
        clone_baseline()
