"""The command line through the real hook: on the stand-in, and on the real baseline where it is at
hand.
"""

import csv

import pytest
from baseline_checkouts import make_machine
from click.testing import CliRunner

from dcase_denoise_plugin.cli import main

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def compared(any_checkout):
    """A checkout with a small machine, and the call that compared plain with an identity denoiser
    on it.
    """
    make_machine(any_checkout.raw)
    call = [
        "run",
        "-d",
        "compare",
        "--baseline",
        str(any_checkout.root),
        "--jobs",
        "2",
        "--set",
        "epochs=1",
        "--set",
        "denoise_method=identity",
    ]
    result = CliRunner().invoke(main, call)
    assert result.exit_code == 0, result.output
    return any_checkout, call, result.output


def test_plain_and_identity_end_with_the_same_csvs_and_a_difference_of_zero(compared):
    checkout, _, output = compared
    assert len(checkout.csvs("baseline")) == 6 and checkout.csvs("baseline") == checkout.csvs(
        "baseline_denoise"
    )
    assert output.count("+0.00   +0.00 +0.00") == 2


def test_the_baselines_summary_has_a_row_for_each_of_the_four_systems(compared):
    checkout, _, _ = compared
    with open(
        checkout.root
        / "results/dev_data/baseline_compare/summarize/DCASE2025T2/DCASE2025T2_auc_pauc.csv",
        newline="",
    ) as file:
        systems = [row[0] for row in csv.reader(file)][1:]
    assert sorted(systems) == [
        "baseline_MAHALA",
        "baseline_MSE",
        "baseline_denoise_MAHALA",
        "baseline_denoise_MSE",
    ]


def test_the_demo_makes_everything_it_needs_and_says_that_it_is_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(
        main,
        [
            "run",
            "-d",
            "denoise",
            "--demo",
            "--machine",
            "fan",
            "--set",
            "epochs=1",
            "--set",
            "denoise_method=identity",
        ],
    )
    assert result.exit_code == 0, result.output
    assert "DEMO on made-up machines, MSE" in result.output and "difference" in result.output
    assert [folder.name for folder in tmp_path.iterdir()] == ["demo"]


def test_the_same_call_runs_nothing_again(compared):
    _, call, _ = compared
    output = CliRunner().invoke(main, call).output
    assert output.count("finished before") == 6 and "starts" not in output
