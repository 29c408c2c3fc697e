import dataclasses
import pickle
import random
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from small_machine import SMALL, hum, small_machine, write

from dcase_denoise_plugin.denoising.checkpoint import NO_BOUNDS_DB, Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import (
    AudioError,
    CheckpointError,
    ConfigError,
    DataError,
    TrainingError,
)
from dcase_denoise_plugin.process import thread_limit
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


def trained(machine, path, lines=None, **keys):
    train_denoiser(
        machine,
        dataclasses.replace(SMALL, **keys),
        path,
        CPU,
        say=[].append if lines is None else lines.append,
    )
    return Checkpoint.load(path)


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_training_lowers_the_loss(machine, path, domain):
    lines = []
    trained(
        machine,
        path,
        lines,
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
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert losses[-1] < 0.9 * losses[0]


def test_one_line_an_epoch_tells_machine_loss_speed_and_time_left(machine, path):
    lines = []
    trained(machine, path, lines)
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


@pytest.mark.parametrize("stopping", ["none", "balance"])
def test_the_file_tells_what_the_network_usually_takes_from_all_training_clips(
    machine, path, stopping
):
    denoiser = Denoiser(trained(machine, path, stopping=stopping, clip_level="0.1"), "cpu")
    levels = [
        torch.from_numpy(denoiser.spectrogram.level_of_wav_db(read_wav(file)[0]))
        for file in machine.train_files
    ]
    taken_db = torch.stack([denoiser.taken_from_spectrum_db(level_db) for level_db in levels])
    assert stopping != "none" or (taken_db.amax(0) > taken_db.amin(0)).any()
    torch.testing.assert_close(
        denoiser.checkpoint.usual_db, taken_db.quantile(torch.tensor([0.05, 0.95]), dim=0)
    )


@pytest.mark.parametrize("clip_level", ["mean", "0.5"])
def test_nothing_is_usual_where_the_machine_is_not_heard_in_pauses(machine, path, clip_level):
    assert torch.equal(trained(machine, path, clip_level=clip_level).usual_db, NO_BOUNDS_DB)


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
        ).noise_known
        is known
    )


@pytest.mark.parametrize(
    ("noise_clips", "why", "remedy"),
    [
        (
            2,
            "its noise recordings are louder than its clips, which therefore do not hold it",
            "If they do, set denoise_noise_source: supplemental.",
        ),
        (
            0,
            "no recording tells what the noise in its clips is like",
            "Put some into supplemental (…_noise_….wav), or name a folder by denoise_noise_folder.",
        ),
    ],
)
def test_noise_that_no_recording_tells_is_said_where_it_matters_and_what_to_do(
    tmp_path, path, noise_clips, why, remedy
):
    lines = []
    checkpoint = trained(
        small_machine(tmp_path, noise_clips=noise_clips), path, lines, guessed_noise_share=0.0
    )
    assert lines[0] == f"denoiser fan: {why}: the stage takes 0 of what it would. {remedy}"
    assert checkpoint.touches_nothing(SMALL) is False and checkpoint.touches_nothing(
        dataclasses.replace(SMALL, guessed_noise_share=0.0)
    )


def test_a_machine_may_have_epochs_of_its_own(machine, path):
    lines = []
    trained(machine, path, lines, machine_epochs="fan=3,valve=9")
    assert len(lines) == 3


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


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_training_resumed_gives_the_weights_of_an_uninterrupted_one(
    machine, tmp_path, killed_after
):
    config, lines = dataclasses.replace(SMALL, epochs=4), []

    def die(line):
        lines.append(line)
        if len(lines) == killed_after:
            raise Killed

    with pytest.raises(Killed):
        train_denoiser(machine, config, tmp_path / "killed.pt", CPU, say=die)
    assert not (tmp_path / "killed.pt").exists()
    assert (
        trained(machine, tmp_path / "killed.pt", lines, epochs=4).digest
        == trained(machine, tmp_path / "whole.pt", epochs=4).digest
    )
    assert [line.split("epoch ")[1][0] for line in lines] == ["1", "2", "3", "4"]


