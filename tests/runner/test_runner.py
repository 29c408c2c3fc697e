import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import fake_baseline
import numpy as np
import pytest
import soundfile
import torch

from dcase_denoise_plugin.checkout.machine_run import ARMS, STEPS
from dcase_denoise_plugin.checkout.run_record import is_finished
from dcase_denoise_plugin.errors import DataError, RunError
from dcase_denoise_plugin.runner import processes, runner
from dcase_denoise_plugin.runner.processes import Children, child_environment
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.runner.workplace import gpu_of_each

pytestmark = pytest.mark.slow


def runs_of(baseline, machines=("fan",), seeds=(13711,), what="compare"):
    plan = fake_baseline.plan_of(baseline)
    return [
        fake_baseline.run_of(plan, machine, seed, arm)
        for machine in machines
        for seed in seeds
        for arm in ARMS[what]
    ]


def order(baseline, **orders):
    (baseline.folder / "orders.json").write_text(
        json.dumps({f"DCASE2025T2{machine}": what for machine, what in orders.items()})
    )


def test_plain_and_denoised_are_trained_and_tested_with_both_scores(tmp_path, said):
    baseline = fake_baseline.lay_out(tmp_path)
    assert run_all(runs_of(baseline), 1) == {}
    assert [
        re.search("--train_only|MSE|MAHALA", call)[0] for call in fake_baseline.calls(baseline)
    ] == ["--train_only", "MSE", "MAHALA"] * 2
    assert re.fullmatch(r"\[6/6\] fan seed 13711 denoised MAHALA: \d+ s", said[-1])


def test_a_second_call_runs_nothing_that_is_finished(tmp_path, said):
    baseline = fake_baseline.lay_out(tmp_path)
    run_all(runs_of(baseline), 1)
    done = fake_baseline.calls(baseline)
    said.clear()
    run_all(runs_of(baseline), 1)
    assert fake_baseline.calls(baseline) == done and all(
        line.endswith("finished before") for line in said
    )


def test_one_machines_failure_is_named_with_its_last_words_and_leaves_the_others_alone(
    tmp_path, said
):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    order(
        baseline, fan={"complaint": "dcase-denoise: clip: silent.\nTraceback of nobody's interest"}
    )
    failed = run_all(runs_of(baseline, ("fan", "ToyCar"), what="baseline"), 2)
    assert [str(run) for run in failed] == ["fan seed 13711 plain"]
    (line,) = (line for line in said if "FAILED" in line)
    assert line.startswith(
        "fan seed 13711 plain FAILED: fan seed 13711 plain train: clip: silent. (log: "
    )
    assert line.endswith("logs/run_all/dev_data/baseline/DCASE2025T2fan_seed13711_plain.log)")
    assert sum("ToyCar" in call for call in fake_baseline.calls(baseline)) == 3


@pytest.mark.parametrize("arm", ["plain", "denoised"])
def test_a_model_that_somebody_else_trained_is_not_overwritten(tmp_path, arm):
    baseline = fake_baseline.lay_out(tmp_path)
    run = fake_baseline.run_of(fake_baseline.plan_of(baseline), arm=arm)
    subprocess.run([sys.executable, *run.command("train")], cwd=tmp_path, check=True)
    model = run.outputs("train")[0]
    before = model.stat().st_mtime_ns
    for _ in range(2):
        (error,) = run_all([run], 1).values()
        assert str(error).startswith(
            f"fan seed 13711 {arm} train: expected no model yet, for this runner has trained none,"
            f" got {model}. It and its results"
        )
    assert model.stat().st_mtime_ns == before
    model.rename(tmp_path / "elsewhere")
    assert run_all([run], 1) == {}


def test_results_of_another_denoising_stage_are_kept_until_the_user_says_otherwise(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))

    def runs(*keys):
        plan = fake_baseline.plan_of(baseline, *keys)
        return [fake_baseline.run_of(plan, name, arm="denoised") for name in ("ToyCar", "fan")]

    assert run_all(runs()[1:], 1) == {}
    calls, models = fake_baseline.calls(baseline), runs()[1].folder("train")
    expected = re.escape(
        "export_dir: expected no finished run of another denoising stage, got one of"
        " DCASE2025T2fan seed 13711 with denoise_method unet (now wiener), denoise_strength 1.0"
        f" (now 0.5) in {models}. Name another folder by --set export_dir=NAME, or delete {models}"
        f" and {runs()[1].folder('MSE')} and {runs()[1].folder('MAHALA')} to replace it."
    )
    with pytest.raises(DataError, match=f"^{expected}$"):
        run_all(runs("denoise_method=wiener", "denoise_strength=0.5"), 2)
    assert fake_baseline.calls(baseline) == calls
    assert run_all(runs("denoise_method=wiener", "export_dir=mine"), 2) == {}
    for step in STEPS:
        shutil.rmtree(runs()[1].folder(step))
    assert run_all(runs("denoise_method=wiener"), 2) == {}


