"""Reconstruction losses between scaled images, by their ``denoise_loss`` name."""
from __future__ import annotations

import torch
import torch.nn.functional as F

SSIM_PIXELS = 7


def reconstruction_loss(name: str, image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Loss between scaled images (batch, 1, height, width) by its ``denoise_loss`` name."""
    if name == "mse":
        return F.mse_loss(image, target)
    if name == "l1":
        return F.l1_loss(image, target)
    return F.mse_loss(image, target) + F.l1_loss(image, target) + 1 - structural_similarity(image, target)


def structural_similarity(image: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Mean SSIM over 7x7 windows, at most 1. Source: Wang 2004, eq. 13, with a flat window; scaled images span about 6 (three deviations either way)."""
    def mean(picture):
        return F.avg_pool2d(picture, SSIM_PIXELS, stride=1)

    c1, c2 = (0.01 * 6) ** 2, (0.03 * 6) ** 2
    mean_x, mean_y = mean(image), mean(target)
    var_x, var_y, cov = mean(image**2) - mean_x**2, mean(target**2) - mean_y**2, mean(image * target) - mean_x * mean_y
    return ((2 * mean_x * mean_y + c1) * (2 * cov + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean()