def test_a_training_killed_while_it_writes_goes_on_from_the_epoch_before(
    machine, tmp_path, monkeypatch
):
    path, save, saves = tmp_path / "killed.pt", torch.save, []

    def half_written(content, file):
        saves.append(file)
        if len(saves) == 2:
            file.write_bytes(b"half")
            raise Killed
        save(content, file)

    monkeypatch.setattr(torch, "save", half_written)
    with pytest.raises(Killed):
        train_denoiser(machine, SMALL, path, CPU, say=[].append)
    monkeypatch.undo()
    lines = []
    digest = trained(machine, path, lines).digest
    assert len(lines) == 1 and digest == trained(machine, tmp_path / "whole.pt").digest
    assert not list(tmp_path.glob(".*.partial"))


def test_a_finished_denoiser_is_not_trained_again(machine, path):
    trained(machine, path)
    written, lines = path.stat().st_mtime_ns, []
    trained(machine, path, lines)
    assert lines == [] and path.stat().st_mtime_ns == written


def test_a_finished_denoiser_gets_the_output_asked_for_and_is_not_trained_again(machine, path):
    first, lines = trained(machine, path), []
    second = trained(machine, path, lines, strength=0.5, guessed_noise_share=1.0, threads=1)
    assert lines == [] and second.config == dataclasses.replace(
        first.config, strength=0.5, guessed_noise_share=1.0
    )
    assert all(second.weights[name].equal(tensor) for name, tensor in first.weights.items())


def test_a_finished_denoiser_that_runs_of_several_outputs_share_keeps_none(machine, path):
    assert train_denoiser(machine, SMALL, path, CPU, [].append, shared=True)
    written = path.read_bytes()
    assert (
        not train_denoiser(
            machine, dataclasses.replace(SMALL, strength=0.5), path, CPU, [].append, shared=True
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
    machine, path, tmp_path, content, word
):
    path.parent.mkdir()
    resume = path.with_name("denoiser.pt.resume")
    resume.write_bytes(content) if isinstance(content, bytes) else torch.save(content, resume)
    lines = []
    digest = trained(machine, path, lines).digest
    assert (
        "starting over" in lines[0]
        and word in lines[0]
        and digest == trained(machine, tmp_path / "whole.pt").digest
    )


def test_two_processes_train_the_same_denoiser_once(machine, path, tmp_path):
    program = tmp_path / "train.py"
    program.write_text(
        textwrap.dedent(f"""
        import sys
        import torch
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from small_machine import FEATURES, SMALL, Machine
        from dcase_denoise_plugin.training.loop import train_denoiser
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
    assert sorted(output.count("epoch") for output in outputs) == [0, 2]
    Checkpoint.load(path).require(machine, SMALL, path)


def test_training_leaves_every_global_random_stream_where_it_was(machine, path):
    def streams():
        return pickle.dumps(
            (random.getstate(), np.random.get_state(), torch.get_rng_state().numpy())
        )

    before = streams()
    trained(machine, path, noise_source="coloured")
    assert streams() == before


def test_threads_are_limited_while_training_and_restored(machine, path):
    seen = []
    with thread_limit(3):
        train_denoiser(
            machine,
            dataclasses.replace(SMALL, threads=1),
            path,
            CPU,
            say=lambda line: seen.append(torch.get_num_threads()),
        )
        assert set(seen) == {1} and torch.get_num_threads() == 3


def test_a_loss_that_is_not_finite_stops_the_training_and_keeps_the_epochs_before(
    machine, path, monkeypatch
):
    monkeypatch.setattr(
        steps,
        "reconstruction_loss",
        lambda name, image, target: (image - target).mean() * float("nan"),
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


@pytest.mark.parametrize("loss", ["l1", "mse+ssim+l1"])
def test_every_loss_can_train(machine, path, loss):
    assert trained(machine, path, loss=loss).weights["last.weight"].any()


def test_a_gpu_whose_memory_does_not_hold_the_least_of_a_training_is_told_in_one_line(
    machine, path, monkeypatch
):
    def full(*shape):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")

    monkeypatch.setattr(training, "noise_source", full)
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
    trained(machine, path, image_size=0, depth=4, batch_size=1, epochs=1, norm="instance")
