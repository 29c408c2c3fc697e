"""The U-Net over many images, as many at once as the memory holds."""

from __future__ import annotations

import sys

import torch

from dcase_denoise_plugin.denoising.unet import UNet

# More gain nothing on a CPU; a clip of 10 minutes has 168.
IMAGES_AT_ONCE = 32


class Prediction:
    """The output of `network` on its `device`; after a call that the GPU's memory did not hold,
    fewer images at once.
    """

    def __init__(self, network: UNet, device: torch.device):
        self._network, self._device, self._at_once = network, device, IMAGES_AT_ONCE

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(images, 1, height, width) in and out."""
        while True:
            at_once = self._at_once
            try:
                return torch.cat([self._network(some) for some in images.split(at_once)])
            except torch.OutOfMemoryError:
                if at_once == 1:
                    raise
                self._at_once = min(at_once, len(images)) // 2 or 1
                print(
                    f"denoiser: {self._device} has no memory for {min(at_once, len(images))} images"
                    f" at once; goes on with {self._at_once}",
                    file=sys.stderr,
                    flush=True,
                )
