import csv
import json

import pytest

from dcase_denoise_plugin.errors import ConfigError, RunError
from dcase_denoise_plugin.figures.reference import (
    DEFAULT_TOLERANCE,
    Figure,
    Known,
    judge,
    read_aucs,
    read_reference,
    write_reference,
)

ROC = (
    "section,AUC (source),AUC (target),pAUC,F1 score (source)\n00,{0},{1},{2},0.1\narithmetic"
    " mean,{0},{1},{2},0.1\nharmonic mean,{0},{1},{2},0.1\n\n"
)
FAN, VALVE = (
    "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv",
    "result_DCASE2025T2valve_test_seed1_id(0_)_roc.csv",
)
SOURCE = Figure(f"baseline_MSE/{FAN}", "AUC (source)")


@pytest.fixture
def results(tmp_path):
    """A results folder as the baseline leaves it, and a function that writes another table
    there.
    """

    def write(folder, name, *aucs):
        path = tmp_path / "results/dev_data" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(ROC.format(*aucs))

    write("baseline_MSE", FAN, 0.7, 0.6, 0.5)
    write("baseline_MAHALA", FAN, 0.8, 0.7, 0.6)
    return tmp_path / "results", write


def test_every_auc_of_every_score_is_read_and_nothing_else(results):
    found = read_aucs(results[0])
    assert (
        len(found) == 6
        and found[SOURCE] == pytest.approx(0.7)
        and found[Figure(f"baseline_MAHALA/{FAN}", "pAUC")] == pytest.approx(0.6)
    )


def test_figures_have_the_same_names_from_wherever_they_are_read(results, monkeypatch):
    folder, _ = results
    assert read_aucs(folder) == read_aucs(folder / "dev_data")
    monkeypatch.chdir(folder / "dev_data/baseline_MSE")
    assert read_aucs("").keys() < read_aucs(folder).keys()


def test_copies_that_the_summary_works_on_are_passed_over(results):
    folder, write = results
    write("baseline_compare/by_seed/DCASE2025T2/baseline_MSE", FAN, 0.1, 0.1, 0.1)
    write("baseline_compare/summarize/DCASE2025T2/baseline_MSE", FAN, 0.1, 0.1, 0.1)
    assert read_aucs(folder)[SOURCE] == pytest.approx(0.7)


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(RunError, match="RESULTS: expected result_"):
        read_aucs(tmp_path)


def test_two_tables_of_one_name_are_refused(results):
    folder, write = results
    write("other/baseline_MSE", FAN, 0.7, 0.6, 0.5)
    with pytest.raises(
        RunError,
        match=(
            r"expected one baseline_MSE/result_DCASE2025T2fan.*got it in .*dev_data/baseline_MSE"
            r" and in .*other/baseline_MSE"
        ),
    ):
        read_aucs(folder)


def test_each_figure_that_fell_or_rose_by_more_than_the_tolerance_is_named(results):
    reference = {figure: Known(value) for figure, value in read_aucs(results[0]).items()}
    found = {figure: known.value for figure, known in reference.items()}
    found[SOURCE] = 0.688
    found[Figure(f"baseline_MSE/{FAN}", "pAUC")] = 0.52
    verdict = judge(found, reference)
    assert [str(change) for change in verdict.fell] == [
        f"AUC (source) in baseline_MSE/{FAN}: 0.7000 → 0.6880, -0.0120 (tolerance 0.01)"
    ]
    assert [change.figure.metric for change in verdict.rose] == ["pAUC"] and not verdict.is_good
    assert judge(found, reference, tolerance=0.012).is_good


def test_a_fall_of_the_tolerance_itself_is_none():
    assert judge({SOURCE: 0.69}, {SOURCE: Known(0.7)}, 0.01).is_good


def test_the_callers_tolerance_wins_over_the_figures_own_and_that_over_the_default():
    reference = {SOURCE: Known(0.7, tolerance=0.1)}
    assert (
        judge({SOURCE: 0.65}, reference).is_good
        and not judge({SOURCE: 0.65}, reference, 0.0).is_good
    )
    assert not judge({SOURCE: 0.7 - 1.1 * DEFAULT_TOLERANCE}, {SOURCE: Known(0.7)}).is_good


def test_what_is_no_number_has_fallen():
    (change,) = judge({SOURCE: float("nan")}, {SOURCE: Known(0.7)}, 1.0).fell
    assert str(change).endswith("0.7000 → not a number")


