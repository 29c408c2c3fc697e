import json

import fake_baseline
import pytest

from dcase_denoise_plugin.checkout.machine_run import STEPS, MachineRun
from dcase_denoise_plugin.checkout.run_record import is_finished
from dcase_denoise_plugin.errors import ConfigError, RunError
from dcase_denoise_plugin.runner import cluster
from dcase_denoise_plugin.runner.cluster import run_on_cluster

# submitit leaves the pipe of its own job process to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def runs_on(tmp_path, *machines):
    baseline = fake_baseline.lay_out(tmp_path / "baseline", machines)
    plan = fake_baseline.plan_of(baseline)
    return baseline, [
        fake_baseline.run_of(plan, machine, arm=arm)
        for machine in machines
        for arm in ("plain", "denoised")
    ]


def hand_in(runs, tmp_path, *parameters, where="local"):
    return run_on_cluster(runs, where, parameters, tmp_path / "jobs")


@pytest.mark.slow
def test_runs_are_done_by_jobs_and_a_second_call_hands_in_nothing(tmp_path, said):
    baseline, runs = runs_on(tmp_path, "fan")
    failed = hand_in(runs, tmp_path, "timeout_min=5")
    assert failed == {} and all(is_finished(run, step) for run in runs for step in STEPS)
    calls = fake_baseline.calls(baseline)
    said.clear()
    hand_in(runs, tmp_path)
    assert fake_baseline.calls(baseline) == calls and said[0].startswith("0 runs handed to local")


@pytest.mark.slow
def test_a_job_that_fails_is_named_and_the_others_finish(tmp_path, said):
    baseline, runs = runs_on(tmp_path, "fan", "ToyCar")
    (baseline.folder / "orders.json").write_text(
        json.dumps({"DCASE2025T2fan": {"complaint": "dcase-denoise: clip: silent."}})
    )
    failed = hand_in(runs, tmp_path)
    assert {run.machine for run in failed} == {"fan"} and all(
        "silent" in str(error) for error in failed.values()
    )
    assert (
        all(is_finished(run, "MAHALA") for run in runs if run.machine == "ToyCar")
        and said.count("fan seed 13711 plain: FAILED") == 1
    )


class RunThatNoNodeKnows(MachineRun):
    """Of a module that the job's process cannot import."""


def test_a_job_that_dies_is_named_with_its_log(tmp_path):
    _, (run, _) = runs_on(tmp_path, "fan")
    failed = hand_in([RunThatNoNodeKnows(run.plan, run.machine, run.seed, run.arm)], tmp_path)
    (error,) = failed.values()
    assert "expected the job to end well" in str(error) and "Look at" in str(error)


def test_without_submitit_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "submitit", None)
    with pytest.raises(
        ConfigError,
        match=(
            r"expected the package submitit, got an environment without it\. Install it .*: pip"
            r" install '\.\[cluster\]'"
        ),
    ):
        hand_in([], tmp_path)


def test_a_cluster_that_is_not_there_is_refused_in_one_line(tmp_path):
    with pytest.raises(
        RunError,
        match=(
            r"--cluster slurm: expected a cluster that can be used from here, got: .* Name slurm or"
            r" local\.$"
        ),
    ):
        hand_in([], tmp_path, where="slurm")
    with pytest.raises(RunError, match="--cluster tape: expected a cluster"):
        hand_in([], tmp_path, where="tape")


@pytest.mark.parametrize(
    "parameter, complaint",
    [
        ("gpus", "expected key=value, got 'gpus'"),
        ("nonsense=3", "expected parameters of submitit's executor"),
    ],
)
def test_a_parameter_that_submitit_does_not_know_is_refused(tmp_path, parameter, complaint):
    with pytest.raises(ConfigError, match=complaint):
        hand_in([], tmp_path, parameter)
