import dataclasses
import gc
import weakref

import pytest
import torch
from small_machine import SMALL, small_machine

from dcase_denoise_plugin.errors import TrainingError
from dcase_denoise_plugin.training import steps
from dcase_denoise_plugin.training.loop import Training
from dcase_denoise_plugin.training.random_streams import generator_for

CPU = torch.device("cpu")


def training_of(folder, fits=None, **keys):
    """A training on a device whose memory holds so many pairs at once."""
    config = dataclasses.replace(SMALL, batch_size=8, **keys)
    training = Training(small_machine(folder), config, folder / "denoiser.pt", CPU)
    network = training.steps.network

    def forward(noisy):
        if fits is not None and len(noisy) > fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
        return network(noisy)

    training.steps.network = forward
    return training


def after_a_step(training):
    loss = training.steps.take(training.pairs.draws(generator_for(0))[:7], 1e-3)
    return loss, [parameter.grad.clone() for parameter in training.network.parameters()]


def without_batch_statistics(training):
    """Batch normalisation sees what is taken at once; without it parts add up to the whole."""
    training.network.eval()
    return training


def test_what_does_not_fit_is_taken_in_parts_to_the_same_gradient(tmp_path, said):
    small = without_batch_statistics(training_of(tmp_path, fits=2))
    whole = without_batch_statistics(training_of(tmp_path))
    (loss, gradients), (whole_loss, whole_gradients) = after_a_step(small), after_a_step(whole)
    lines = [line for line in said if "batch of 8: " in line]
    assert small.steps.at_once == 2 and [
        line.split("batch of 8: ")[1].split(",")[0] for line in lines
    ] == ["4 pairs at a time", "2 pairs at a time"]
    torch.testing.assert_close(loss, whole_loss)
    for part, whole in zip(gradients, whole_gradients):
        torch.testing.assert_close(part, whole, rtol=1e-4, atol=1e-6)


def test_memory_that_holds_no_pair_stops_the_training_in_one_line(tmp_path):
    expected = (
        r"^GPU memory: expected room for 1 training pairs, got CUDA out of memory\. Tried to"
        r" allocate 2\.00 GiB\. Free the GPU"
    )
    with pytest.raises(TrainingError, match=expected):
        after_a_step(training_of(tmp_path, fits=0))


def test_of_several_processes_none_can_go_slower_than_the_others(tmp_path, monkeypatch):
    training = training_of(tmp_path, fits=2)
    monkeypatch.setattr(steps, "processes", lambda: 2)
    with pytest.raises(TrainingError, match="expected room for 4 training pairs"):
        after_a_step(training)


def test_a_training_that_is_over_leaves_no_memory_taken(tmp_path):
    training = Training(small_machine(tmp_path), SMALL, tmp_path / "denoiser.pt", CPU, print)
    training.run()
    clips = weakref.ref(training.pairs.clips)
    # with one, memory would come back when Python next looks for cycles, long after the baseline
    # has filled its own
    gc.disable()
    try:
        del training
        assert clips() is None
    finally:
        gc.enable()
