import csv
import json
import statistics

import fake_baseline
import pytest
from filelock import FileLock, Timeout

from dcase_denoise_plugin.checkout.machine_run import ARMS
from dcase_denoise_plugin.commands.report import write_report_of
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.runner.call import comparable
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.runner.screen import logged_to
from dcase_denoise_plugin.runner.summary import summarise


@pytest.fixture
def finished(tmp_path, said):
    """Makes finished runs on the development or evaluation data; what was said of them is
    forgotten.
    """

    def make(what="compare", mode="dev"):
        plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, mode=mode), mode=mode)
        runs = [fake_baseline.run_of(plan, arm=arm) for arm in ARMS[what]]
        assert run_all(runs, 2) == {}
        said.clear()
        return runs

    return make


def test_the_baselines_tool_gets_plain_and_denoised_folders_and_ours_lies_beside_its_summary(
    finished, tmp_path
):
    summarise(finished(), "TITLE")
    out = "results/dev_data/baseline_compare/summarize/DCASE2025T2"
    names = ("baseline_MSE", "baseline_MAHALA", "baseline_denoise_MSE", "baseline_denoise_MAHALA")
    folders = " ".join(
        f"results/dev_data/baseline_compare/by_seed/DCASE2025T2/{name}" for name in names
    )
    assert (
        tmp_path / "logs/run_all/dev_data/baseline/DCASE2025T2_summary.log"
    ).read_text() == f"DCASE2025T2 {out} None -d {folders}\n"
    assert sorted(file.name for file in (tmp_path / out).iterdir()) == [
        "DCASE2025T2_auc_pauc_extract.csv",
        "DCASE2025T2_comparison.csv",
    ]


def test_the_tools_sets_have_one_order(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    tool = tmp_path / "tools/export_results.sh"
    runs = finished("baseline")
    tool.write_text(tool.read_text() + 'echo "$PYTHONHASHSEED" > hash_seed.txt\n')
    summarise(runs, "TITLE")
    assert (tmp_path / "hash_seed.txt").read_text() == "0\n"


def test_rows_of_an_earlier_summary_do_not_stay(finished, tmp_path):
    runs = finished()
    summarise(runs, "TITLE")
    old = runs[0].plan.together.summary / "baseline_of_before_MSE"
    old.mkdir()
    summarise(runs, "TITLE")
    assert not old.exists()


def test_calls_that_end_at_the_same_time_report_one_after_the_other(finished, tmp_path):
    lock_file = tmp_path / "results/dev_data/baseline_compare/DCASE2025T2.lock"

    def is_locked():
        try:
            with FileLock(lock_file, timeout=0):
                return False
        except Timeout:
            return True

    runs, locked = finished(), []
    with logged_to(lambda line: locked.append(is_locked())):
        summarise(runs, "TITLE")
    assert len(locked) > 2 and all(locked) and not is_locked()


def test_data_sets_of_one_checkout_do_not_touch_each_others_files(finished, tmp_path):
    other = [
        tmp_path / "results/dev_data/baseline_compare" / name
        for name in ("by_seed/DCASE2024T2/a.csv", "summarize/DCASE2024T2/a.csv")
    ]
    for path in other:
        path.parent.mkdir(parents=True)
        path.touch()
    summarise(finished(), "TITLE")
    assert all(path.exists() for path in other)


def test_several_seeds_are_a_system_each_because_the_tool_skips_machines_with_two_tables(tmp_path):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path))
    runs = [
        fake_baseline.run_of(plan, arm=arm, seed=seed) for arm in ARMS["compare"] for seed in (1, 2)
    ]
    assert run_all(runs, 2) == {}
    summarise(runs, "TITLE")
    extract = (plan.together.summary_extract).read_text().splitlines()[1:]
    assert (
        len(extract) == 8
        and all(line.endswith("TOTAL score,0.6") for line in extract)
        and any("baseline_denoise_MSE_seed2," in line for line in extract)
    )


def test_a_summary_without_figures_is_refused(finished, tmp_path):
    runs = finished("baseline")
    empty = (
        'mkdir -p "$2"; printf "System,metric,h-mean\\nbaseline_MSE,TOTAL score,\\n" >'
        ' "$2/$1_auc_pauc_extract.csv"\n'
    )
    (tmp_path / "tools/export_results.sh").write_text(empty)
    with pytest.raises(
        RunError,
        match=(
            "expected a total score of every system .*, got none of baseline_MAHALA, baseline_MSE."
            " Look at"
        ),
    ):
        summarise(runs, "TITLE")


def test_tables_come_first_and_the_place_of_every_file_last(finished, tmp_path, said):
    summarise(finished(), "TITLE")
    text = "\n".join(said)
    assert text.index("TITLE, MSE") < text.index("TITLE, MAHALA") < text.index("scores and AUCs")
    for place in (
        "results/dev_data/baseline_denoise_MAHALA",
        "models/saved_model/baseline_denoise",
        "models/checkpoint/denoiser",
        "results/dev_data/baseline_compare/summarize/DCASE2025T2",
        "logs/run_all/dev_data/baseline",
    ):
        assert str(tmp_path / place) in text


def test_without_ground_truth_there_is_no_table_but_the_scores_are_found(finished, tmp_path, said):
    summary = summarise(finished(mode="eval"), "TITLE")
    assert (
        "no ground truth of fan" in said[0]
        and str(tmp_path / "results/eval_data/baseline_denoise_MSE") in said[-1]
    )
    assert (
        "summary and table" not in said[-1]
        and summary.comparisons == []
        and summary.without_truth == ["fan"]
    )


