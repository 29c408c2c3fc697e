"""The residual U-Net, whole: residual blocks that predict what is to be taken away from a
spectrogram image.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.distributed.nn.functional import all_reduce

from dcase_denoise_plugin.process import processes

WIDEST = 8


class UNet(nn.Module):
    """Encoder and decoder of residual blocks with skip connections; channels double per level, up
    to eight times `width`.

    The first halving moves each 2x2 pixels into four channels, which loses nothing and takes a
    fifth of the time of convolutions on all pixels. Source: Ronneberger 2015; Zhang 2018 (Road
    extraction by deep residual U-Net); Zhang 2018 (FFDNet), section III-B.

    Parameters
    ----------
    width : channels of the first level.
    depth : how often the image is halved; its sides must be multiples of 2**depth.
    generator : source of the initial weights; the last layer starts at zero, so that an untrained
        network takes nothing away. None leaves it without weights, with their shapes alone.
    """

    def __init__(self, width: int, depth: int, generator: torch.Generator | None):
        super().__init__()
        channels = [width * min(2**level, WIDEST) for level in range(depth)]
        # On the meta device layers draw no initial weights, so the global random stream stays where
        # it is.
        with torch.device("meta"):
            self.encoder = nn.ModuleList(
                ResidualBlock(before, after) for before, after in zip([4, *channels], channels)
            )
            self.up = nn.ModuleList(
                nn.ConvTranspose2d(below, here, 2, stride=2)
                for here, below in zip(channels, channels[1:])
            )
            self.decoder = nn.ModuleList(ResidualBlock(2 * here, here) for here in channels[:-1])
            self.last = nn.Conv2d(width + 4, 4, 3, padding=1)
        if generator is None:
            return
        for module in self.modules():
            allocate(module)
            initialise(module, generator)
        nn.init.zeros_(self.last.weight)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """(batch, 1, height, width) scaled image -> the residual to subtract from it, same
        shape.
        """
        features = pixels = pixels_to_channels(image)  # (batch, 4, height / 2, width / 2)
        skips = []
        for level, encode in enumerate(self.encoder):
            features = encode(F.max_pool2d(features, 2) if level else features)
            skips.append(features)  # (batch, channels[level], height / 2**(level + 1), ...)
        for up, decode, skip in zip(
            reversed(self.up), reversed(self.decoder), reversed(skips[:-1])
        ):
            features = decode(torch.cat([skip, up(features)], dim=1))
        return channels_to_pixels(self.last(torch.cat([features, pixels], dim=1)))


def pixels_to_channels(image: torch.Tensor) -> torch.Tensor:
    """(batch, 1, height, width) -> (batch, 4, height / 2, width / 2), channels last;
    F.pixel_unshuffle, which hands an empty batch back as it is.
    """
    height, width = image.shape[-2] // 2, image.shape[-1] // 2
    return (
        image.reshape(len(image), height, 2, width, 2)
        .permute(0, 1, 3, 2, 4)
        .reshape(len(image), height, width, 4)
        .permute(0, 3, 1, 2)
    )


def channels_to_pixels(channels: torch.Tensor) -> torch.Tensor:
    """Way back of `pixels_to_channels`; F.pixel_shuffle, which takes 3 ms of a training step where
    channels are last.
    """
    height, width = channels.shape[-2:]
    return (
        channels.permute(0, 2, 3, 1)
        .reshape(len(channels), height, width, 2, 2)
        .permute(0, 1, 3, 2, 4)
        .reshape(len(channels), 1, 2 * height, 2 * width)
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, each with its normalisation, and an identity shortcut around them; a
    1x1 convolution where the channels change.

    Source: He 2016, figure 2, with the projection of equation 2.
    """

    def __init__(self, before: int, after: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(before, after, 3, padding=1, bias=False),
            BatchNorm2d(after),
            nn.ReLU(inplace=True),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            BatchNorm2d(after),
        )
        same = before == after
        self.shortcut = nn.Identity() if same else nn.Conv2d(before, after, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch, before, h, w) -> (batch, after, h, w)."""
        return F.relu(self.convolutions(features) + self.shortcut(features), inplace=True)


def allocate(module: nn.Module) -> None:
    """Brings a module's own weights and buffers from the meta device to memory, as `to_empty` does,
    which imports SymPy for it.
    """
    for name, weight in module.named_parameters(recurse=False):
        setattr(module, name, nn.Parameter(torch.empty(weight.shape)))
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws a layer's initial weights from `generator`."""
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, BatchNorm2d):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
        module.reset_running_stats()


class BatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d in a single process and outside training; else the statistics are those of all
    processes' parts together.

    PyTorch's own SyncBatchNorm works on GPUs alone. Source: Zhang 2018 (Context Encoding), section
    3.3.
    """

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> the same shape; a part may be empty as long as the
        whole is not.
        """
        if processes() == 1 or not self.training:
            return super().forward(features)
        values = features.float()  # sums over a batch need more than bfloat16
        count = values.new_tensor([values[:, 0].numel()])
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        # The running mean lies near the mean and is the same in all processes; moments around it
        # lose fewer digits.
        centred = values - self.running_mean[:, None, None]
        sums = all_reduce(
            torch.cat([centred.sum((0, 2, 3)), centred.square().sum((0, 2, 3)), count])
        )
        offset, square = (sums[:-1] / sums[-1]).chunk(2)
        var = square - offset.square()
        scale = self.weight * (var + self.eps).rsqrt()
        normalised = centred * scale[:, None, None] + (self.bias - offset * scale)[:, None, None]
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean += self.momentum * offset
            self.running_var.lerp_(var * sums[-1] / (sums[-1] - 1), self.momentum)
        return normalised.to(features.dtype)
