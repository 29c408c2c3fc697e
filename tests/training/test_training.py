import dataclasses
import logging
import pickle
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from small_machine import SMALL, hum, small_machine, write

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.findings import UNBOUNDED_DB
from dcase_denoise_plugin.denoising.tensor_file import load_tensors
from dcase_denoise_plugin.errors import (
    AudioError,
    CheckpointError,
    ConfigError,
    DataError,
    TrainingError,
)
from dcase_denoise_plugin.files import PARTIAL
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.training import loop as training
from dcase_denoise_plugin.training import steps
from dcase_denoise_plugin.training.loop import learning_rate_factor, train_denoiser

CPU = torch.device("cpu")


@pytest.fixture
def machine(tmp_path):
    return small_machine(tmp_path)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "models" / "denoiser.pt"


def trained(machine, path, **keys):
    train_denoiser(machine, dataclasses.replace(SMALL, **keys), path, CPU)
    return Checkpoint.load(path)


def epochs_in(lines):
    return [line for line in lines if ": epoch " in line]


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_training_lowers_the_loss(machine, path, said, domain):
    trained(
        machine,
        path,
        domain=domain,
        epochs=3,
        pairs_per_clip=60,
        batch_size=8,
        noisy_pair_share=1.0,
        snr_db_min=0.0,
        snr_db_max=0.0,
        learning_rate=2e-2,
        width=4,
    )
    losses = [float(line.split("loss ")[1].split()[0]) for line in epochs_in(said)]
    assert losses[-1] < 0.9 * losses[0]


def test_one_line_an_epoch_tells_machine_loss_speed_and_time_left(machine, path, said):
    trained(machine, path)
    lines = epochs_in(said)
    assert len(lines) == 2
    assert (
        lines[0].startswith("denoiser fan: epoch 1/2  loss ")
        and " clips/s  ETA 0:00:" in lines[0]
        and lines[1].endswith("ETA 0:00:00")
    )


def test_the_file_holds_what_it_was_trained_for(machine, path):
    trained(machine, path).require(machine, SMALL, path)
    assert [file.name for file in path.parent.iterdir() if not file.name.endswith(".lock")] == [
        "denoiser.pt"
    ]


def test_the_guard_is_what_the_network_takes_from_all_training_clips(machine, path):
    denoiser = Denoiser(trained(machine, path, clip_level="0.1"), "cpu")
    levels = [
        torch.from_numpy(denoiser.spectrogram.level_of_wav_db(read_wav(file)[0]))
        for file in machine.train_files
    ]
    taken_db = torch.stack([denoiser.taken_from_spectrum_db(level_db) for level_db in levels])
    assert (taken_db.amax(0) > taken_db.amin(0)).any()
    torch.testing.assert_close(
        denoiser.findings.guard_db, taken_db.quantile(torch.tensor([0.05, 0.95]), dim=0)
    )


@pytest.mark.parametrize("clip_level", ["mean", "0.5"])
def test_there_is_no_guard_where_the_machine_is_not_heard_in_pauses(machine, path, clip_level):
    assert torch.equal(
        trained(machine, path, clip_level=clip_level).findings.guard_db, UNBOUNDED_DB
    )


@pytest.mark.parametrize(
    ("noise_clips", "source", "known"),
    [(2, "auto", False), (2, "supplemental", True), (0, "auto", False)],
)
def test_the_file_tells_whether_the_noise_in_the_clips_is_known(
    tmp_path, path, noise_clips, source, known
):
    assert (
        trained(
            small_machine(tmp_path, noise_clips=noise_clips), path, noise_source=source
        ).findings.noise_known
        is known
    )


@pytest.mark.parametrize("noise_clips", [0, 2])
def test_no_network_is_trained_that_nothing_uses(tmp_path, path, said, noise_clips):
    machine = small_machine(tmp_path, noise_clips=noise_clips)
    write(machine.train_files[0], np.zeros(4000, np.float32) + hum(0) * (np.arange(4000) > 3000))
    checkpoint = trained(machine, path, network="auto")
    assert len(said) == 1 and "clips handed over as they are" in said[0]
    assert said[0].startswith("denoiser fan: ")
    assert checkpoint.epochs == 0 and not checkpoint.findings.changes_clips(checkpoint.config)


def test_a_machine_may_have_epochs_of_its_own(machine, path, said):
    trained(machine, path, machine_epochs="fan=3,valve=9")
    assert len(epochs_in(said)) == 3


