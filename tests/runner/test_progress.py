import fake_baseline
import pytest

from dcase_denoise_plugin.checkout.machine_run import STEPS
from dcase_denoise_plugin.runner.progress import Progress, Snapshot, duration
from dcase_denoise_plugin.training.epoch_line import EpochLine


class Call:
    """Progress over runs of a fake baseline, with a clock that the test turns and logs that it
    writes.
    """

    def __init__(self, folder, arms, jobs=1, epochs=10):
        plan = fake_baseline.plan_of(fake_baseline.lay_out(folder), f"epochs={epochs}")
        self.runs = [fake_baseline.run_of(plan, arm=arm) for arm in arms]
        self.now = 0.0
        self.progress = Progress(self.runs, jobs, lambda: self.now)

    def log(self, run, text):
        run.log.parent.mkdir(parents=True, exist_ok=True)
        with open(run.log, "a") as file:
            file.write(text)

    def at(self, now):
        """What there is to see at a time in s."""
        self.now = now
        return self.progress.snapshot()

    def step(self, run, step, start, end):
        self.now = start
        self.progress.starts(run, step, 0)
        self.now = end
        self.progress.ends(run, step)


@pytest.fixture
def call(tmp_path):
    return lambda *arms, **options: Call(tmp_path, arms, **options)


def test_every_step_is_a_line_with_its_place_and_time(call, said):
    made = call("plain")
    made.step(made.runs[0], "train", 0, 61)
    made.progress.was_finished(made.runs[0], "MSE")
    made.progress.fails(made.runs[0], ValueError("no space"))
    assert said == [
        "[1/3] fan seed 13711 plain train: 61 s",
        "[2/3] fan seed 13711 plain MSE: finished before",
        "fan seed 13711 plain FAILED: no space",
    ]
    assert (made.at(70).done, made.at(70).steps, made.at(70).left_s) == (2, 3, 0)


def test_before_anything_is_measured_there_is_no_eta(call):
    made = call("plain")
    made.progress.starts(made.runs[0], "train", 0)
    assert made.at(30).eta == "" and str(made.at(30).running[0]) == "fan seed 13711 plain: features"


def test_epochs_tell_how_long_a_training_will_take(call):
    made = call("plain")
    (run,) = made.runs
    made.progress.starts(run, "train", 0)
    made.log(run, "epoch 1/10 loss 9\n")
    made.at(10)
    made.log(run, "epoch 2/10 loss 8\nepoch 3/10 loss 7\n")
    seen = made.at(14)
    # Two epochs in 4 s; it is in the third, and the tests are not measured yet.
    assert seen.left_s == pytest.approx(16) and seen.at_least and seen.eta == "ETA over 16 s"
    assert str(seen.running[0].stage) == "autoencoder epoch 3/10" and seen.new_lines == [
        (run, "epoch 2/10 loss 8"),
        (run, "epoch 3/10 loss 7"),
    ]
    assert made.at(15).left_s == pytest.approx(15)


def test_after_the_denoisers_epochs_comes_what_the_plain_arm_took(call):
    made = call("plain", "denoised")
    plain, denoised = made.runs
    for step, start, end in (("train", 0, 100), ("MSE", 100, 110), ("MAHALA", 110, 120)):
        made.step(plain, step, start, end)
    made.progress.starts(denoised, "train", 0)
    made.log(denoised, f"{EpochLine('fan', 1, 5, 1.0, 9.0, 60)}\n")
    made.at(130)
    made.log(denoised, f"{EpochLine('fan', 2, 5, 1.0, 9.0, 60)}\n")
    seen = made.at(140)
    # Three epochs of 10 s, 100 s of the autoencoder, and two tests of at least the plain arm's 10
    # s.
    assert seen.left_s == pytest.approx(150) and seen.at_least


def test_a_step_that_was_measured_is_as_long_the_next_time(call):
    made = call("plain", "plain")
    for step, start, end in zip(STEPS, (0, 100, 110), (100, 110, 120)):
        made.step(made.runs[0], step, start, end)
    assert made.at(120).eta == "ETA 2 min" and made.at(120).left_s == 120
    made.progress.starts(made.runs[1], "train", 0)
    assert made.at(150).left_s == 90


def test_two_jobs_work_side_by_side_and_a_runs_steps_one_after_the_other(call):
    made = call("plain", "plain", "plain", "plain", jobs=2)
    for step, start, end in zip(STEPS, (0, 100, 110), (100, 110, 120)):
        made.step(made.runs[0], step, start, end)
    # Three runs of 120 s on two jobs: the third has to wait for one of the others.
    assert made.at(120).left_s == 240
    for step in STEPS:
        made.progress.was_finished(made.runs[1], step)
    assert made.at(120).left_s == 120


def test_steps_that_an_earlier_call_finished_tell_how_long_others_take(call):
    made = call("plain", "plain")
    for step in STEPS:
        record = made.runs[0].record(step)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text('{"seconds": 40.0}')
        made.progress.was_finished(made.runs[0], step)
    assert made.at(0).left_s == 120 and not made.at(0).at_least


def test_a_failed_runs_other_steps_are_not_waited_for(call):
    made = call("plain", "plain")
    made.step(made.runs[0], "train", 0, 100)
    made.progress.fails(made.runs[1], ValueError())
    assert made.at(100).at_least and made.at(100).left_s is None


def test_what_a_step_says_last_is_not_lost_whether_it_ends_well_or_fails(call):
    made = call("plain")
    (run,) = made.runs
    made.progress.starts(run, "train", 0)
    made.log(run, "saved\n")
    made.progress.ends(run, "train")
    made.progress.starts(run, "MSE", run.log.stat().st_size)
    made.log(run, "Traceback\n")
    made.progress.fails(run, ValueError())
    assert (
        made.at(1).new_lines == [(run, "saved"), (run, "Traceback")] and made.at(2).new_lines == []
    )


def test_epochs_that_are_no_number_are_not_counted(call):
    made = call("plain", epochs="many")
    made.progress.starts(made.runs[0], "train", 0)
    made.log(made.runs[0], "epoch 2/10\n")
    assert str(made.at(1).running[0].stage) == "autoencoder"


@pytest.mark.parametrize(
    "seconds, said",
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (99.5, "2 min"),
        (5900, "98 min"),
        (6000, "1 h 40 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_durations_are_said_as_people_do(seconds, said):
    assert duration(seconds) == said


@pytest.mark.parametrize(
    "left_s, at_least, eta",
    [(720, True, "ETA over 12 min"), (720, False, "ETA 12 min"), (0, False, "ETA 0 s")]
    + [(0.4, True, ""), (0.6, True, "ETA over 1 s"), (None, True, "")],
)
def test_an_eta_is_not_shown_where_it_tells_nothing(left_s, at_least, eta):
    assert Snapshot(1, 6, 10.0, left_s, at_least, ()).eta == eta
