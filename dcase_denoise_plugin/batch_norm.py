"""Batch normalisation over the whole batch, also where several processes hold a part of it each."""
from __future__ import annotations

import torch
from torch import nn
from torch.distributed.nn.functional import all_reduce

from dcase_denoise_plugin.distributed import processes


class BatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d in a single process and outside training; else the statistics are those of all processes' parts together.

    PyTorch's own SyncBatchNorm works on GPUs alone. Source: Zhang 2018 (Context Encoding), section 3.3.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> the same shape; a part may be empty as long as the whole is not."""
        if processes() == 1 or not self.training:
            return super().forward(features)
        values = features.float()  # sums over a batch need more than bfloat16
        count = values.new_tensor([values[:, 0].numel()])
        # The running mean lies near the mean and is the same in all processes; moments around it lose fewer digits.
        centred = values - self.running_mean[:, None, None]
        sums = all_reduce(torch.cat([centred.sum((0, 2, 3)), centred.square().sum((0, 2, 3)), count]))
        offset, square = (sums[:-1] / sums[-1]).chunk(2)
        var = square - offset.square()
        scale = self.weight * (var + self.eps).rsqrt()
        normalised = centred * scale[:, None, None] + (self.bias - offset * scale)[:, None, None]
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean += self.momentum * offset
            self.running_var.lerp_(var * sums[-1] / (sums[-1] - 1), self.momentum)
        return normalised.to(features.dtype)
