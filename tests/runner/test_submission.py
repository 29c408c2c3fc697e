import fake_baseline
import pytest

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.runner.call import of_other_machines
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.runner.submission import gather
from dcase_denoise_plugin.runner.summary import summarise


@pytest.fixture
def finished(tmp_path):
    """Makes finished runs of both arms on evaluation data of two machine types."""

    def make(seeds=(13711,), sections=("00",)):
        plan = fake_baseline.plan_of(
            fake_baseline.lay_out(tmp_path, ("ToyPet", "Polisher"), sections, "eval"), mode="eval"
        )
        runs = [
            fake_baseline.run_of(plan, machine, seed, arm)
            for machine in ("ToyPet", "Polisher")
            for seed in seeds
            for arm in ("plain", "denoised")
        ]
        assert run_all(runs, 2) == {}
        return runs

    return make


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_every_arm_and_score_is_a_system_with_the_evaluators_file_names(finished, tmp_path):
    folder, lacking = gather(finished())
    assert (
        folder == tmp_path / "results/eval_data/baseline_compare/submission/DCASE2025T2"
        and lacking == ["valve"]
    )
    assert files(folder) == sorted(
        f"dcase-denoise-plugin/baseline{arm}_{score}/{kind}_{machine}_section_00_test.csv"
        for arm in ("", "_denoise")
        for score in ("MSE", "MAHALA")
        for kind in ("anomaly_score", "decision_result")
        for machine in ("ToyPet", "Polisher")
    )


def test_each_file_is_that_of_its_arm_score_and_seed_as_the_baseline_wrote_it(finished):
    folder, _ = gather(finished(seeds=(1, 2)))
    for system, content in (
        ("baseline_MSE_seed1", "baseline_MSE 1.wav,1.0\n"),
        ("baseline_denoise_MAHALA_seed2", "baseline_denoise_MAHALA 2.wav,1.0\n"),
    ):
        assert (
            folder / "dcase-denoise-plugin" / system / "anomaly_score_ToyPet_section_00_test.csv"
        ).read_text() == content


def test_another_section_than_the_first_keeps_its_number(finished):
    folder, _ = gather(finished(sections=("11",)))
    endings = {name[-len("section_00_test.csv") :] for name in files(folder)}
    assert endings == {"section_11_test.csv"}


def test_what_an_earlier_call_gathered_does_not_stay(finished):
    runs = finished()
    gather(runs)
    folder, lacking = gather([run for run in runs if run.machine == "ToyPet"])
    assert lacking == ["Polisher", "valve"] and not any(
        "Polisher" in name for name in files(folder)
    )


def test_what_earlier_calls_finished_of_other_machine_types_goes_along(finished, tmp_path):
    runs = finished(seeds=(1, 2))
    own = [run for run in runs if run.machine == "ToyPet" and run.arm == "denoised"]
    assert [str(run) for run in of_other_machines(own)] == [
        "Polisher seed 1 denoised",
        "Polisher seed 2 denoised",
    ]
    next(
        run for run in runs if (run.machine, run.seed, run.arm) == ("Polisher", 1, "denoised")
    ).outputs("MSE")[0].unlink()
    assert [run.seed for run in of_other_machines(own)] == [2]
    summarise(own, "eval")
    assert any(
        "Polisher" in name
        for name in files(tmp_path / "results/eval_data/baseline_compare/submission/DCASE2025T2")
    )


def test_a_run_without_decisions_is_refused(finished):
    runs = finished()
    for path in runs[0].folder("MAHALA").glob("decision_result_*ToyPet*"):
        path.unlink()
    with pytest.raises(
        RunError,
        match=(
            r"ToyPet seed 13711 plain MAHALA: expected"
            r" decision_result_DCASE2025T2ToyPet_section_<number>_test_…csv"
        ),
    ):
        gather(runs)