def test_training_twice_gives_the_same_weights_and_another_seed_gives_others(machine, tmp_path):
    first, again = (trained(machine, tmp_path / name).digest for name in ("a.pt", "b.pt"))
    other = trained(dataclasses.replace(machine, seed=8), tmp_path / "c.pt")
    assert (
        first == again
        and other.digest != first
        and not torch.equal(
            other.weights["last.weight"], Checkpoint.load(tmp_path / "a.pt").weights["last.weight"]
        )
    )


class KillAfter(logging.Handler):
    """Kills the training when so many epochs were told."""

    def __init__(self, epochs):
        super().__init__()
        self.left = epochs

    def emit(self, record):
        self.left -= ": epoch " in record.getMessage()
        if not self.left:
            raise Killed


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_training_resumed_gives_the_weights_of_an_uninterrupted_one(
    machine, tmp_path, said, killed_after
):
    killer, logger = KillAfter(killed_after), logging.getLogger("dcase_denoise_plugin")
    logger.addHandler(killer)
    with pytest.raises(Killed):
        trained(machine, tmp_path / "killed.pt", epochs=4)
    logger.removeHandler(killer)
    assert not (tmp_path / "killed.pt").exists()
    digest = trained(machine, tmp_path / "killed.pt", epochs=4).digest
    assert [line.split("epoch ")[1][0] for line in epochs_in(said)] == ["1", "2", "3", "4"]
    assert digest == trained(machine, tmp_path / "whole.pt", epochs=4).digest


def test_a_training_killed_while_it_writes_goes_on_from_the_epoch_before(
    machine, tmp_path, monkeypatch, said
):
    path, save, saves = tmp_path / "killed.pt", torch.save, []

    def half_written(content, file):
        saves.append(file)
        if len(saves) == 2:
            file.write(b"half")
            raise Killed
        save(content, file)

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(Killed):
        trained(machine, path)
    monkeypatch.undo()
    said.clear()
    digest = trained(machine, path).digest
    assert len(epochs_in(said)) == 1 and digest == trained(machine, tmp_path / "whole.pt").digest
    assert not list(tmp_path.glob(f".*{PARTIAL}"))


def test_a_finished_denoiser_is_not_trained_again(machine, path, said):
    trained(machine, path)
    written = path.stat().st_mtime_ns
    said.clear()
    trained(machine, path)
    assert said == [] and path.stat().st_mtime_ns == written


def test_a_resume_file_that_a_kill_left_beside_a_finished_denoiser_goes(machine, path):
    trained(machine, path)
    left = path.with_name(f"{path.name}.resume")
    left.write_bytes(b"of the last epoch")
    trained(machine, path)
    assert not left.exists()


def test_a_finished_denoiser_gets_the_output_asked_for_and_is_not_trained_again(
    machine, path, said
):
    first = trained(machine, path)
    said.clear()
    second = trained(machine, path, strength=0.5, fluctuation=0.25)
    assert said == []
    assert second.config == dataclasses.replace(first.config, strength=0.5, fluctuation=0.25)
    assert all(second.weights[name].equal(tensor) for name, tensor in first.weights.items())


def test_a_finished_denoiser_that_runs_of_several_outputs_share_keeps_none(machine, path):
    assert train_denoiser(machine, SMALL, path, CPU, shared=True)
    written = path.read_bytes()
    assert (
        not train_denoiser(
            machine, dataclasses.replace(SMALL, strength=0.5), path, CPU, shared=True
        )
        and path.read_bytes() == written
    )


def test_a_finished_denoiser_for_something_else_is_not_overwritten(machine, path):
    trained(machine, path)
    with pytest.raises(CheckpointError, match="expected denoise_epochs 3, got 2"):
        trained(machine, path, epochs=3)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"junk", "expected a readable file"),
        ({"identity": "other"}, "is from other clips or settings"),
        ([1], "is from other clips or settings"),
    ],
)
def test_a_resume_file_that_does_not_fit_is_said_and_not_used(
    machine, path, tmp_path, said, content, word
):
    path.parent.mkdir()
    resume = path.with_name("denoiser.pt.resume")
    resume.write_bytes(content) if isinstance(content, bytes) else torch.save(content, resume)
    digest = trained(machine, path).digest
    assert (
        "starting over" in said[1]
        and word in said[1]
        and digest == trained(machine, tmp_path / "whole.pt").digest
    )


