"""The commands `report` and `compare`, and the page at the end of a run."""

import subprocess
import sys

import fake_baseline
import made_results
import pytest
from click.testing import CliRunner

from dcase_denoise_plugin.checkout.machine_run import ARMS
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.commands import report as report_cli
from dcase_denoise_plugin.commands.report import write_report_of
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.arms import arms_of_checkout, arms_of_folders
from dcase_denoise_plugin.report import page
from dcase_denoise_plugin.runner.runner import run_all


def call(*words):
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.fixture
def results(tmp_path):
    return made_results.write(tmp_path, ("fan",), seeds=(1, 2))


def test_report_finds_both_arms_in_a_checkout(tmp_path):
    fake_baseline.lay_out(tmp_path)
    results = made_results.write(tmp_path, ("fan",), seeds=(1,))
    code, output = call("report", "--baseline", tmp_path)
    assert (
        code == 0
        and output.startswith(f"wrote {results}/baseline_compare/report.html (")
        and "report_mse.csv" in output
    )


def test_report_looks_for_recordings_in_the_checkout_where_the_results_lie_outside_of_it(tmp_path):
    root = fake_baseline.lay_out(tmp_path / "checkout").folder
    (root / "baseline.yaml").write_text(
        fake_baseline.SETTINGS.replace("./results", f"{tmp_path}/results")
    )
    results = made_results.write(tmp_path, ("fan",), seeds=(1,))
    assert call("report", "--baseline", root)[0] == 0
    assert (
        f"No recording of this name in {root}/data/dcase2025t2/dev_data/raw/fan/test."
        in (results / "baseline_compare/report.html").read_text()
    )


def test_report_without_results_says_what_to_run(tmp_path):
    fake_baseline.lay_out(tmp_path)
    code, output = call("report", "--baseline", tmp_path)
    assert code == 2 and output.count("\n") == 1 and "Run ./run_all.sh -d compare first" in output


@pytest.mark.parametrize(
    "first, second, scores",
    [("baseline_MSE", "baseline_denoise_MSE", 1), ("baseline", "baseline_denoise", 2)],
)
def test_compare_takes_folders_of_one_score_or_of_both(results, tmp_path, first, second, scores):
    code, output = call(
        "compare", results / first, results / second, "--out", tmp_path / "page.html"
    )
    html = (tmp_path / "page.html").read_text()
    assert (
        code == 0
        and html.count('<article class="card">') == scores
        and first in html
        and second in html
    )


def test_compare_takes_a_folder_that_holds_one_system(results, tmp_path):
    elsewhere = tmp_path / "theirs"
    elsewhere.mkdir()
    for score in made_results.SCORES:
        (results / f"baseline_denoise_{score}").rename(elsewhere / f"baseline_{score}")
    first, second = arms_of_folders(results, elsewhere)
    assert (first.name, second.name) == ("dev_data", "theirs") and list(second.folders) == [
        "MSE",
        "MAHALA",
    ]


def test_compare_calls_them_what_the_user_says(results, tmp_path):
    code, _ = call(
        "compare",
        results / "baseline",
        results / "baseline_denoise",
        "--name",
        "ours",
        "--name",
        "theirs",
        "--out",
        tmp_path / "page.html",
    )
    assert (
        code == 0
        and '<span class="first">Ours</span> against <span class="second">theirs</span>'
        in (tmp_path / "page.html").read_text()
    )
    assert (
        call("compare", results / "baseline", results / "baseline_denoise", "--name", "ours")[0]
        == 2
    )


def test_the_same_folder_twice_gets_two_names(results):
    assert [arm.name for arm in arms_of_folders(results / "baseline", results / "baseline")] == [
        "baseline (A)",
        "baseline (B)",
    ]


