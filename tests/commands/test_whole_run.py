"""The command line through the real hook: on the stand-in, and on the real baseline where it is at
hand.
"""

import csv

import pytest
from baseline_checkouts import Checkout, make_machine
from click.testing import CliRunner

from dcase_denoise_plugin.cli import main

pytestmark = pytest.mark.slow


SETTINGS = "--set", "epochs=1", "--set", "denoise_method=identity"


@pytest.fixture(scope="module", params=["demo", pytest.param("real", marks=pytest.mark.baseline)])
def compared(request, tmp_path_factory, real_checkout_of):
    """A checkout with a small machine, a call that compares plain with an identity denoiser on it,
    and what the first one said: the demo's stand-in, or the real baseline.
    """
    folder = tmp_path_factory.mktemp("called_from")
    if request.param == "real":
        checkout = real_checkout_of()
        make_machine(checkout.raw)
        words = ["compare", "--baseline", str(checkout.root), "--jobs", "2", *SETTINGS]
    else:
        checkout = Checkout(folder / "demo")
        words = ["denoise", "--demo", "--machine", "fan", *SETTINGS]

    def call():
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(folder)
            return CliRunner().invoke(main, ["run", "-d", *words])

    result = call()
    assert result.exit_code == 0, result.output
    return checkout, call, result.output


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


def test_the_demo_makes_everything_it_needs_and_says_that_it_is_one(compared):
    checkout, _, output = compared
    if checkout.root.name != "demo":
        pytest.skip("the real baseline is no demo")
    assert "DEMO on made-up machines, MSE" in output and "difference" in output
    assert [folder.name for folder in checkout.root.parent.iterdir()] == ["demo"]


def test_the_same_call_runs_nothing_again(compared):
    _, call, _ = compared
    output = call().output
    assert output.count("finished before") == 6 and "starts" not in output
