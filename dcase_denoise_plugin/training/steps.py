"""Optimiser steps: pairs, network, loss and gradient of one batch on the device, without waiting
for it; on a GPU recorded once and replayed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import TrainingError, first_line
from dcase_denoise_plugin.process import processes, rank
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.training.distributed import parallel
from dcase_denoise_plugin.training.pairs import Draws, Pairs


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
        say: Callable[[str], None],
    ):
        self.pairs, self.config, self.device, self.say = pairs, config, device, say
        self.optimiser = torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
        self.network = parallel(network)
        self.at_once = config.batch_size
        self._on_gpu = device.type == "cuda"
        recordable = self._on_gpu and processes() == 1 and pairs.clips.in_memory
        self._recorded = RecordedStep(config.batch_size, say) if recordable else None
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
                return (
                    self._recorded.take(self._step, batch) if self._recorded else self._step(batch)
                )
            except torch.OutOfMemoryError as error:
                reason = first_line(error)
            self._take_fewer(
                reason
            )  # out here, where the error no longer holds on to the tensors that did not fit

    def _set_learning_rate(self, learning_rate):
        # a recorded step reads it where it lay then; all of it anew, for a resume file may come
        # from a CPU
        if self._on_gpu:
            self.optimiser.param_groups[0].update(
                lr=self._rate.fill_(learning_rate), capturable=True
            )
        else:
            self.optimiser.param_groups[0].update(lr=learning_rate, capturable=False)

    def _step(self, batch):
        share = batch[rank() :: processes()]
        self.optimiser.zero_grad()
        loss = sum(
            self._backward(share[start : start + self.at_once], len(batch))
            for start in range(0, max(len(share), 1), self.at_once)
        )
        self.optimiser.step()
        return loss

    def _backward(self, drawn, pairs_in_batch):
        """Adds the gradient of the mean loss over the batch, as far as it comes of these pairs; the
        loss summed over them.
        """
        noisy, target = self.pairs.batch(drawn)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.config.mixed_precision and self._on_gpu
        ):
            residual = self.network(noisy)
        if len(drawn):
            loss = len(drawn) * reconstruction_loss(
                self.config.loss, noisy - residual.float(), target
            )
        else:
            loss = (
                residual.sum()
            )  # nothing; the other processes wait for this one's gradient all the same
        # The gradient is averaged over the processes, where the loss is to be summed.
        (loss * (processes() / pairs_in_batch)).backward()
        return loss.detach()

    def _take_fewer(self, reason):
        if self.at_once == 1 or processes() > 1:
            raise TrainingError(
                f"GPU memory: expected room for {self.at_once // processes()} training pairs, got"
                f" {reason}. Free the GPU, or lower denoise_batch_size or denoise_width."
            ) from None
        self.at_once = (self.at_once + 1) // 2
        torch.cuda.empty_cache()
        self.say(
            f"GPU memory does not hold a batch of {self.config.batch_size}: {self.at_once} pairs at"
            " a time, gradients added up. Batch normalisation sees no more than those, so that the"
            " result differs a little."
        )


SSIM_PIXELS = 7


def reconstruction_loss(name: str, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Loss between scaled images (batch, 1, height, width) by its ``denoise_loss`` name."""
    if name == "mse":
        return F.mse_loss(image, target)
    if name == "l1":
        return F.l1_loss(image, target)
    return (
        F.mse_loss(image, target)
        + F.l1_loss(image, target)
        + 1
        - structural_similarity(image, target)
    )


def structural_similarity(image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean SSIM over 7x7 windows, at most 1. Source: Wang 2004, eq. 13, with a flat window; scaled
    images span about 6 (three deviations either way).
    """

    def mean(picture):
        return F.avg_pool2d(picture, SSIM_PIXELS, stride=1)

    c1, c2 = (0.01 * 6) ** 2, (0.03 * 6) ** 2
    mean_x, mean_y = mean(image), mean(target)
    var_x, var_y, cov = (
        mean(image**2) - mean_x**2,
        mean(target**2) - mean_y**2,
        mean(image * target) - mean_x * mean_y,
    )
    return (
        (2 * mean_x * mean_y + c1)
        * (2 * cov + c2)
        / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    ).mean()


# So many steps are taken as they are before one is recorded: libraries and the optimiser set up
# what they need. Source: PyTorch's notes on CUDA graphs.
STEPS_BEFORE = 3


class RecordedStep:
    """Takes a step with a batch, with batches of `pairs` pairs by replaying one that was
    recorded.
    """

    def __init__(self, pairs: int, say: Callable[[str], None]):
        self._pairs, self._say = pairs, say
        self._steps_before, self._tried = STEPS_BEFORE, False
        self._graph = self._batch = self._loss = None

    def take(self, step: Callable[[Draws], torch.Tensor], batch: Draws) -> torch.Tensor:
        """What `step` does with `batch`.

        Parameters
        ----------
        step : the same each time (no more than a recording is kept of it): takes a step with these
            draws; the loss, a scalar on the device. It must not wait for the device, and what it
            reads besides the draws (weights, clips, the learning rate) must stay where it lies in
            memory.
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
            self._say(
                "GPU memory does not hold a recorded step; the kernels of each are launched one by"
                " one, which takes longer."
            )
            return False
        self._batch, self._graph, self._loss = drawn, graph, loss
        return True
