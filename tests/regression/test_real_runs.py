"""The runner on the real baseline, where the stand-in cannot show what that does by itself."""

import pickle
import shutil

import fake_baseline
import pytest
from baseline_checkouts import TINY_UNET, make_machine

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.runner.baseline_summary import baseline_summary
from dcase_denoise_plugin.runner.runner import run_all

pytestmark = [pytest.mark.baseline, pytest.mark.slow]


def features_of(run):
    """The plain features of the training clips, and their note."""
    (path,) = run.processed.glob("train/*/*.pickle")
    note = path.with_name(f"{path.name}.json")
    return pickle.loads(path.read_bytes())[0], note.read_text() if note.exists() else ""


@pytest.fixture(scope="module")
def run_of_power_1(real_checkout_of):
    """A finished plain run, over features of power 2 that a run left without a note."""
    checkout = real_checkout_of()
    make_machine(checkout.raw, train=6, test_each=2)
    by_hand = ("--export_dir", "by_hand", "--power", "2.0")
    checkout.train_py("--train_only", *by_hand, hooked=False)
    plan = fake_baseline.plan_of(Baseline.from_folder(checkout.root), "epochs=1", "power=1.0")
    run = fake_baseline.run_of(plan)
    before = features_of(run)
    assert run_all([run], 1) == {}
    return before, run


def test_features_that_a_killed_run_left_are_not_taken_for_another_power(run_of_power_1):
    (before, no_note), run = run_of_power_1
    after, note = features_of(run)
    assert not no_note and '"power": 1.0' in note
    assert before.shape == after.shape and (before != after).any()


def test_the_summary_has_the_same_bytes_each_time(run_of_power_1, monkeypatch):
    _, run = run_of_power_1
    tables = []
    for seed in ("1", "2", "3"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        baseline_summary([run])
        tables.append({file.name: file.read_bytes() for file in summary_files(run)})
    assert tables[0] == tables[1] == tables[2] and len(tables[0]) == 2


def summary_files(run):
    return run.plan.together.summary.glob("*.csv")


def test_a_section_of_earlier_data_is_denoised_by_the_baselines_own_commands(real_checkout_of):
    checkout = real_checkout_of()
    folder = make_machine(checkout.root / "data/dcase2022t2/dev_data/raw", train=4, test_each=2)
    for clip in list(folder.rglob("section_00*")):
        for section in ("section_01", "section_02"):
            shutil.copy(clip, clip.with_name(clip.name.replace("section_00", section)))
    own = ("--dataset=DCASE2022T2fan", "-d", "-tag=id(1_)", "--use_ids", "1", "--epochs", "1")
    for step in (("--train_only",), ("--test_only", "--score", "MSE")):
        ended = checkout.python("train.py", *own, *step, "--denoise", "true", *TINY_UNET)
        assert ended.returncode == 0, ended.stderr[-3000:]
    results = checkout.root / "results/dev_data/baseline_denoise_MSE"
    (scores,) = results.glob("anomaly_score_*_section_01_*")
    assert len(scores.read_text().splitlines()) == 8
    assert Results.read(results, "MSE").sections["fan", 13711].keys() == {"section_01"}
    assert [file.name for file in results.glob("denoise_receipt_*")] == [
        "denoise_receipt_DCASE2022T2fan_seed13711_id(1_).json"
    ]