def test_two_folders_are_named_without_what_draws_and_counts():
    program = (
        "import sys, dcase_denoise_plugin.figures.arms; print(*{'jinja2', 'sklearn',"
        " 'matplotlib', 'librosa', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == []


@pytest.mark.parametrize(
    "words, complaint",
    [
        (("nothing", "baseline"), "expected a results folder of the baseline"),
        ((".", "baseline"), "expected the results of one system, got baseline, baseline_denoise"),
        (
            ("baseline_MSE", "baseline_MAHALA"),
            "expected two folders of one score, got MSE and MAHALA",
        ),
    ],
)
def test_what_is_no_pair_of_results_is_one_line(results, words, complaint):
    code, output = call("compare", *(results / word for word in words))
    assert code == 2 and complaint in output and output.count("\n") == 1


def test_folders_with_nothing_readable_are_one_line(tmp_path):
    for name in ("a_MSE", "b_MSE"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "anomaly_score_DCASE2025T2fan_section_00_test_seed1.csv").write_text("")
    code, output = call(
        "compare", tmp_path / "a_MSE", tmp_path / "b_MSE", "--out", tmp_path / "page.html"
    )
    assert code == 2 and "got none that can be read" in output and output.count("\n") == 1


def test_without_results_there_are_no_arms(tmp_path):
    with pytest.raises(
        RunError, match="expected results folders such as baseline_MSE and baseline_denoise_MSE"
    ):
        arms_of_checkout(tmp_path, "baseline")


def finished_runs(tmp_path, what="compare", *assignments):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path), *assignments)
    runs = [fake_baseline.run_of(plan, arm=arm) for arm in ARMS[what]]
    assert run_all(runs, 2) == {}
    return runs


def test_a_run_of_both_arms_ends_with_the_page(tmp_path):
    [(what, path)] = write_report_of(finished_runs(tmp_path), "TITLE")
    assert (
        what == "report"
        and path == tmp_path / "results/dev_data/baseline_compare/DCASE2025T2_report.html"
        and "TITLE" in path.read_text()
    )


@pytest.mark.parametrize("result_directory", ["out/res", "link/res"])
def test_the_page_looks_for_recordings_in_the_checkout_wherever_the_results_lie(
    tmp_path, result_directory
):
    (tmp_path / "checkout").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkout/link").symlink_to(tmp_path / "elsewhere")
    runs = finished_runs(
        tmp_path / "checkout",
        "compare",
        f"result_directory={result_directory}",
        "export_dir=sub/base",
    )
    [(_, path)] = write_report_of(runs, "TITLE")
    assert (
        f"No recording of this name in {tmp_path}/checkout/data/dcase2025t2/dev_data/raw/fan/test."
        in path.read_text()
    )


def test_a_run_of_one_arm_has_nothing_to_compare(tmp_path):
    assert write_report_of(finished_runs(tmp_path, "baseline"), "TITLE") == []


def test_what_an_earlier_call_left_of_a_run_that_failed_now_is_not_on_the_page(tmp_path):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path))
    runs = [
        fake_baseline.run_of(plan, seed=seed, arm=arm) for arm in ARMS["compare"] for seed in (1, 2)
    ]
    assert run_all(runs, 2) == {}
    [(_, path)] = write_report_of(runs[:-1], "TITLE")
    assert "fan: denoised has no figures for seed 2" in path.read_text()


def test_a_page_that_cannot_be_written_takes_nothing_from_the_run(tmp_path, said):
    runs = finished_runs(tmp_path)
    said.clear()
    (tmp_path / "results/dev_data/baseline_compare").write_text("in the way")
    assert write_report_of(runs, "TITLE") is None and said[0].startswith("\nno report: ")


def test_a_page_that_breaks_is_said_and_takes_nothing_from_the_run(tmp_path, monkeypatch, said):
    def broken(*arguments, **options):
        raise TypeError("a text is no number")

    runs = finished_runs(tmp_path)
    said.clear()
    monkeypatch.setattr(page, "write_report", broken)
    assert write_report_of(runs, "TITLE") is None
    assert said[0].startswith(
        "\nno report: expected to make a page of the results, got TypeError: a text is no number"
        " (test_report_cli.py, line "
    )


def test_both_commands_are_registered():
    assert {report_cli.report.name, report_cli.compare.name} <= set(main.commands)
