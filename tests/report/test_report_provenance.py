"""Where the figures come from, and what makes two arms hard to compare."""

import json

import fake_baseline
import made_results
import pytest

from dcase_denoise_plugin.figures.results import Results
from dcase_denoise_plugin.report.provenance import gather
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.runner.step_log import autoencoder_losses, denoiser_losses


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made_results.write_whole_checkout(tmp_path_factory.mktemp("checkout"), seeds=(1, 2))


@pytest.fixture
def results(tmp_path):
    """CSVs, records and receipts of one score, to be changed by a test."""
    results = made_results.write(tmp_path, ("fan",), (1, 2), ("MSE",))
    for arm in made_results.ARMS:
        for seed in (1, 2):
            note(
                results,
                arm,
                seed,
                "run",
                {
                    "wanted": {
                        "settings": {"epochs": 8, "export_dir": arm},
                        "clips": "c" * 64,
                        "baseline_code": "b" * 64,
                        "command": ["train.py", "--test_only", f"--seed={seed}"],
                    }
                },
            )
    return results


def note(results, arm, seed, kind, content):
    (results / f"{arm}_MSE" / f"{kind}_DCASE2025T2fan_seed{seed}_id(0_).json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )


def warnings(results):
    arms = [
        (arm, [Checkout(Results.read(results / f"{arm}_MSE", "MSE"))]) for arm in made_results.ARMS
    ]
    return gather(arms).warnings


def test_runs_on_the_same_ground_have_no_warning(results):
    assert warnings(results) == ()


@pytest.mark.parametrize(
    "other, complaint",
    [
        (
            {"settings": {"epochs": 9}},
            (
                "not all runs rest on the same settings: baseline fan seed 1, baseline fan seed 2,"
                " baseline_denoise fan seed 1; baseline_denoise fan seed 2."
            ),
        ),
        ({"baseline_code": "a" * 64}, "not all runs rest on the same code of the baseline"),
        ({"clips": "d" * 64}, "not all runs of fan rest on the same clips"),
    ],
)
def test_a_run_on_other_ground_is_named(results, other, complaint):
    note(results, "baseline_denoise", 2, "run", {"wanted": other})
    assert complaint in " ".join(warnings(results))


@pytest.mark.parametrize(
    "place, complaint",
    [
        ({"threads": "2", "device": "cpu"}, "number of threads"),
        ({"threads": "1", "device": "NVIDIA H100"}, "device"),
    ],
)
def test_an_arm_on_another_number_of_threads_or_device_is_named(results, place, complaint):
    for arm in made_results.ARMS:
        for seed in (1, 2):
            own = place if arm == "baseline_denoise" else {"threads": "1", "device": "cpu"}
            note(results, arm, seed, "run", {"wanted": {"clips": "c" * 64}, "place": own})
    assert warnings(results) == (
        (
            f"not all runs rest on the same {complaint}: baseline fan seed 1, baseline fan seed 2; "
            "baseline_denoise fan seed 1, baseline_denoise fan seed 2."
        ),
    )


def test_an_older_codes_run_among_denoised_ones_is_named(results):
    for seed, code in ((1, "old"), (2, "new")):
        note(results, "baseline_denoise", seed, "run", {"wanted": {"plugin_code": code}})
    assert warnings(results) == (
        (
            "not all runs rest on the same code of the plugin: baseline_denoise fan seed 1;"
            " baseline_denoise fan seed 2."
        ),
    )


def test_seeds_of_several_stages_in_one_arm_are_named(results):
    for seed, strength in ((1, 0.5), (2, 1.0)):
        note(
            results,
            "baseline_denoise",
            seed,
            "denoise_receipt",
            {
                "config": {
                    "denoise_strength": strength,
                    "denoise_width": 8,
                    "denoise_preset": str(seed),
                }
            },
        )
    assert warnings(results) == (
        (
            "not all runs of baseline_denoise went through the same stage, but through several of"
            " other denoise_strength: fan seed 1; fan seed 2."
        ),
    )


def test_the_same_stage_by_another_preset_is_the_same(results):
    for seed, preset in ((1, "recommended"), (2, "mine.yaml")):
        note(
            results,
            "baseline_denoise",
            seed,
            "denoise_receipt",
            {
                "config": {
                    "denoise_strength": 1.0,
                    "denoise_preset": preset,
                }
            },
        )
    assert warnings(results) == ()


def test_an_arm_without_records_is_said(results):
    for seed in (1, 2):
        note(results, "baseline", seed, "run", "[]")
    assert "one arm has no records of the runner" in warnings(results)[0]
    for seed in (1, 2):
        note(results, "baseline_denoise", seed, "run", "[]")
    assert "no arm has records of the runner" in warnings(results)[0]


def test_what_the_hook_warned_of_is_passed_on(results):
    note(
        results,
        "baseline_denoise",
        1,
        "denoise_receipt",
        {"baseline": {"warning": "an unknown release"}},
    )
    assert "an unknown release" in warnings(results)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "3",
        '{"wanted": 3, "config": 3, "place": 3}',
        '{"wanted": {"settings": 3, "versions": 3, "command": 3}}',
    ],
)
def test_broken_notes_are_as_good_as_none(results, content):
    for kind in ("run", "denoise_receipt"):
        note(results, "baseline_denoise", 1, kind, content)
    warnings(results)
    assert (
        Checkout(Results.read(results / "baseline_denoise_MSE", "MSE")).features("fan").n_fft
        == 1024
    )


