import contextlib
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from small_machine import RATE_HZ, small_machine, write

from dcase_denoise_plugin import process
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.errors import ConfigError, TrainingError
from dcase_denoise_plugin.training import distributed

PROJECT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, sys
sys.path[:0] = [{project!r}, {tests!r}]
from pathlib import Path
import torch
from small_machine import FEATURES, SMALL, Machine
import dataclasses
from dcase_denoise_plugin.training import loop as training
from dcase_denoise_plugin.process import log_to_stdout, rank
from dcase_denoise_plugin.training.distributed import joined
from dcase_denoise_plugin.errors import DenoiseError

train = training.Training._train
def train_and_die(self, epoch):
    if {dies} and rank() == 1 and epoch == 2 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
        os.kill(os.getpid(), signal.SIGKILL)
    return train(self, epoch)
training.Training._train = train_and_die

try:
    log_to_stdout()
    with joined():
        machine = Machine.from_folder(Path({machine!r}), "MADEUP", FEATURES, 7)
        config = dataclasses.replace(SMALL, **{keys!r})
        training.train_denoiser(machine, config, Path({path!r}), torch.device("cpu"))
except DenoiseError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def trained(folder, name, processes, dies=False, **keys):
    """What a training in so many processes, started by torchrun, ends with, and where its
    file is.
    """
    path, program = folder / f"{name}.pt", folder / f"{name}.py"
    program.write_text(
        textwrap.dedent(PROGRAM).format(
            project=str(PROJECT),
            tests=str(PROJECT / "tests"),
            dies=dies,
            machine=str(folder / "fan"),
            keys=keys,
            path=str(path),
        )
    )
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        str(processes),
        "--max-restarts",
        "3" if dies else "0",
    ]
    return (
        subprocess.run([*launcher, str(program)], capture_output=True, text=True, timeout=300),
        path,
    )


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_one_of_them_speaks(tmp_path):
    small_machine(tmp_path, clips=5)
    keys = {
        "batch_size": 7,
        "pairs_per_clip": 3,
        "epochs": 3,
    }  # 15 pairs: the last batch is one pair, and one process has none of it
    (one, alone), (two, together) = (
        trained(tmp_path, f"by_{processes}", processes, **keys) for processes in (1, 2)
    )
    assert one.returncode == two.returncode == 0, two.stderr[-3000:]
    losses = [
        [float(loss) for loss in re.findall(r"epoch \d/3  loss ([\d.]+)", run.stdout)]
        for run in (one, two)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4) and len(losses[0]) == 3
    expected, found = (Checkpoint.load(path).weights for path in (alone, together))
    for key, weights in expected.items():
        torch.testing.assert_close(
            found[key],
            weights,
            rtol=1e-4,
            atol=1e-4,
            msg=lambda message, key=key: f"{key}: {message}",
        )
    assert {file.suffix for file in tmp_path.iterdir() if file.is_file()} == {".py", ".pt", ".lock"}


@pytest.mark.slow
def test_a_training_one_of_whose_processes_is_killed_goes_on_from_the_last_epoch_to_the_same_end(
    tmp_path,
):
    small_machine(tmp_path)
    (killed, resumed), (_, whole) = (
        trained(tmp_path, name, 2, dies, epochs=3)
        for name, dies in (("killed", True), ("whole", False))
    )
    assert killed.returncode == 0, killed.stderr[-3000:]
    epochs = re.findall(r"epoch (\d)/3", killed.stdout)
    assert (
        epochs.count("1") == 1 and epochs[-1] == "3"
    )  # whether the second epoch was written before the end is a matter of luck
    assert Checkpoint.load(resumed).digest == Checkpoint.load(whole).digest


@pytest.mark.slow
def test_a_training_that_cannot_go_on_says_why_in_one_line_and_ends_all_processes(tmp_path):
    machine = small_machine(tmp_path)
    write(machine.train_files[1], torch.rand(RATE_HZ + 1).numpy())
    run, path = trained(tmp_path, "broken", 2)
    assert run.returncode != 0 and not path.exists()
    assert run.stderr.count("clip: expected") == 1 and "clip_1.wav" in run.stderr


@pytest.fixture
def store(monkeypatch):
    """That of a process group of one, which believes that torchrun started it."""
    store = dist.HashStore()
    monkeypatch.setattr(dist, "is_torchelastic_launched", lambda: True)
    monkeypatch.setattr(dist, "rendezvous", lambda url: iter([(store, 0, 1)]))
    return store


def test_a_process_that_lost_another_says_so(store):
    expected = (
        "process 0 of 1: expected the other processes to go on, got .*closed by peer. The same"
        " command goes on"
    )
    with pytest.raises(TrainingError, match=expected), distributed.joined():
        raise RuntimeError(
            "[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer."
        )


def test_only_the_first_process_that_fails_speaks(store):
    dist.PrefixStore("restart 0", store).add("failed", 1)
    with pytest.raises(SystemExit) as ended, distributed.joined():
        raise ConfigError("known already")
    assert ended.value.code == 2


def test_after_a_restart_what_failed_before_is_no_longer_known(store, monkeypatch):
    dist.PrefixStore("restart 0", store).add("failed", 1)
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    with pytest.raises(ConfigError, match="something else"), distributed.joined():
        raise ConfigError("something else")


def test_a_fault_of_the_program_stays_what_it_is(store):
    with pytest.raises(RuntimeError, match="shapes"), distributed.joined():
        raise RuntimeError("shapes do not fit")


def test_a_process_alone_is_the_first_and_shares_with_nobody():
    with distributed.joined(), contextlib.suppress(KeyError):
        assert (process.rank(), process.processes(), distributed.from_first("mine")) == (
            0,
            1,
            "mine",
        )
        assert distributed.summed(torch.ones(2)).tolist() == [1, 1]
        raise KeyError
    assert not dist.is_initialized()