def test_evaluation_data_end_with_what_the_evaluator_takes_and_what_that_lacks(
    finished, tmp_path, said
):
    summarise(finished(mode="eval"), "TITLE")
    assert said[1].endswith(
        "submission/DCASE2025T2 lacks valve; the challenge and its evaluator want every machine"
        " type of DCASE2025T2."
    )
    assert (
        "for the evaluator    "
        f" {tmp_path}/results/eval_data/baseline_compare/submission/DCASE2025T2" in said[-1]
    )


def test_development_data_are_no_submission(finished, tmp_path):
    assert not any("evaluator" in what for what, _ in summarise(finished(), "TITLE").places)


def test_machines_whose_labels_are_there_have_a_table_and_the_others_are_named(tmp_path, said):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyPet"), mode="eval")
    labelled = tmp_path / "data/dcase2025t2/eval_data/raw/fan/test_rename"
    labelled.mkdir()
    plan = fake_baseline.plan_of(baseline, mode="eval")
    runs = [
        fake_baseline.run_of(plan, machine, arm=arm)
        for machine in ("fan", "ToyPet")
        for arm in ARMS["compare"]
    ]
    assert run_all(runs, 2) == {}
    said.clear()
    summary = summarise(runs, "TITLE")
    assert [comparison.machines for comparison in summary.comparisons] == [
        ["fan"],
        ["fan"],
    ] and "no ground truth of ToyPet," in said[2]
    # Labels that are gone leave AUCs that nobody can vouch for.
    labelled.rmdir()
    assert summarise(runs, "TITLE").comparisons == [] and "summary and table" not in said[-1]


@pytest.mark.slow
def test_the_table_and_the_page_rest_on_the_same_machine_types_and_seeds(tmp_path, said):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, ("fan", "ToyCar")))
    runs = [
        fake_baseline.run_of(plan, machine, seed, arm)
        for machine in ("fan", "ToyCar")
        for seed in (1, 2, 3)
        for arm in ARMS["compare"]
    ]
    assert run_all(runs, 2) == {}
    summary = summarise(
        runs[:-1], "TITLE", write_report_of
    )  # the denoised ToyCar with seed 3 has failed
    with open(plan.together.folder / "DCASE2025T2_report_mse.csv", newline="") as file:
        (official,) = (row for row in csv.DictReader(file) if row["metric"] == "official score")
    comparison = summary.comparisons[0]
    assert comparison.compared_machines == ["ToyCar", "fan"]
    assert comparison.official.seeds == (1, 2)
    assert statistics.mean(comparison.official.shown(1)) == pytest.approx(
        float(official["denoised mean"])
    )
    assert any("without ToyCar seed 3, fan seed 3, which not every arm" in line for line in said)


@pytest.mark.parametrize(
    "failed, kept",
    [
        ({("fan", 1)}, {("fan", 2), ("fan", 3), ("valve", 2), ("valve", 3)}),
        ({("fan", 1), ("fan", 2)}, {("valve", 1), ("valve", 2), ("valve", 3)}),
        ({("fan", 1), ("fan", 2), ("fan", 3), ("valve", 1)}, {("valve", 2), ("valve", 3)}),
        ({("fan", 1), ("fan", 2), ("valve", 3)}, set()),
    ],
)
def test_machine_types_or_seeds_with_gaps_are_left_out_whichever_leaves_more(
    tmp_path, failed, kept
):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path))
    runs = [
        fake_baseline.run_of(plan, machine, seed, arm)
        for machine in ("fan", "valve")
        for seed in (1, 2, 3)
        for arm in ARMS["compare"]
        if arm == "plain" or (machine, seed) not in failed
    ]
    assert [run for run in runs if (run.machine, run.seed) in kept] == comparable(runs)


def test_without_anything_that_both_arms_have_there_is_nothing_to_compare(tmp_path, said):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, ("fan", "ToyCar")))
    runs = [
        fake_baseline.run_of(plan, machine, arm=arm)
        for machine, arm in (("fan", "plain"), ("ToyCar", "denoised"))
    ]
    assert run_all(runs, 2) == {}
    said.clear()
    assert (
        summarise(runs, "TITLE").comparisons == []
        and "without ToyCar seed 13711, fan seed 13711" in said[0]
    )


def test_a_summary_tool_that_fails_is_reported_with_its_log(finished, tmp_path):
    runs = finished("baseline")
    (tmp_path / "tools/export_results.sh").write_text("exit 7\n")
    with pytest.raises(RunError, match=r"exit status 7 in .*DCASE2025T2_summary\.log"):
        summarise(runs, "TITLE")


def test_machine_types_that_were_handed_over_as_they_are_are_named(finished, said):
    runs = finished()
    receipt = runs[1].receipt("train")
    summarise(runs, "TITLE")
    assert not any("handed over" in line for line in said)
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "untouched": True}))
    summarise(runs, "TITLE")
    assert any(
        line.startswith(
            "\nTITLE: clips of fan handed over as they are, for no recording tells what the noise"
            " in them is like"
        )
        for line in said
    )


def test_what_the_stage_found_out_about_a_machine_is_told_once(finished, said):
    runs = finished()
    receipt = runs[1].receipt("train")
    findings = "fan: 60 noise recordings; cleaned by the U-Net"
    receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "findings": findings}))
    summarise(runs, "TITLE")
    assert said.count(f"\n{findings}") == 1
