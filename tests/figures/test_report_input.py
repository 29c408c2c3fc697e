"""What is missing or broken in a results folder is said in its place, and the rest stands."""

import shutil

import made_results
import numpy as np
import pytest

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures.arms import Arm
from dcase_denoise_plugin.figures.comparison import compare
from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.figures.tables import figures_table, seeds_table
from dcase_denoise_plugin.report.page import write_report

PLAIN, DENOISED = "baseline_MSE", "baseline_denoise_MSE"


@pytest.fixture
def results(tmp_path):
    return made_results.write(tmp_path, scores=("MSE",))


@pytest.fixture
def compared(results):
    """Compares what lies there now: rows by (machine, figure), and the remarks as one text."""

    def make():
        comparison = compare(
            "MSE",
            ("plain", "denoised"),
            [Results.read(results / folder, "MSE") for folder in (PLAIN, DENOISED)],
            0.1,
        )
        return {(row.machine, row.metric): row for row in comparison.rows}, "\n".join(
            remark.text for remark in comparison.remarks
        )

    return make


def remove(folder, machine="fan", seed=1):
    for file in folder.glob(f"*{machine}_*seed{seed}_*"):
        file.unlink()


def whole(rows, machine="gearbox"):
    """Whether a machine type is untouched."""
    return all(
        len(row.seeds) == 3 and row.over_clips and row.over_seeds
        for (own, _), row in rows.items()
        if own == machine
    )


def test_nothing_is_remarked_where_nothing_is_wrong(compared):
    rows, remarks = compared()
    assert remarks == "" and whole(rows, "fan") and whole(rows) and whole(rows, "all machines")


def test_a_missing_seed_is_left_out_of_both_arms(results, compared):
    remove(results / DENOISED, seed=2)
    rows, remarks = compared()
    assert "fan: denoised has no figures for seed 2" in remarks and whole(rows)
    assert rows["fan", "pAUC"].seeds == (1, 3) and rows["all machines", "official score"].seeds == (
        1,
        3,
    )
    assert len(rows["fan", "pAUC"].shown(0)) == 2, "the mean of plain is over the same seeds"


def test_a_missing_machine_type_is_left_out_of_the_official_score(results, compared):
    for seed in (1, 2, 3):
        remove(results / DENOISED, seed=seed)
    rows, remarks = compared()
    assert "all machines leaves out fan" in remarks and whole(rows)
    assert (
        rows["fan", "pAUC"].seeds == ()
        and len(rows["fan", "pAUC"].shown(0)) == 3
        and not rows["fan", "pAUC"].tone
    )
    assert (
        rows["all machines", "official score"].values[0]
        == rows["gearbox", "harmonic mean"].values[0]
    )


def test_an_official_score_of_some_machine_types_names_them(results, tmp_path):
    for seed in (1, 2, 3):
        remove(results / DENOISED, seed=seed)
    html = write_report(
        Arm("plain", {"MSE": results / PLAIN}),
        Arm("denoised", {"MSE": results / DENOISED}),
        tmp_path / "report.html",
        "",
    )[0].read_text()
    assert "official score, %, of gearbox only" in html


def test_machine_types_without_a_common_seed_have_no_official_score(results, compared):
    remove(results / DENOISED, seed=1)
    remove(results / DENOISED, seed=2)
    remove(results / PLAIN, "gearbox", seed=3)
    rows, remarks = compared()
    assert (
        "no figure over all machines: no seed has both arms of fan, gearbox" in remarks
        and not any(machine == "all machines" for machine, _ in rows)
    )


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("", "an empty table"),
        ("clip.wav,nan\nclip2.wav,1\n", "1 of 2 scores are not finite numbers"),
        ("clip.wav\n", "a line without a second column"),
        ("clip.wav,high\n", "expected a clip and a number"),
        ("clip.wav,1\nclip.wav,2\n", "a clip that stands there twice"),
        ("\udcff", "expected a clip and a number"),
    ],
)
def test_a_broken_score_file_costs_its_seed_f1_and_intervals_of_its_machine_type(
    results, compared, content, complaint
):
    made_results.score_file(results / DENOISED).write_bytes(
        content.encode(errors="surrogateescape")
    )
    rows, remarks = compared()
    assert (
        complaint in remarks
        and "the AUCs are those of the baseline's own table" in remarks
        and whole(rows)
    )
    assert (
        rows["fan", "pAUC"].seeds == (1, 2, 3)
        and rows["fan", "pAUC"].over_clips is None
        and rows["fan", "pAUC"].over_seeds
    )
    assert rows["fan", "F1 (source)"].seeds == (2, 3)


def test_without_scores_and_table_the_seed_is_gone(results, compared):
    made_results.score_file(results / DENOISED).write_text("")
    (results / DENOISED / "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv").unlink()
    rows, remarks = compared()
    assert "an empty table" in remarks and rows["fan", "pAUC"].seeds == (2, 3) and whole(rows)


