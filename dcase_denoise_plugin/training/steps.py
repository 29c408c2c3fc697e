"""Optimiser steps: pairs, network, loss and gradient of one batch on the device, without waiting
for it; on a GPU recorded once and replayed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import TrainingError, first_line
from dcase_denoise_plugin.process import processes, rank
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.training.distributed import parallel
from dcase_denoise_plugin.training.pairs import Draws, Pairs

logger = logging.getLogger(__name__)


class Steps:
    """Takes steps with a network; each process works on its share of a batch.

    Attributes
    ----------
    at_once : pairs that pass through the network together; fewer than a batch once the GPU's memory
        did not hold one.
    """

    def __init__(
        self,
        network: UNet,
        pairs: Pairs,
        config: DenoiseConfig,
        device: torch.device,
    ):
        self.pairs, self.config, self.device = pairs, config, device
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
        self.network = parallel(network)
        self.at_once = config.batch_size
        self._on_gpu = device.type == "cuda"
        recordable = self._on_gpu and processes() == 1 and pairs.clips.in_memory
        self._recorded = RecordedStep(config.batch_size) if recordable else None
        self._rate = torch.zeros((), device=device)

    def take(self, batch: Draws, learning_rate: float) -> torch.Tensor:
        """One step on the whole `batch`; the loss summed over this process's share of it, a scalar
        on the device.

        Raises
        ------
        TrainingError
            If the GPU's memory does not hold a single pair, or, where several processes must keep
            pace, this one's share.
        """
        self._set_learning_rate(learning_rate)
        while True:
            try:
                if self._recorded:
                    return self._recorded.take(self._step, batch)
                return self._step(batch)
            except torch.OutOfMemoryError as error:
                reason = first_line(error)
            # Out here the error no longer holds on to the tensors that did not fit.
            self._take_fewer(reason)

    def _set_learning_rate(self, learning_rate: float) -> None:
        # a recorded step reads it where it lay then; all of it anew, for a resume file may come
        # from a CPU
        if self._on_gpu:
            self.optimiser.param_groups[0].update(
                lr=self._rate.fill_(learning_rate), capturable=True
            )
        else:
            self.optimiser.param_groups[0].update(lr=learning_rate, capturable=False)

    def _step(self, batch: Draws) -> torch.Tensor:
        share = batch[rank() :: processes()]
        self.optimiser.zero_grad()
        parts = range(0, max(len(share), 1), self.at_once)
        losses = [self._backward(share[at : at + self.at_once], len(batch)) for at in parts]
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum()
        self.optimiser.step()
        return loss

    def _backward(self, drawn: Draws, pairs_in_batch: int) -> torch.Tensor:
        """Adds the gradient of the mean loss over the batch, as far as it comes of these pairs; the
        loss summed over them.
        """
        noisy, target = self.pairs.batch(drawn)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._on_gpu):
            residual = self.network(noisy)
        if len(drawn):
            loss = len(drawn) * F.mse_loss(noisy - residual.float(), target)
        else:
            # Nothing; the other processes wait for this one's gradient all the same.
            loss = residual.sum()
        # The gradient is averaged over the processes, where the loss is to be summed.
        (loss * (processes() / pairs_in_batch)).backward()
        return loss.detach()

    def _take_fewer(self, reason: str) -> None:
        if self.at_once == 1 or processes() > 1:
            raise TrainingError(
                f"GPU memory: expected room for {self.at_once // processes()} training pairs, got"
                f" {reason}. Free the GPU, or lower denoise_batch_size or denoise_width."
            ) from None
        self.at_once = (self.at_once + 1) // 2
        torch.cuda.empty_cache()
        logger.info(
            "denoiser: GPU memory does not hold a batch of %d: %d pairs at a time, gradients added"
            " up. Batch normalisation sees no more than those; the result differs a little.",
            self.config.batch_size,
            self.at_once,
        )


# So many steps are taken as they are before one is recorded: libraries and the optimiser set up
# what they need. Source: PyTorch's notes on CUDA graphs.
STEPS_BEFORE = 3


class RecordedStep:
    """Takes a step with a batch, with batches of `pairs` pairs by replaying one that was
    recorded.
    """

    def __init__(self, pairs: int):
        self._pairs = pairs
        self._steps_before, self._tried = STEPS_BEFORE, False
        self._recording: tuple[torch.cuda.CUDAGraph, Draws, torch.Tensor] | None = None

    def take(self, step: Callable[[Draws], torch.Tensor], batch: Draws) -> torch.Tensor:
        """What `step` does with `batch`.

        Parameters
        ----------
        step : the same each time (no more than a recording is kept of it): takes a step with these
            draws; the loss, a scalar on the device. It must not wait for the device, and what it
            reads besides the draws (weights, clips, the learning rate) must stay where it lies in
            memory.
        """
        if self._recording is None and not self._record(step, batch) or len(batch) != self._pairs:
            return step(batch)
        assert self._recording
        graph, drawn, loss = self._recording
        drawn.take_over(batch)
        graph.replay()
        return loss.clone()  # the next step writes to the same place

    def _record(self, step: Callable[[Draws], torch.Tensor], batch: Draws) -> bool:
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
            logger.info(
                "denoiser: GPU memory does not hold a recorded step; each kernel is launched by"
                " itself, which takes longer."
            )
            return False
        self._recording = graph, drawn, loss
        return True