def test_new_clips_or_keys_that_shape_nothing_are_no_other_stage(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    assert run_all(runs_of(baseline, what="denoise"), 1) == {}
    next((tmp_path / "data/dcase2025t2/dev_data/raw/fan/test").glob("*.wav")).unlink()
    plan = fake_baseline.plan_of(baseline, "denoise_preset=recommended")
    assert run_all([fake_baseline.run_of(plan, arm="denoised")], 1) == {}


def test_a_stage_whose_training_left_no_model_is_replaced(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    (run,) = runs_of(baseline, what="denoise")
    assert run_all([run], 1) == {}
    for step in ("MSE", "MAHALA"):
        shutil.rmtree(run.folder(step))
    next(run.folder("train").glob("*.pth")).unlink()
    plan = fake_baseline.plan_of(baseline, "denoise_method=wiener")
    assert run_all([fake_baseline.run_of(plan, arm="denoised")], 1) == {}


def test_what_the_stage_found_out_is_said_when_its_training_ends(tmp_path, said):
    baseline = fake_baseline.lay_out(tmp_path)
    order(baseline, fan={"findings": "fan: 60 noise recordings"})
    assert run_all(runs_of(baseline), 1) == {}
    assert said.count("fan: 60 noise recordings") == 1


@pytest.mark.parametrize(
    "split, message",
    [
        ("test", "clip: expected 8 samples as in .*, got 9 in"),
        ("train", "clip: expected 9 samples as in"),
        ("supplemental", None),
    ],
)
def test_a_plain_run_of_clips_that_the_baseline_would_score_by_made_up_vectors_is_refused(
    tmp_path, split, message
):
    baseline = fake_baseline.lay_out(tmp_path)
    folder = tmp_path / "data/dcase2025t2/dev_data/raw/fan" / split
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "section_00_source_normal_0009.wav", np.ones(9), 4000)
    failed = run_all(runs_of(baseline, what="baseline"), 1)
    assert not failed if message is None else re.match(message, str(next(iter(failed.values()))))
    assert bool(fake_baseline.calls(baseline)) is (message is None)


def test_only_finished_runs_are_passed_on_those_of_an_earlier_call_too(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    order(baseline, fan={"complaint": "broken"})
    for _ in range(2):
        passed_on = []
        run_all(runs_of(baseline, ("fan", "ToyCar")), 2, after=passed_on.append)
        assert sorted(map(str, passed_on)) == [
            "ToyCar seed 13711 denoised",
            "ToyCar seed 13711 plain",
        ]


def test_a_failure_without_a_word_of_the_plugin_ends_with_the_last_line(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    order(baseline, fan={"complaint": "dcase-denoise: warning: unknown source\nKeyError: 'mel'"})
    (error,) = run_all(runs_of(baseline, what="baseline"), 1).values()
    assert str(error).endswith("KeyError: 'mel'")


@pytest.mark.parametrize(
    "deed, complaint",
    [
        ({"no_receipt": 1}, "receipt"),
        ({"other_config": {"denoise_epochs": 99}}, "other values of denoise_epochs"),
    ],
)
def test_a_run_that_did_not_denoise_as_asked_fails(tmp_path, deed, complaint):
    baseline = fake_baseline.lay_out(tmp_path)
    order(baseline, fan=deed)
    (error,) = run_all(runs_of(baseline, what="denoise"), 1).values()
    assert complaint in str(error)


def test_a_killed_worker_leaves_the_others_alone_and_the_same_call_goes_on_with_it(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    order(baseline, fan={"killed": 1})
    (error,) = run_all(runs_of(baseline, ("fan", "ToyCar"), what="baseline"), 2).values()
    assert "fan seed 13711 plain train" in str(error) and "exit status -9" in str(error)
    order(baseline)
    again = runs_of(baseline, ("fan", "ToyCar"), what="baseline")
    assert run_all(again, 2) == {} and all(
        is_finished(run, step) for run in again for step in STEPS
    )
    assert sum("ToyCar" in call for call in fake_baseline.calls(baseline)) == 3


@pytest.mark.parametrize(
    "count, jobs, settings, expected",
    [
        (2, 2, (), {"0", "1"}),
        (1, 2, (), {"all"}),
        (0, 2, (), {"all"}),
        (2, 1, (), {"all"}),
        (2, 2, ("gpu_id=0",), {"0", "1"}),
        (2, 2, ("gpu_id=1",), {"all"}),
    ],
)
def test_jobs_side_by_side_get_a_gpu_each_where_there_are_several_and_the_user_named_none(
    tmp_path, monkeypatch, count, jobs, settings, expected
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    baseline = fake_baseline.lay_out(tmp_path, ("fan", "ToyCar"))
    order(
        baseline, fan={"sleep_s": 0.5}, ToyCar={"sleep_s": 0.5}
    )  # so that none is through before the other has begun
    plan = fake_baseline.plan_of(baseline, *settings)
    run_all(
        [fake_baseline.run_of(plan, machine) for machine in ("fan", "ToyCar")],
        jobs,
        lambda line: None,
    )
    assert set((tmp_path / "gpus.txt").read_text().split()) == expected


def test_of_the_gpus_that_the_caller_may_see_each_job_gets_one_in_turn(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert gpu_of_each(3, {"CUDA_VISIBLE_DEVICES": "5, GPU-8f"}) == ["5", "GPU-8f", "5"]


def test_a_disk_that_takes_no_log_fails_the_machine_in_one_line(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    (tmp_path / "logs").touch()
    (error,) = run_all(runs_of(baseline, what="baseline"), 1).values()
    assert "write its log and records" in str(error) and "free space" in str(error)


def test_plain_features_that_nobody_noted_go_aloud_before_the_step(tmp_path, said):
    baseline = fake_baseline.lay_out(tmp_path)
    pickle = (
        tmp_path
        / "data/dcase2025t2/dev_data/processed/fan/train/mels128_fft1024_hop512/section_00.pickle"
    )
    pickle.parent.mkdir(parents=True)
    pickle.write_text("of a run that was killed before its step ended")
    assert run_all(runs_of(baseline, what="baseline"), 1) == {} and not pickle.exists()
    assert f"deleted {pickle}: nobody noted what its features are of" in said


@pytest.mark.parametrize(
    "file, what",
    [
        ("data/dcase2025t2/dev_data/raw/fan/test/section_00_source_test_normal_0000.wav", "clips"),
        ("networks/base_model.py", "baseline code"),
        ("baseline.yaml", "settings"),
    ],
)
def test_what_changes_while_a_step_runs_spoils_it_and_the_same_call_runs_it_again(
    tmp_path, file, what
):
    baseline = fake_baseline.lay_out(tmp_path)
    content = "--epochs: 100\n" if file == "baseline.yaml" else "touched"
    order(baseline, fan={"touches": file, "content": content})
    (error,) = run_all(runs_of(baseline, what="baseline"), 1).values()
    assert (
        f"fan seed 13711 plain train: expected the same {what} at its end as at its start"
        in str(error)
        and "run the same command again" in str(error)
    )
    order(baseline)
    if what == "clips":
        (baseline.folder / file).write_bytes(fake_baseline.SOUND)
    (run,) = runs_of(baseline, what="baseline")
    assert not is_finished(run, "train") and run_all([run], 1) == {}


def test_plain_features_of_another_power_stop_the_run_that_would_take_them(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    pickle = (
        tmp_path
        / "data/dcase2025t2/dev_data/processed/fan/train/mels128_fft1024_hop512/section_00.pickle"
    )
    pickle.parent.mkdir(parents=True)
    order(baseline, fan={"touches": str(pickle), "content": "features"})
    runs = runs_of(
        baseline, what="baseline"
    )  # planned before the baseline's file says another power
    assert run_all(runs, 1) == {}
    order(baseline)
    with open(tmp_path / "baseline.yaml", "a") as file:
        file.write("--power: 1.0\n")
    (error,) = run_all(runs, 1).values()
    assert (
        "fan: expected the plain baseline's features to be of power 1.0, got those of None in"
        in str(error)
    )


@pytest.mark.parametrize("what, dropped", [("baseline", True), ("denoise", False)])
def test_half_written_plain_features_go_aloud_where_a_plain_run_would_read_them(
    tmp_path, what, dropped, said
):
    baseline = fake_baseline.lay_out(tmp_path)
    lock_file = (
        tmp_path / "data/dcase2025t2/dev_data/processed/fan/train/mels128/section_00_lockfile"
    )
    lock_file.parent.mkdir(parents=True)
    lock_file.touch()
    pickle = lock_file.with_name("section_00.pickle")
    pickle.write_text("half of it")
    # Side by side, the runs find it at the same time.
    assert run_all(runs_of(baseline, seeds=(1, 2, 3), what=what), 3) == {}
    assert (not pickle.exists() and not lock_file.exists()) == dropped
    assert [line for line in said if "left half-written" in line] == [
        f"deleted {pickle}, which an interrupted run left half-written"
    ] * dropped


def test_two_runners_do_not_work_on_the_same_run(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    (run,) = runs_of(baseline, what="baseline")
    with runner._own_log(run):
        (error,) = run_all([run], 1).values()
    assert "another process" in str(error)


def test_the_hook_and_this_python_come_first_and_one_job_keeps_the_thread_count():
    child = child_environment(1, {"PYTHONPATH": "theirs::/others", "PATH": "usual"})
    assert re.fullmatch(
        rf".*baseline_patches:{re.escape(os.getcwd())}/theirs:/others", child["PYTHONPATH"]
    )
    assert child["PATH"] == f"{os.path.dirname(sys.executable)}:usual"
    assert "OMP_NUM_THREADS" not in child


def test_several_jobs_share_the_cores_that_this_process_may_use(monkeypatch):
    assert child_environment(10**6, {})["OMP_NUM_THREADS"] == "1"
    monkeypatch.setattr(processes, "usable_cores", lambda: 6)
    assert child_environment(2, {"OMP_NUM_THREADS": ""})["OMP_NUM_THREADS"] == "3"


def test_several_jobs_keep_the_thread_count_that_the_user_has_set():
    assert child_environment(2, {"OMP_NUM_THREADS": "5"})["OMP_NUM_THREADS"] == "5"


def test_the_record_says_what_each_step_ran_on_and_another_place_does_not_undo_it(
    tmp_path, monkeypatch
):
    baseline = fake_baseline.lay_out(tmp_path)
    (run,) = runs_of(baseline, what="baseline")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run_all([run], 1)
    assert all(
        json.loads(run.record(step).read_text())["place"] == {"threads": "3", "device": "cpu"}
        for step in STEPS
    )
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    assert all(is_finished(run, step) for step in STEPS)


def test_a_preset_file_in_the_environment_is_the_callers_not_the_baselines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert child_environment(1, {"DCASE_DENOISE_YAML": "mine.yaml"})["DCASE_DENOISE_YAML"] == str(
        tmp_path / "mine.yaml"
    )


def test_an_installation_without_the_hook_is_refused(monkeypatch):
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    with pytest.raises(RunError, match="baseline_patches"):
        child_environment()


@pytest.fixture
def caller(tmp_path):
    """The command line in a process of its own, whose baseline takes its time."""
    baseline = fake_baseline.lay_out(tmp_path)
    order(baseline, fan={"sleep_s": 60})
    command = [
        sys.executable,
        "-m",
        "dcase_denoise_plugin",
        "run",
        "-d",
        "baseline",
        "--baseline",
        tmp_path,
    ]
    # A test run started in the background ignores SIGINT and would hand that down.
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not (tmp_path / "pid.txt").exists():
        time.sleep(0.02)
    yield process, baseline
    process.kill()
    process.wait()


def is_locked(run):
    try:
        with runner._own_log(run):
            return False
    except RunError:
        return True


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_a_polite_kill_ends_the_baseline_and_counts_nothing_as_finished(caller, how):
    process, baseline = caller
    (run,) = runs_of(baseline, what="baseline")
    process.send_signal(how)
    assert process.wait(20) == 130
    assert not is_locked(run) and not is_finished(run, "train")


def test_jobs_side_by_side_are_told_to_end_at_the_same_time(tmp_path):
    # Each ends well only if the other one is told within the second that it waits.
    script = (
        'trap "touch told_$0; sleep 1; [ -e told_$1 ]; exit" TERM; touch ready_$0; while :; do'
        " sleep 0.02; done"
    )
    children, log = Children(), open(tmp_path / "log", "wb")
    with log, ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(children.run, ["bash", "-c", script, *names], log, cwd=tmp_path)
            for names in ("ab", "ba")
        ]
        while len(list(tmp_path.glob("ready_*"))) < 2:
            time.sleep(0.02)
        children.end()
        assert [job.result() for job in jobs] == [0, 0]


def test_a_baseline_ends_with_its_killed_runner(caller):
    process, baseline = caller
    (run,) = runs_of(baseline, what="baseline")
    assert is_locked(run)
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while is_locked(run) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_locked(run)


def test_a_baseline_whose_runner_is_gone_already_does_not_start(tmp_path):
    command = [sys.executable, "-c", processes.END_WITH_PARENT, "1", "touch", "started"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert not (tmp_path / "started").exists()
