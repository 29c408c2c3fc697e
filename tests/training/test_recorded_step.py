import contextlib
import dataclasses

import pytest
import torch
from small_machine import SMALL, small_machine

from dcase_denoise_plugin.training.loop import Training
from dcase_denoise_plugin.training.random_streams import generator_for
from dcase_denoise_plugin.training.steps import STEPS_BEFORE, RecordedStep

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU to record a step on")
GPU = torch.device("cuda", 0)


def draws_of(folder, device=torch.device("cpu"), **keys):
    training = Training(
        small_machine(folder, noise_clips=2),
        dataclasses.replace(SMALL, batch_size=4, **keys),
        folder / "denoiser.pt",
        device,
    )
    return training, training.pairs.draws(generator_for(0))


class Recorder(contextlib.AbstractContextManager):
    """Stands in for CUDA graphs on a CPU: what is recorded is run as it is recorded, what is
    replayed is counted.
    """

    def __init__(self, memory_holds_it):
        self.memory_holds_it, self.replayed = memory_holds_it, 0

    def __exit__(self, *_):
        if not self.memory_holds_it:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    def replay(self):
        self.replayed += 1


@pytest.mark.parametrize("memory_holds_it", [True, False])
def test_whole_batches_are_replayed_once_one_is_recorded_and_all_else_is_done_as_it_is(
    tmp_path, monkeypatch, said, memory_holds_it
):
    recorder, taken = Recorder(memory_holds_it), []
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: recorder)
    monkeypatch.setattr(torch.cuda, "graph", lambda graph: graph)

    def step(batch):
        taken.append(len(batch))
        return torch.zeros(())

    _, draws = draws_of(tmp_path)
    said.clear()
    recorded = RecordedStep(4)
    for pairs in (4, 3, *[4] * STEPS_BEFORE, 4, 3):
        recorded.take(step, draws[:pairs])
    first, last = [4, 3, *[4] * (STEPS_BEFORE - 1)], [3]
    assert taken == first + [4] + (
        [] if memory_holds_it else [4, 4]
    ) + last and recorder.replayed == (2 if memory_holds_it else 0)
    assert [line.split(";")[0] for line in said] == (
        [] if memory_holds_it else ["denoiser: GPU memory does not hold a recorded step"]
    )


@needs_gpu
@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"noise_source": "floor"},
        {"noise_source": "coloured", "pairing": "different_clips"},
    ],
)
def test_a_recorded_training_ends_where_the_same_steps_one_by_one_do(tmp_path, monkeypatch, keys):
    ended = []
    for steps_before in (STEPS_BEFORE, 10**9):
        monkeypatch.setattr("dcase_denoise_plugin.training.steps.STEPS_BEFORE", steps_before)
        training, draws = draws_of(tmp_path, GPU, pairs_per_clip=10, **keys)
        training.network.train()
        streams = torch.cuda.get_rng_state()
        losses = [
            training.steps.take(draws[start : start + 4], 1e-3 * (start + 1) / len(draws))
            for start in range(0, len(draws), 4)
        ]
        assert torch.equal(torch.cuda.get_rng_state(), streams)
        ended.append((torch.stack(losses), list(training.network.state_dict().values())))
    (losses, weights), (expected_losses, expected_weights) = ended
    torch.testing.assert_close(losses, expected_losses, rtol=1e-3, atol=1e-5)
    for found, expected in zip(weights, expected_weights):
        torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)


@needs_gpu
def test_memory_that_does_not_hold_a_batch_gets_it_in_parts_on_a_real_gpu(tmp_path, said):
    torch.cuda.empty_cache()
    config = dataclasses.replace(
        SMALL, batch_size=512, image_size=256, width=32, depth=4, pairs_per_clip=600
    )
    training = Training(
        small_machine(tmp_path, noise_clips=2), config, tmp_path / "denoiser.pt", GPU
    )
    draws = training.pairs.draws(generator_for(0))
    torch.cuda.set_per_process_memory_fraction(
        4e9 / torch.cuda.get_device_properties(GPU).total_memory
    )
    try:
        losses = [training.steps.take(draws[:512], 1e-3).item() for _ in range(STEPS_BEFORE + 3)]
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert (
        any("pairs at a time, gradients added up" in line for line in said)
        and losses[-1] < losses[0]
    )
