import csv

import fake_baseline
import pytest

from dcase_denoise_plugin.checkout.machine_run import ARMS
from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.comparison import compare_runs
from dcase_denoise_plugin.figures.result_tables import read_pairs, read_roc
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.figures.screen_table import (
    OVERALL,
    entries,
    screen_table,
    write_entries,
)

ROC = (
    "section,AUC (source),AUC (target),pAUC\n00,{0},{1},{2}\narithmetic mean,{0},{1},{2}\nharmonic"
    " mean,{0},{1},{2}\n\n"
)


@pytest.fixture
def runs_with(tmp_path):
    """Makes runs from {(machine, seed, arm): (AUC source, AUC target, pAUC)}, with their CSVs as
    the baseline writes them.
    """

    def make(aucs):
        plan = fake_baseline.plan_of(
            fake_baseline.lay_out(tmp_path, tuple({machine for machine, _, _ in aucs}))
        )
        runs = [fake_baseline.run_of(plan, *key) for key in aucs]
        for run, values in zip(runs, aucs.values()):
            run.folder("MSE").mkdir(parents=True, exist_ok=True)
            run.roc("MSE").write_text(ROC.format(*values))
        return runs

    return make


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_table_that_a_spreadsheet_saved_reads_as_the_baselines(tmp_path, delimiter, encoding):
    def saved(name, text):
        if delimiter == ";":
            text = text.replace(",", ";").replace(".", ",").replace(",wav", ".wav")
        (tmp_path / name).write_text(text, encoding=encoding)
        return tmp_path / name

    assert read_roc(saved("roc.csv", ROC.format(0.71, 0.5, 0.6))) == {
        "AUC (source)": 71.0,
        "AUC (target)": 50.0,
        "pAUC": 60.0,
    }
    assert read_pairs(saved("scores.csv", "b.wav,0.5\na.wav,12.25\n")) == (
        [("a.wav", 12.25), ("b.wav", 0.5)],
        "",
    )


def test_utf_16_without_a_mark_is_refused_by_name(tmp_path):
    (tmp_path / "a.csv").write_text("a.wav,0.5\n", encoding="utf-16-le")
    assert "UTF-16 without its byte-order mark" in read_pairs(tmp_path / "a.csv")[1]
    with pytest.raises(RunError, match="UTF-16 without its byte-order mark"):
        read_roc(tmp_path / "a.csv")


def test_each_section_counts_behind_the_autoencoder_that_was_trained_for_it(tmp_path):
    rows = "section,AUC (source),pAUC\n00,{0},0.5\n01,{1},0.5\nharmonic mean,0.1,0.1\n"
    for trained, aucs in ((0, (0.8, 0.3)), (1, (0.2, 0.4))):
        end = f"test_seed1_id({trained}_)"
        for section, auc in enumerate(aucs):
            name = f"anomaly_score_DCASE2022T2fan_section_{section:02d}_{end}.csv"
            (tmp_path / name).write_text(f"section_{section:02d}_source_normal.wav,{auc}\n")
        (tmp_path / f"result_DCASE2022T2fan_{end}_roc.csv").write_text(rows.format(*aucs))
    results = Results.read(tmp_path, "MSE")
    sections = results.sections["fan", 1]
    assert {name: section.scores.tolist() for name, section in sections.items()} == {
        "section_00": [0.8],
        "section_01": [0.4],
    }
    assert results.stated["fan", 1]["AUC (source)"] == pytest.approx(2 / (1 / 0.8 + 1 / 0.4))
    assert not [remark for remark in results.remarks if "two tables" in remark.text]


def by_seed(comparison, *names):
    """The one entry of this machine type, arm and metric."""
    (entry,) = (one for one in entries(comparison) if (one.machine, one.arm, one.metric) == names)
    return entry.by_seed


def test_the_table_shows_plain_denoised_and_their_difference_with_the_official_score_last(
    runs_with,
):
    runs = runs_with(
        {("fan", 1, "plain"): (0.6, 0.5, 0.5), ("fan", 1, "denoised"): (0.7, 0.45, 0.5)}
    )
    assert screen_table(compare_runs(runs, "MSE"), "TITLE").splitlines() == [
        "TITLE, MSE: percent, one seed, which proves nothing by itself",
        "               plain                  denoised               difference",
        "machine        AUC src AUC tgt  pAUC  AUC src AUC tgt  pAUC  AUC src AUC tgt  pAUC",
        "fan              60.00   50.00 50.00    70.00   45.00 50.00   +10.00   -5.00 +0.00",
        "harmonic mean    52.94                  53.09                  +0.15",
    ]


def test_seeds_are_averaged_and_the_difference_is_taken_seed_by_seed(runs_with):
    runs = runs_with(
        {
            ("fan", 1, "plain"): (0.6, 0.5, 0.5),
            ("fan", 2, "plain"): (0.8, 0.5, 0.5),
            ("fan", 1, "denoised"): (0.61, 0.5, 0.5),
            ("fan", 2, "denoised"): (0.81, 0.5, 0.5),
        }
    )
    comparison = compare_runs(runs, "MSE")
    assert by_seed(comparison, "fan", "plain", "AUC (source)") == {1: 60, 2: 80}
    assert by_seed(comparison, "fan", "difference", "AUC (source)") == pytest.approx({1: 1, 2: 1})
    table = screen_table(comparison, "TITLE")
    assert (
        "mean of 2 seeds ± standard deviation" in table
        and "70.0±14.1" in table
        and "+1.0±0.0" in table
    )