def test_losses_come_from_the_logs_of_the_very_machine_type_and_seed(whole):
    checkout = Checkout(Results.read(whole / "baseline_denoise_MSE", "MSE"))
    (kind, line, losses), (other, _, _) = autoencoder_losses(checkout.log("fan", 2))
    assert (
        (kind, line, other) == ("training", "-", "validation")
        and losses[0] == 502
        and len(losses) == 8
    )
    assert denoiser_losses(checkout.run_logs("fan", 2), "fan") == pytest.approx(
        [1, 1 / 2, 1 / 3], abs=1e-4
    )
    assert (
        checkout.log("fa", 2) is None
        and checkout.log("fan", 22) is None
        and denoiser_losses([], "fan") == []
    )


@pytest.mark.parametrize(
    "mode, own",
    [
        ("dev_data", "AE_DCASE2025T2fan_id(0_)_seed1"),
        ("eval_data", "AE_DCASE2025T2fan_id(0_)_Eval_seed1"),
    ],
)
def test_losses_of_development_and_evaluation_data_are_told_apart(tmp_path, mode, own):
    for mark in ("", "_Eval"):
        log = tmp_path / "logs" / "baseline" / f"AE_DCASE2025T2fan_id(0_){mark}_seed1" / "log.csv"
        log.parent.mkdir(parents=True)
        log.touch()
    folder = Results(tmp_path / "results" / mode / "baseline_MSE", "MSE", "DCASE2025T2", {}, {}, [])
    assert Checkout(folder).log("fan", 1).parent.name == own


@pytest.mark.parametrize("result_directory", ["results", "out/res"])
@pytest.mark.parametrize("export_dir", ["mine", "sub/base"])
def test_the_checkout_around_results_is_found_however_deep_they_lie(
    tmp_path, result_directory, export_dir
):
    plan = fake_baseline.plan_of(
        fake_baseline.lay_out(tmp_path),
        f"result_directory={result_directory}",
        f"export_dir={export_dir}",
    )
    run = fake_baseline.run_of(plan, arm="denoised")
    run.log.parent.mkdir(parents=True)
    run.log.touch()
    log = tmp_path / f"logs/{export_dir}_denoise/AE_DCASE2025T2fan_id(0_)_seed13711/log.csv"
    log.parent.mkdir(parents=True)
    log.touch()
    checkout = Checkout(Results(run.folder("MSE"), "MSE", "DCASE2025T2"))
    assert (checkout.root, checkout.mode, checkout.export_dir) == (
        tmp_path,
        "dev_data",
        f"{export_dir}_denoise",
    )
    assert (
        checkout.recordings("fan") == plan.data_folder / "raw/fan"
        and checkout.run_logs("fan", 13711) == [run.log]
        and checkout.log("fan", 13711) == log
    )


def test_a_runs_log_is_found_from_its_results_and_is_not_that_of_another_export_dir_or_mode(
    tmp_path,
):
    runs = []
    for mode in ("dev", "eval"):
        baseline = fake_baseline.lay_out(tmp_path, mode=mode)
        runs += [
            fake_baseline.run_of(
                fake_baseline.plan_of(baseline, f"export_dir={name}", mode=mode), arm="denoised"
            )
            for name in ("a", "b")
        ]
    for run in runs:
        run.log.parent.mkdir(parents=True)
        run.log.touch()
    checkouts = [Checkout(Results(run.folder("MSE"), "MSE", "DCASE2025T2")) for run in runs]
    assert [checkout.run_logs("fan", 13711) for checkout in checkouts] == [
        [run.log] for run in runs
    ]


@pytest.mark.parametrize("content", ["", "loss,val_loss\n", "loss,val_loss\nhigh,low\n"])
def test_a_log_without_losses_has_no_curve(tmp_path, content):
    (tmp_path / "log.csv").write_text(content)
    assert autoencoder_losses(tmp_path / "log.csv") == [] and autoencoder_losses(None) == []


@pytest.mark.parametrize(
    "kind, content, complaint",
    [
        ("denoise_receipt", '{"config": [1]}', "Expected `object`, got `array` - at `$.config`"),
        ("denoise_receipt", '{"command": "rm"}', "Expected `array`, got `str`"),
        ("denoise_receipt", "[" * 100000, "values nested too deep"),
        ("run", '{"wanted": {"command": 3}}', "Expected `array`, got `int`"),
        ("run", '{"place": []}', "Expected `object`, got `array`"),
        ("run", '{"wanted": {"clips": "' + "x" * 10**5 + '"}}', "length <= 4096"),
    ],
)
def test_a_receipt_or_record_that_is_none_is_left_out_and_named(results, kind, content, complaint):
    note(results, "baseline_denoise", 2, kind, content)
    (found,) = [line for line in warnings(results) if "left out" in line]
    name = f"{kind}_DCASE2025T2fan_seed2_id(0_).json"
    assert found.startswith(f"baseline_denoise_MSE: {name} is left out, for it holds: ")
    assert complaint in found and len(found) < 400