def test_one_class_only_has_no_auc(results, compared):
    names = [name for name in made_results.clip_names() if "_normal_" in name]
    made_results.write_rows(
        made_results.score_file(results / DENOISED),
        [(name, index) for index, name in enumerate(names)],
    )
    rows, remarks = compared()
    assert (
        "fan, seed 1, baseline_denoise_MSE: a section has clips of one class only, so there is"
        " no AUC" in remarks
    )
    assert rows["fan", "pAUC"].seeds == (2, 3) and whole(rows)


def test_names_that_tell_no_truth_have_no_auc_but_the_baselines_own(results, compared):
    for folder in (PLAIN, DENOISED):
        for seed in (1, 2, 3):
            if seed > 1:
                (
                    results / folder / f"result_DCASE2025T2fan_test_seed{seed}_id(0_)_roc.csv"
                ).unlink()
            made_results.write_rows(
                made_results.score_file(results / folder, seed=seed),
                [(f"section_00_{index:04d}.wav", index) for index in range(9)],
            )
    rows, remarks = compared()
    assert "names do not tell normal from anomaly, so there is no AUC" in remarks and whole(rows)
    assert (
        "names do not tell normal from anomaly; the AUCs are those of the baseline's own table"
        in remarks
    )
    assert rows["fan", "pAUC"].seeds == (1,) and rows["fan", "pAUC"].over_clips is None


@pytest.mark.parametrize(
    "content, complaint",
    [
        ("", "an empty table"),
        ("a.wav,1\n", "a 0 or 1 for every scored clip"),
        (None, "the file is missing"),
    ],
)
def test_broken_decisions_cost_f1_alone(results, compared, content, complaint):
    file = made_results.score_file(results / PLAIN, kind="decision_result")
    file.unlink()
    if content is not None:
        file.write_text(content)
    rows, remarks = compared()
    assert f"no F1: {complaint}" in remarks or f"no F1: expected {complaint}" in remarks
    assert rows["fan", "F1 (source)"].seeds == (2, 3) and whole(
        {key: row for key, row in rows.items() if "F1" not in key[1]}, "fan"
    )


@pytest.mark.parametrize(
    "content",
    [
        "section,AUC\n",
        "section,recall\nharmonic mean,1\n",
        "section,AUC (source)\nharmonic mean,\n",
        "",
    ],
)
def test_a_table_of_the_baseline_without_its_columns_is_said_and_the_scores_stand(
    results, compared, content
):
    (results / PLAIN / "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv").write_text(content)
    rows, remarks = compared()
    assert "no AUC of the baseline's own to check against" in remarks and whole(rows, "fan")


def test_a_table_with_nan_is_said(results, compared):
    (results / PLAIN / "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv").write_text(
        "section,pAUC\nharmonic mean,nan\n"
    )
    assert "an AUC that is not a finite number" in compared()[1]


def test_a_table_of_the_baseline_that_says_something_else_is_said(results, compared):
    (results / PLAIN / "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv").write_text(
        "section,pAUC\nharmonic mean,0.125\n"
    )
    rows, remarks = compared()
    assert (
        "by the anomaly scores and 12.50 by the baseline's own table; the scores count" in remarks
        and whole(rows, "fan")
    )


def test_arms_that_scored_other_clips_have_no_interval_over_clips(results, compared):
    file = made_results.score_file(results / PLAIN)
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    rows, remarks = compared()
    assert (
        "not all arms and seeds scored the same clips" in remarks
        and rows["fan", "pAUC"].over_clips is None
        and rows["fan", "pAUC"].over_seeds
        and whole(rows)
    )


@pytest.mark.parametrize("name", ["/etc/hostname", "../../fan.wav", "a\\b.wav", "..", ""])
def test_a_line_that_names_no_bare_file_is_named_and_left_out(results, compared, name):
    for kind in ("anomaly_score", "decision_result"):
        with open(made_results.score_file(results / DENOISED, kind=kind), "a") as file:
            file.write(f"{name},1\n")
    rows, remarks = compared()
    assert "1 of 49 lines are left out, for they name no file of the test clips' folder" in remarks
    assert f"the first one {name!r}, in anomaly_score_" in remarks
    assert whole(rows, "fan") and rows["fan", "F1 (source)"].seeds == (1, 2, 3)


def test_without_any_bare_name_there_is_nothing_to_score(results, compared):
    made_results.score_file(results / DENOISED).write_text("/etc/hostname,1\n")
    assert "no line that names a clip" in compared()[1]


def test_one_seed_shows_nothing_however_far_its_clips_lie_apart(tmp_path):
    results = made_results.write(tmp_path, seeds=(1,), scores=("MSE",), better=3.0)
    folders = [Results.read(results / folder, "MSE") for folder in (PLAIN, DENOISED)]
    rows = compare("MSE", ("plain", "denoised"), folders, 0.1).rows
    assert any(row.over_clips.excludes_zero for row in rows)
    assert not any(row.tone for row in rows)


