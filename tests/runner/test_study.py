import csv
import json
import statistics
from concurrent.futures import ThreadPoolExecutor, wait

import fake_baseline
import made_results
import matplotlib.image
import pytest
import scipy.stats
from baseline_checkouts import PROJECT
from click.testing import CliRunner
from filelock import FileLock, Timeout

from dcase_denoise_plugin.checkout.machine_run import STEPS
from dcase_denoise_plugin.checkout.run_record import wanted, write_record
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.figures.result_tables import read_roc
from dcase_denoise_plugin.figures.study_tables import study_tables, write_tables
from dcase_denoise_plugin.report.study_picture import (
    CELL_INCHES,
    COLOURS,
    HALF_WIDTH_MOST,
    ONE_SEED,
    OVER_CLIPS,
    OVER_SEEDS,
    PANEL_INCHES,
    study_panels,
)
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.runner.study import PLAIN, Study, drop_features

STUDY = """
settings: {epochs: 3}
preset: recommended
cells:
  recommended: {}
  half strength: {denoise_strength: 0.5}
"""


@pytest.fixture
def baseline(tmp_path):
    return fake_baseline.lay_out(tmp_path / "baseline", ("fan", "ToyCar"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(STUDY)
    return path


def call(file, baseline, *options):
    return CliRunner().invoke(
        main, ["study", str(file), "--baseline", str(baseline.folder), "--quiet", *options]
    )


def table(baseline, score="MSE"):
    return (baseline.folder / f"results/dev_data/tiny_study/{score}.md").read_text()


@pytest.mark.slow
def test_every_cell_runs_on_every_machine_and_seed_beside_one_plain_baseline(file, baseline):
    result = call(file, baseline, "--seed", "1", "--seed", "2")
    assert result.exit_code == 0, result.output
    calls = fake_baseline.calls(baseline)
    assert len(calls) == 3 * 3 * 2 * 2 and all("--epochs=3" in line for line in calls)
    folders = [
        line.rpartition("--export_dir=")[2].split()[0] for line in calls if "--train_only" in line
    ]
    assert {name: folders.count(name) for name in folders} == {
        "tiny": 4,
        "tiny_recommended_denoise": 4,
        "tiny_half_strength_denoise": 4,
    }
    assert all("--denoise_strength=0.5" in line for line in calls if "half_strength" in line)
    assert not any("--denoise_" in line for line in calls if "--denoise=false" in line)


def test_all_cells_are_one_queue_so_that_jobs_never_wait_for_the_end_of_a_cell(file, baseline):
    result = CliRunner().invoke(
        main,
        ["study", str(file), "--baseline", str(baseline.folder), "--machine", "fan", "--jobs", "2"],
    )
    assert "[9/9] fan seed 13711 " in result.output, result.output


@pytest.mark.slow
def test_the_tables_show_each_cell_and_its_paired_difference(file, baseline):
    call(file, baseline, "--seed", "1", "--seed", "2")
    assert "## fan, MSE, percent" in table(baseline) and "## all machines, MSE, percent" in table(
        baseline
    )
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in table(baseline).splitlines()
        if line.startswith(("| plain", "| recommended"))
    ]
    plain, recommended = rows[:2]
    assert plain[1:4] == ["2", "51.50 ± 0.71", "46.50 ± 0.71"] and set(plain[6:]) == {""}
    assert recommended[1:4] == ["2", "61.50 ± 0.71", "56.50 ± 0.71"] and recommended[6].startswith(
        "+10.0 (±0.0"
    )


def made_up(file, baseline, seeds, machines=("fan", "ToyCar")):
    """Finished runs of plain and of each cell with the seeds in `seeds`, and figures that
    differ.
    """
    study = Study.read(file, baseline, "DCASE2025T2")
    runs = {cell: study.runs(cell, machines, of_cell) for cell, of_cell in seeds.items()}
    for better, (cell, of_cell) in enumerate(runs.items()):
        made_results.write(
            baseline.folder,
            machines,
            seeds[cell],
            arms=[of_cell[0].plan.export_dir(of_cell[0].arm)],
            better=better / 3,
        )
    return study, runs


def harmonic_means(runs, machines):
    """One a seed, over the AUCs of all `machines`."""
    values = {}
    for run in runs:
        values.setdefault(run.seed, []).extend(
            read_roc(run.roc("MSE")).values() if run.machine in machines else ()
        )
    return [statistics.harmonic_mean(values[seed]) for seed in sorted(values)]


@pytest.mark.parametrize(
    "machines, mean", [(("fan",), "harmonic mean"), (("fan", "ToyCar"), "official score")]
)
def test_each_cell_is_held_against_the_first_one_over_the_seeds_that_both_have(
    file, baseline, tmp_path, machines, mean
):
    study, runs = made_up(
        file,
        baseline,
        {PLAIN: (1, 2, 3, 4), "recommended": (1, 2, 3, 4), "half strength": (1, 2, 3)},
    )
    plain = runs.pop(PLAIN)
    made = study_tables(plain, runs, "MSE", "recommended")
    write_tables(tmp_path, made, "MSE")
    (of_machines,) = (
        one for one in made if one.title.startswith("fan" if len(machines) == 1 else "all machines")
    )
    with open(tmp_path / f"MSE_{of_machines.name}.csv", newline="") as stream:
        rows = {row["cell"]: row for row in csv.DictReader(stream)}
    columns = [
        f"difference to recommended {what}" for what in ("mean", "half width of 95 % over seeds")
    ]
    first, other = (
        harmonic_means(runs[cell], machines) for cell in ("recommended", "half strength")
    )
    expected = scipy.stats.ttest_rel(other, first[:3])
    low, high = expected.confidence_interval(0.95)
    assert [float(rows["half strength"][column]) for column in columns] == pytest.approx(
        [(low + high) / 2, (high - low) / 2], abs=1e-6
    )
    assert [rows[cell][column] for cell in ("plain", "recommended") for column in columns] == [
        ""
    ] * 4
    header, _, *lines = of_machines.markdown().splitlines()[2:]
    assert (
        header.endswith(f"| Δ {mean} to recommended |")
        and lines[1].endswith("|  |")
        and f"(±{(high - low) / 2:.1f})" in lines[2].split("|")[-2]
    )


def test_a_cell_that_shares_no_seed_with_the_first_one_has_no_difference_to_it(file, baseline):
    _, runs = made_up(
        file, baseline, {PLAIN: (1, 2), "recommended": (1,), "half strength": (2,)}, ("fan",)
    )
    (made,) = study_tables(runs.pop(PLAIN), runs, "MSE", "recommended")
    assert [row[-1].text for row in made.rows] == ["", "", ""] and made.columns[
        -1
    ].title == "Δ harmonic mean to recommended"


def test_without_the_first_cell_nothing_is_held_against_it(file, baseline):
    _, runs = made_up(file, baseline, {PLAIN: (1,), "half strength": (1,)}, ("fan",))
    assert (
        "to recommended"
        not in study_tables(runs.pop(PLAIN), runs, "MSE", "recommended")[0].markdown()
    )


@pytest.mark.slow
def test_a_picture_has_a_panel_for_each_machine_type_and_one_for_all_and_a_line_for_each_cell(
    file, baseline, tmp_path
):
    call(file, baseline, "--seed", "1", "--seed", "2", "--machine", "fan")
    picture = baseline.folder / "results/dev_data/tiny_study/gains.png"
    one_panel = matplotlib.image.imread(picture).shape
    call(file, baseline, "--seed", "1", "--seed", "2", "--machine", "fan", "--cell", "recommended")
    one_cell = matplotlib.image.imread(picture).shape
    call(file, baseline, "--seed", "1")
    assert matplotlib.image.imread(picture).shape[1] - one_panel[1] == 2 * 90 * PANEL_INCHES
    assert one_panel[0] - one_cell[0] == round(90 * CELL_INCHES) and one_panel[1] == one_cell[1]


def test_the_pictures_intervals_are_thin_over_seeds_and_thick_over_clips_as_on_the_page(
    file, baseline
):
    _, runs = made_up(
        file, baseline, {PLAIN: (1, 2, 3, 4, 5), "recommended": (1, 2, 3, 4, 5)}, ("fan",)
    )
    (made,) = study_tables(runs.pop(PLAIN), runs, "MSE", "recommended")
    record = {
        name: value
        for column, cell in zip(made.columns, made.rows[1])
        for name, value in zip(column.names, cell.values)
    }
    mean, half = (
        record[f"difference of harmonic mean {what}"]
        for what in ("mean", "half width of 95 % over seeds")
    )
    assert half < HALF_WIDTH_MOST
    figure = study_panels({"MSE": [made]})
    ends = {
        line.get_linewidth(): list(line.get_xdata())
        for line in figure.axes[0].lines
        if len(line.get_xdata()) == 2
    }
    thin, thick = OVER_SEEDS["linewidth"], OVER_CLIPS["linewidth"]
    assert (
        thin < thick
        and ends[thin] == [mean - half, mean + half]
        and ends[thick] == [record["over clips low"], record["over clips high"]]
    )
    key = {line.get_label(): line for line in figure.legends[0].get_lines()}
    assert (
        list(key) == ["MSE", "95 % over seeds", "95 % over clips"]
        and key["MSE"].get_color() == COLOURS[0]
    )
    assert [key[f"95 % over {what}"].get_linewidth() for what in ("seeds", "clips")] == [
        thin,
        thick,
    ]


def test_what_rests_on_one_seed_is_grey_in_the_picture(file, baseline):
    _, runs = made_up(file, baseline, {PLAIN: (1,), "recommended": (1,)}, ("fan",))
    made = study_tables(runs.pop(PLAIN), runs, "MSE", "recommended")
    picture = study_panels({"MSE": made})
    assert {line.get_color() for line in picture.axes[0].lines[1:]} == {ONE_SEED}
    key = [line.get_label() for line in picture.legends[0].get_lines()]
    assert key[-1] == "one seed, which proves nothing"


def test_calls_of_a_study_that_end_at_the_same_time_write_their_tables_one_after_the_other(
    file, baseline, monkeypatch
):
    def look(tables, path):
        with pytest.raises(Timeout):
            FileLock(path.with_name("tables.lock"), timeout=0).acquire()
        path.touch()

    monkeypatch.setattr("dcase_denoise_plugin.report.study_picture.draw_study", look)
    assert (
        call(file, baseline, "--tables").exit_code == 0
        and (baseline.folder / "results/dev_data/tiny_study/gains.png").exists()
    )


def test_a_second_call_runs_nothing_again(file, baseline):
    call(file, baseline)
    before = fake_baseline.calls(baseline)
    assert (
        "2 of 2 runs of cells and 1 of 1 plain" in call(file, baseline, "--machine", "fan").output
    )
    assert fake_baseline.calls(baseline) == before


def test_one_cell_can_be_run_and_tables_can_be_written_without_running(file, baseline):
    call(file, baseline, "--cell", "half strength", "--machine", "fan")
    assert not any("tiny_recommended" in line for line in fake_baseline.calls(baseline))
    result = call(file, baseline, "--tables", "--machine", "fan")
    assert (
        "1 of 2 runs of cells and 1 of 1 plain" in result.output
        and "half strength" in table(baseline)
        and "recommended" not in table(baseline)
    )


def test_a_run_that_failed_is_named_and_the_others_are_in_the_tables(file, baseline):
    (baseline.folder / "orders.json").write_text('{"DCASE2025T2fan": {"no_receipt": 1}}')
    result = call(file, baseline)
    assert (
        result.exit_code == 1
        and "fan seed 13711 half strength FAILED" in result.output
        and "## ToyCar, MSE" in table(baseline)
    )


def test_each_run_has_a_log_of_its_own(file, baseline):
    study = Study.read(file, baseline, "DCASE2025T2")
    logs = {run.log for cell in study.chosen(()) for run in study.runs(cell, ["fan"], [1])}
    assert len(logs) == 3 and str(next(iter(study.runs(PLAIN, ["fan"], [1])))) == "fan seed 1 plain"
    assert {
        str(log.parent.relative_to(baseline.folder / "logs/run_all/dev_data")) for log in logs
    } == {"tiny", "tiny_recommended", "tiny_half_strength"}


def test_two_studies_with_cells_of_one_name_share_no_log(file, baseline):
    other = file.with_name("other.yaml")
    other.write_text(STUDY)
    studies = [Study.read(path, baseline, "DCASE2025T2") for path in (file, other)]
    logs = [
        {run.log for cell in study.chosen(()) for run in study.runs(cell, ["fan"], [1])}
        for study in studies
    ]
    assert not logs[0] & logs[1]


def test_features_that_a_cell_built_for_itself_go_and_others_stay(file, baseline):
    study = Study.read(file, baseline, "DCASE2025T2")
    runs = study.runs("recommended", ["fan"], [1])
    run_all(runs, 1)
    receipts = [run.receipt(step) for run in runs for step in STEPS]
    folders = {name: runs[0].processed / "train" / name for name in ("own", "others")}
    folders["elsewhere"] = baseline.folder.parent / "elsewhere"  # no receipt leads there
    pickles = {name: folder / "section_00.pickle" for name, folder in folders.items()}
    for pickle in pickles.values():
        pickle.parent.mkdir(parents=True)
        pickle.touch()
    for receipt, step in zip(receipts, STEPS):
        splits = {
            "train": {"cached": False, "features": str(folders["own"])},
            "test": {"cached": True, "features": str(folders["others"])},
            "test_rename": {"cached": False, "features": "../elsewhere"},
        }
        receipt.write_text(json.dumps({**json.loads(receipt.read_text()), "splits": splits}))
        write_record(runs[0], step, 0, wanted(runs[0], step), {})
    with ThreadPoolExecutor(1) as pool:
        with FileLock(pickles["own"].with_name("lock")):  # as a run that reads them
            dropping = pool.submit(drop_features, runs[0])
            assert wait([dropping], timeout=0.5).not_done and pickles["own"].exists()
        dropping.result()
    assert not pickles["own"].exists()
    assert pickles["others"].exists() and pickles["elsewhere"].exists()


def test_a_cell_takes_what_a_preset_takes_and_the_baselines_settings_stand_in_the_records_as_text(
    file, baseline
):
    file.write_text(
        "settings: {--epochs: 3, gpu_id: [0, 1]}\ncells: {published: {denoise_epochs: 100,"
        " denoise_machine_epochs: {slider: 65}}}"
    )
    study = Study.read(file, baseline, "DCASE2025T2")
    assert study.cells["published"].config.machine_epochs == "slider=65"
    assert study.plain.overrides.baseline == {
        "epochs": "3",
        "gpu_id": ["0", "1"],
        "export_dir": "tiny",
    }


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("cells: []", "study: expected the keys settings, preset and cells"),
        ("settings: [1]\ncells: {a: {}}", "study: expected a mapping under settings, got .1."),
        ("cells: {a: {}}\nepochs: 3", "got cells, epochs in"),
        (
            "settings: {denoise_width: 3}\ncells: {a: {}}",
            "settings of the baseline alone, got denoise_width",
        ),
        ("cells: {plain: {}}", "got 'plain' in"),
        ("cells: {a/b: {}}", "got 'a/b' in"),
        ("cells: {a b: {}, a_b: {}}", "got 'a_b' in"),
        (
            "cells: {a: {epochs: 3}}",
            "expected denoise keys, which the plain baseline does not have",
        ),
        ("cells: {a: {denoise_strenght: 3}}", "Did you mean denoise_strength"),
    ],
)
def test_a_study_file_that_says_something_else_is_refused(file, baseline, text, complaint):
    file.write_text(text)
    with pytest.raises(ConfigError, match=complaint):
        Study.read(file, baseline, "DCASE2025T2")


def test_a_cell_that_is_not_there_is_refused_in_one_line(file, baseline):
    result = call(file, baseline, "--cell", "quarter")
    assert (
        result.exit_code == 2
        and "--cell: expected one of recommended, half strength, got 'quarter'" in result.output
    )


def test_the_study_of_the_documentation_can_be_read(baseline):
    study = Study.read(PROJECT / "docs" / "study.yaml", baseline, "DCASE2025T2")
    assert (
        study.cells["recommended"].config.preset == "recommended"
        and study.cells["wiener"].config.method == "wiener"
    )