def with_moment(state, name, tensor):
    state["moments"][0][name] = tensor


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.update(epochs="1"),
        lambda state: state.update(epochs=99),
        lambda state: state["network"].popitem(),
        lambda state: state["network"].update({"last.bias": torch.ones(7)}),
        lambda state: state["moments"].popitem(),
        lambda state: with_moment(state, "exp_avg", torch.ones(1)),
        lambda state: with_moment(state, "step", torch.ones(2)),
        lambda state: with_moment(state, "exp_avg_sq", 1.0),
    ],
)
def test_a_resume_file_of_the_right_name_whose_parts_do_not_fit_is_not_used(
    machine, path, tmp_path, said, change
):
    unfinished = training.Training(machine, SMALL, path, CPU)
    unfinished._train(0)
    unfinished._save_state(1)
    resume = path.with_name("denoiser.pt.resume")
    state = load_tensors(resume)
    change(state)
    torch.save(state, resume)
    digest = trained(machine, path).digest
    assert any("starting over" in line for line in said)
    assert digest == trained(machine, tmp_path / "whole.pt").digest


@pytest.mark.slow
def test_two_processes_train_the_same_denoiser_once(machine, path, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(
        textwrap.dedent(f"""
        import sys
        import torch
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from small_machine import FEATURES, SMALL, Machine
        from dcase_denoise_plugin.process import log_to_stdout
        from dcase_denoise_plugin.training.loop import train_denoiser
        log_to_stdout()
        machine = Machine.from_folder(Path({str(tmp_path / "fan")!r}), "MADEUP", FEATURES, 7)
        train_denoiser(machine, SMALL, Path({str(path)!r}), torch.device("cpu"))
        """)
    )
    runs = [
        subprocess.Popen(
            [sys.executable, str(program)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], outputs
    assert sorted(output.count(": epoch ") for output in outputs) == [0, 2]
    Checkpoint.load(path).require(machine, SMALL, path)


def test_training_leaves_every_global_random_stream_where_it_was(machine, path):
    def streams():
        return pickle.dumps(
            (random.getstate(), np.random.get_state(), torch.get_rng_state().numpy())
        )

    before = streams()
    trained(machine, path, noise_source="coloured")
    assert streams() == before


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_epochs_before(
    machine, path, monkeypatch
):
    monkeypatch.setattr(
        steps.F, "mse_loss", lambda image, target: (image - target).mean() * float("nan")
    )
    with pytest.raises(
        TrainingError,
        match=(
            "training loss of fan: expected a finite number, got nan in epoch 1. Lower"
            " denoise_learning_rate."
        ),
    ):
        trained(machine, path)
    assert not path.exists() and not path.with_name("denoiser.pt.resume").exists()


def test_more_processes_than_pairs_in_a_batch_are_refused(machine, path, monkeypatch):
    monkeypatch.setattr(training, "processes", lambda: 5)
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_batch_size: expected at least one pair for each of 5 processes, got 4. Start"
            " fewer processes or raise it."
        ),
    ):
        trained(machine, path)


def test_clips_that_differ_in_length_stop_the_training(machine, path):
    write(machine.train_files[1], hum(1, 5000))
    with pytest.raises(AudioError, match="expected 4000 samples"):
        trained(machine, path)


def test_a_noise_source_without_clips_stops_the_training(tmp_path, path):
    with pytest.raises(DataError, match="expected at least 1 noise clip"):
        trained(small_machine(tmp_path, noise_clips=0), path, noise_source="supplemental")


def test_a_folder_that_cannot_be_made_is_refused(machine, tmp_path):
    (tmp_path / "models").write_text("a file where the folder should be")
    with pytest.raises(
        CheckpointError,
        match="expected to write .*denoiser.pt, got .* Free space or choose another folder.",
    ):
        trained(machine, tmp_path / "models" / "denoiser.pt")


def test_the_learning_rate_rises_to_its_peak_and_falls_to_zero():
    factors = [learning_rate_factor(step / 200) for step in range(1, 201)]
    assert (
        factors[0] == pytest.approx(0.1)
        and max(factors) == factors[9] > 0.98
        and factors[-1] == pytest.approx(0, abs=1e-9)
    )
    assert all(later < earlier for earlier, later in zip(factors[9:], factors[10:]))


def test_a_gpu_whose_memory_does_not_hold_the_least_of_a_training_is_told_in_one_line(
    machine, path, monkeypatch
):
    def full(*shape):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr(training, "find", full)
    with pytest.raises(
        TrainingError,
        match=(
            r"training of fan: expected memory on cpu for it, got CUDA out of memory. Tried to"
            r" allocate 2.00 GiB. Free some"
        ),
    ):
        trained(machine, path)
    assert not path.exists()


def test_a_network_that_would_halve_its_images_to_a_single_pixel_is_refused(machine, path):
    with pytest.raises(
        ConfigError,
        match=(
            r"denoise_depth: expected images of more than 2\*\*denoise_depth \(32\) pixels, got 32."
            r" Lower denoise_depth"
        ),
    ):
        trained(machine, path, image_size=0, depth=5)
    trained(machine, path, image_size=0, depth=4, epochs=1)