def test_what_is_missing_fails_and_what_is_new_does_not(results):
    found = read_aucs(results[0])
    gone = Figure(f"baseline_MSE/{VALVE}", "pAUC")
    verdict = judge(found, {SOURCE: Known(0.7), gone: Known(0.5)})
    assert (
        verdict.missing == [gone]
        and not verdict.is_good
        and len(verdict.new) == 5
        and verdict.compared == 1
    )
    assert judge(found, {SOURCE: Known(0.7)}).is_good


@pytest.mark.parametrize("name", ["reference.json", "new/reference.csv"])
def test_a_written_reference_reads_as_it_was(results, tmp_path, name):
    found = read_aucs(results[0])
    write_reference(tmp_path / name, found, 0.02)
    assert read_reference(tmp_path / name) == {
        figure: Known(pytest.approx(value), 0.02) for figure, value in found.items()
    }
    assert [
        path.name for path in (tmp_path / name).parent.iterdir() if "partial" in path.name
    ] == []


def test_a_csv_that_excel_has_saved_reads_as_it_was(tmp_path):
    write_reference(tmp_path / "reference.csv", {SOURCE: 0.7})
    before = read_reference(tmp_path / "reference.csv")
    (tmp_path / "reference.csv").write_text(
        (tmp_path / "reference.csv").read_text().replace("\n", "\r\n"),
        encoding="utf-8-sig",
        newline="",
    )
    assert read_reference(tmp_path / "reference.csv") == before


@pytest.mark.parametrize("name", ["reference.json", "reference.csv"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_reference_with_a_byte_order_mark_reads_as_it_was(tmp_path, name, encoding):
    write_reference(tmp_path / name, {SOURCE: 0.7})
    before = read_reference(tmp_path / name)
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(text, encoding=encoding)
    assert read_reference(tmp_path / name) == before
    if name.endswith("csv"):
        text = text.replace(",", ";").replace("0.7", "0,7")
        (tmp_path / name).write_text(text, encoding=encoding)
        assert read_reference(tmp_path / name) == before


def test_json_notes_the_tolerance_once_and_csv_only_if_there_is_one(results, tmp_path):
    found = read_aucs(results[0])
    write_reference(tmp_path / "reference.json", found)
    assert json.loads((tmp_path / "reference.json").read_text())["tolerance"] == DEFAULT_TOLERANCE
    write_reference(tmp_path / "reference.csv", found)
    with open(tmp_path / "reference.csv", newline="") as file:
        assert next(csv.reader(file)) == ["table", "metric", "value"]
    assert {known.tolerance for known in read_reference(tmp_path / "reference.csv").values()} == {
        None
    }


def test_a_figure_that_is_no_number_makes_no_reference(tmp_path):
    with pytest.raises(RunError, match="RESULTS: expected AUCs, got nan"):
        write_reference(tmp_path / "reference.json", {SOURCE: float("nan")})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "name, content, complaint",
    [
        ("a.json", None, "No such file"),
        ("a.json", "{", "Expecting property name"),
        ("a.json", "[]", "Expected `object`, got `array`"),
        ("a.json", "{}", "figures"),
        ("a.json", '{"figures": []}', "at least one figure"),
        ("a.json", '{"figures": [{"table": "t", "metric": "m"}]}', "value"),
        (
            "a.json",
            '{"figures": [{"table": "t", "metric": "m", "value": 70}]}',
            "Expected `float` <= 1.0",
        ),
        (
            "a.json",
            '{"tolerance": -1, "figures": [{"table": "t", "metric": "m", "value": 0.7}]}',
            r"Expected `float` >= 0.0 - at `\$.tolerance`",
        ),
        (
            "a.json",
            '{"figures": [{"table": "t", "metric": "m", "value": NaN}]}',
            "Expected `float` >= 0.0",
        ),
        ("a.json", "[" * 100000, "nested too deep"),
        ("a.csv", "", "at least one figure"),
        ("a.csv", "table,metric\nt,m\n", "value"),
        ("a.csv", "table,metric,value\nt,m,high\n", "Expected `float`, got `str`"),
        (
            "a.csv",
            "table|metric|value\nt|m|0.7\n",
            "the columns table.metric.value, not table, metric, value",
        ),
    ],
)
def test_a_reference_that_is_none_is_refused_in_one_line(tmp_path, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(
        ConfigError, match=f"(?s)--reference: expected.*{complaint}.*{name}"
    ) as refused:
        read_reference(tmp_path / name)
    assert "\n" not in str(refused.value)