def test_the_official_score_is_the_harmonic_mean_over_machines_and_metrics(runs_with):
    comparison = compare_runs(
        runs_with({("fan", 1, "plain"): (0.5, 0.5, 0.5), ("valve", 1, "plain"): (1.0, 1.0, 1.0)}),
        "MSE",
    )
    assert by_seed(comparison, OVERALL, "plain", OVERALL) == pytest.approx({1: 100 * 6 / 9})
    assert {entry.arm for entry in entries(comparison)} == {"plain"}


def test_plain_stands_before_denoised_whichever_comes_first(runs_with):
    runs = runs_with({("fan", 1, arm): (0.5, 0.5, 0.5) for arm in ("denoised", "plain")})
    arms = [entry.arm for entry in entries(compare_runs(runs, "MSE"))]
    assert arms[:3] == ["plain", "denoised", "difference"]


def test_the_table_of_the_widest_data_set_fits_100_columns(runs_with):
    aucs = {
        ("CoffeeGrinder", seed, arm): (0.7 + seed / 20, 0.3 + seed / 20, 0.5)
        for arm in ARMS["compare"]
        for seed in (0, 1)
    }
    comparison = compare_runs(runs_with(aucs), "MSE")
    assert (
        max(map(len, screen_table(comparison, "DCASE2025T2 evaluation data").splitlines())) <= 100
    )


def seven_machines(spread, arms=ARMS["compare"]):
    """AUCs of seven machine types and three seeds whose standard deviation is `spread`."""
    return {
        (machine, seed, arm): (
            0.5 + spread * (seed - 1) * (1 if arm == "plain" else -1),
            0.5,
            0.5 + spread * (seed - 1),
        )
        for machine in (
            "ToyCar",
            "ToyTrain",
            "bearing",
            "fan",
            "gearbox",
            "slider",
            "CoffeeGrinder",
        )
        for seed in range(3)
        for arm in arms
    }


@pytest.mark.parametrize("spread", [0.02, 0.2, 0.49])
def test_seven_machines_and_three_seeds_fit_100_columns_whatever_the_figures(runs_with, spread):
    comparison = compare_runs(runs_with(seven_machines(spread)), "MSE")
    lines = screen_table(comparison, "DCASE2025T2 development data").splitlines()
    assert max(map(len, lines)) <= 100 and all(
        any(line.startswith(machine) for line in lines) for machine in comparison.machines
    )


def test_arms_stand_below_each_other_where_side_by_side_is_too_wide(runs_with):
    comparison = compare_runs(runs_with(seven_machines(0.49)), "MSE")
    lines = screen_table(comparison, "TITLE").splitlines()
    assert (
        lines[1].split() == ["machine", "arm", "AUC", "src", "AUC", "tgt", "pAUC"]
        and len(lines) == 2 + 3 * 8
    )
    assert [line[:25].split() for line in lines[2:5]] == [
        ["CoffeeGrinder", "plain"],
        ["denoised"],
        ["difference"],
    ]
    assert lines[-3].startswith("harmonic mean  plain")


def test_data_sets_without_domains_have_one_auc(tmp_path, runs_with):
    (run,) = runs_with({("fan", 1, "plain"): (0.5, 0.5, 0.5)})
    run.roc("MSE").write_text("section,AUC,pAUC\n00,0.7,0.6\nharmonic mean,0.7,0.6\n")
    metrics = [entry.metric for entry in entries(compare_runs([run], "MSE"))]
    assert metrics == ["AUC", "pAUC", OVERALL]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "section,AUC\n00,0.5\n",
        "section,AUC\nharmonic mean,none\n",
        "section,AUC\nharmonic mean\n",
        "section,recall\nharmonic mean,1\n",
    ],
)
def test_a_csv_that_is_not_the_baselines_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "roc.csv").write_text(content)
    with pytest.raises(RunError, match="roc.csv"):
        read_roc(tmp_path / "roc.csv")


def test_the_csv_holds_every_cell(tmp_path, runs_with):
    comparison = compare_runs(runs_with({("fan", 1, "plain"): (0.6, 0.5, 0.5)}), "MSE")
    write_entries(tmp_path / "new" / "table.csv", [comparison])
    with open(tmp_path / "new" / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert rows[0] == {
        "score": "MSE",
        "machine": "fan",
        "arm": "plain",
        "metric": "AUC (source)",
        "mean": "60.0",
        "standard deviation": "",
        "seeds": "1",
    }


@pytest.mark.parametrize("content", [None, "section,recall\nharmonic mean,1\n"])
def test_a_run_without_the_baselines_table_is_not_compared(runs_with, content):
    (run,) = runs_with({("fan", 1, "plain"): (0.5, 0.5, 0.5)})
    run.roc("MSE").unlink()
    if content:
        run.roc("MSE").write_text(content)
    with pytest.raises(RunError, match="expected AUC and pAUC from the baseline's test of fan"):
        compare_runs([run], "MSE")