@pytest.mark.parametrize(
    "seeds, note",
    [((1, 2, 3), "every clip called an anomaly"), ((2,), "every clip called an anomaly in 1 of 3")],
)
def test_an_f1_that_hides_that_every_clip_was_called_an_anomaly_says_so(
    results, tmp_path, seeds, note
):
    names = made_results.clip_names()
    for seed in seeds:
        made_results.write_rows(
            made_results.score_file(results / PLAIN, seed=seed, kind="decision_result"),
            [(name, 1) for name in names],
        )
    folders = [Results.read(results / folder, "MSE") for folder in (PLAIN, DENOISED)]
    comparison = compare("MSE", ("plain", "denoised"), folders, 0.1)
    table = figures_table("f1", "F1", comparison.f1_rows, comparison.arms).markdown()
    (line,) = [line for line in table.splitlines() if line.startswith("| fan | F1 (source)")]
    plain, denoised = line.split("|")[6:8]
    assert f"({note}" in plain and "anomaly" not in denoised
    assert ("66.67 ± 0.00" in plain) == (len(seeds) == 3)
    by_seed = seeds_table("seeds", "seeds", comparison).markdown()
    assert by_seed.count("66.67 (every clip called an anomaly)") == 3 * len(seeds)
    assert "called an anomaly" not in figures_table("a", "a", comparison.auc_rows, "ab").markdown()


def test_of_two_tables_of_one_run_the_newer_counts(results, compared):
    scores = made_results.score_file(results / PLAIN)
    shutil.copy(scores, scores.with_name(scores.name.replace("_id(0_)", "")))
    assert "two tables of the same kind" in compared()[1]


def test_a_missing_score_is_said_and_the_other_stands(tmp_path):
    results = made_results.write(tmp_path, seeds=(1, 2))
    page, *_ = write_report(
        Arm("plain", {score: results / f"baseline_{score}" for score in ("MSE", "MAHALA")}),
        Arm("denoised", {"MSE": results / DENOISED}),
        tmp_path / "report.html",
        "",
    )
    html = page.read_text()
    assert (
        "official score, %</small>" in html
        and "no results of denoised under this score." in html
        and "DCASE2025T2 development data" in html
    )
    assert "No official score" in html and 'id="table-mse"' in html


def test_the_page_says_in_its_place_what_is_missing_around_the_results(results, tmp_path):
    html = write_report(
        Arm("plain", {"MSE": results / PLAIN}),
        Arm("denoised", {"MSE": results / DENOISED}),
        tmp_path / "report.html",
        "",
    )[0].read_text()
    for note in (
        "these results came without a receipt of the denoising stage",
        "No recording of this name in",
        "No log of its training lies beside",
        "SNR and SI-SDR need clean references",
        "Neither arm left receipts",
        "Its commands were not noted",
        "not noted",
    ):
        assert note in html


def test_nothing_at_all_is_one_line(tmp_path):
    folder = tmp_path / "results" / "dev_data" / PLAIN
    folder.mkdir(parents=True)
    (folder / "anomaly_score_other.csv").write_text("")
    with pytest.raises(
        RunError,
        match=(
            r"report: expected anomaly_score_\*.csv or result_\*_roc.csv .*, got none that can be"
            r" read in .*baseline_MSE"
        ),
    ):
        write_report(
            Arm("a", {"MSE": folder}), Arm("b", {"MSE": folder}), tmp_path / "report.html", ""
        )
    assert not (tmp_path / "report.html").exists()


def test_equal_arms_show_no_difference_anywhere(results):
    rows = compare("MSE", ("a", "b"), [Results.read(results / PLAIN, "MSE")] * 2, 0.1).rows
    assert all(
        np.allclose(row.differences, 0) and not row.tone and not row.over_clips.excludes_zero
        for row in rows
    )


def test_only_the_runs_asked_for_count(results):
    folder = Results.read(results / PLAIN, "MSE", only={("fan", 2)})
    assert folder.runs == [("fan", 2)]


def test_a_data_set_without_domains_has_one_auc(tmp_path):
    names = [
        f"{label}_id_00_{number:08d}.wav" for label in ("normal", "anomaly") for number in range(8)
    ]
    for folder, better in ((PLAIN, 0), (DENOISED, 1)):
        (tmp_path / folder).mkdir()
        made_results.write_rows(
            tmp_path / folder / "anomaly_score_DCASE2020T2fan_id_00_test_seed1.csv",
            [
                (name, ("anomaly" in name) * (index % 3 + better))
                for index, name in enumerate(names)
            ],
        )
    comparison = compare(
        "MSE",
        ("a", "b"),
        [Results.read(tmp_path / folder, "MSE") for folder in (PLAIN, DENOISED)],
        0.1,
    )
    assert [(row.machine, row.metric) for row in comparison.auc_rows][:3] == [
        ("fan", "AUC"),
        ("fan", "pAUC"),
        ("fan", "harmonic mean"),
    ]
