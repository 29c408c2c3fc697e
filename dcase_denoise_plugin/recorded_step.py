"""A training step as one CUDA graph, recorded once and replayed: launched one by one, its hundreds of kernels take longer than they run."""
from __future__ import annotations

from typing import Callable

import torch

from dcase_denoise_plugin.pairs import Draws

# So many steps are taken as they are before one is recorded: libraries and the optimiser set up what they need. Source: PyTorch's notes on CUDA graphs.
STEPS_BEFORE = 3


class RecordedStep:
    """Takes a step with a batch, with batches of `pairs` pairs by replaying one that was recorded."""

    def __init__(self, pairs: int, say: Callable[[str], None]):
        self._pairs, self._say = pairs, say
        self._steps_before, self._tried = STEPS_BEFORE, False
        self._graph = self._batch = self._loss = None

    def take(self, step: Callable[[Draws], torch.Tensor], batch: Draws) -> torch.Tensor:
        """What `step` does with `batch`.

        Parameters
        ----------
        step : the same each time (no more than a recording is kept of it): takes a step with these draws; the loss, a scalar on the device. It must not
            wait for the device, and what it reads besides the draws (weights, clips, the learning rate) must stay where it lies in memory.
        """
        if self._graph is None and not self._record(step, batch) or len(batch) != self._pairs:
            return step(batch)
        self._batch.take_over(batch)
        self._graph.replay()
        return self._loss.clone()  # the next step writes to the same place

    def _record(self, step, batch):
        """Records the step if it is time; whether it did. No step is taken by that."""
        if len(batch) != self._pairs or self._tried:
            return False
        if self._steps_before:
            self._steps_before -= 1
            return False
        self._tried = True
        drawn, graph = batch.copy(), torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                loss = step(drawn)
        except torch.OutOfMemoryError:
            self._say("GPU memory does not hold a recorded step; the kernels of each are launched one by one, which takes longer.")
            return False
        self._batch, self._graph, self._loss = drawn, graph, loss
        return True
