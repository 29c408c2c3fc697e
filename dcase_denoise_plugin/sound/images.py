"""The images that the U-Net sees: levels scaled by training-set statistics, cut or resized, and the
way back.
"""

from __future__ import annotations

import dataclasses
import math

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.errors import ConfigError

# One image spans at most this many frames per pixel; 1.6 covers a 12 s clip (376 frames) with 256
# pixels, as published. Longer clips become tiles.
FRAMES_PER_PIXEL = 1.6
# An image of native size spans at most this many frames, 4 s at the baseline's settings, so that a
# training step costs the same for clips of any length.
NATIVE_FRAMES = 128


@dataclasses.dataclass(frozen=True)
class Scaling:
    """Training-set statistics that bring levels to the U-Net's range and back; never those of a
    single clip, which would erase its absolute level.

    Attributes
    ----------
    mean_db : (rows, 1) float32, mean level of each row over the training clips.
    std_db : one standard deviation around `mean_db` for all rows, in dB.
    """

    mean_db: torch.Tensor
    std_db: float

    @classmethod
    def neutral(cls, rows: int) -> Scaling:
        """The one that leaves `rows` rows as they are, where no network sees them."""
        return cls(torch.zeros(rows, 1), 1.0)

    def scaled(self, level_db: torch.Tensor) -> torch.Tensor:
        """Levels as the U-Net sees them: (..., rows, frames) dB -> the same shape, about 0 ± 1."""
        return (level_db - self.mean_db) / self.std_db

    def difference_db(self, scaled: torch.Tensor) -> torch.Tensor:
        """Way back for a difference of two scaled levels, such as a residual; the means cancel."""
        return scaled * self.std_db

    def to(self, device: torch.device) -> Scaling:
        return Scaling(self.mean_db.to(device), self.std_db)


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """How a picture of any number of frames becomes square images of `size` pixels, and comes back.

    Attributes
    ----------
    size : side of the image; 0 keeps the native size (rows x tile_frames), padded to a multiple of
        `multiple`.
    multiple : the U-Net takes sides that are multiples of this.
    tile_frames : frames that one image spans, the same in training and afterwards, so that the
        U-Net sees one time scale.
    """

    size: int
    multiple: int
    tile_frames: int

    @classmethod
    def for_clips(cls, image_size: int, depth: int, clip_frames: int) -> ImageFormat:
        """The format for training clips of `clip_frames` frames: a whole clip an image, as
        published, as long as it is not squeezed too much.
        """
        return cls(
            image_size,
            2**depth,
            min(clip_frames, round(FRAMES_PER_PIXEL * image_size) if image_size else NATIVE_FRAMES),
        )

    def check(self, rows: int) -> None:
        """Raises ConfigError if the U-Net would halve an image of so many rows to a single
        pixel.
        """
        side = self.size or max(rows, self.tile_frames)
        if side <= self.multiple:
            raise ConfigError(
                f"denoise_depth: expected images of more than 2**denoise_depth ({self.multiple})"
                f" pixels, got {side}. Lower denoise_depth."
            )

    def image(self, picture: torch.Tensor) -> torch.Tensor:
        """(batch, rows, tile_frames) -> (batch, 1, size, size), or padded to native size."""
        picture = picture[:, None]
        if self.size:
            return F.interpolate(picture, (self.size, self.size), mode="bilinear")
        return F.pad(
            picture,
            (0, -picture.shape[-1] % self.multiple, 0, -picture.shape[-2] % self.multiple),
            mode="replicate",
        )

    def picture(self, image: torch.Tensor, rows: int) -> torch.Tensor:
        """Way back of `image`: (batch, 1, height, width) -> (batch, rows, tile_frames)."""
        if self.size:
            return F.interpolate(image, (rows, self.tile_frames), mode="bilinear")[:, 0]
        return image[:, 0, :rows, : self.tile_frames]

    def tiles(self, picture: torch.Tensor) -> torch.Tensor:
        """Cuts (rows, frames) into overlapping (tiles, rows, tile_frames); a shorter picture is
        padded with its last frame.
        """
        if picture.shape[-1] < self.tile_frames:
            return F.pad(picture[None], (0, self.tile_frames - picture.shape[-1]), mode="replicate")
        return torch.stack(
            [
                picture[:, start : start + self.tile_frames]
                for start in self._starts(picture.shape[-1])
            ]
        )

    def join(self, tiles: torch.Tensor, frames: int) -> torch.Tensor:
        """Way back of `tiles`: cross-fades (tiles, rows, tile_frames) into (rows, frames)."""
        if len(tiles) == 1:
            return tiles[0, :, :frames]
        fade = self.fade(tiles)
        joined, weight = tiles.new_zeros(tiles.shape[1], frames), tiles.new_zeros(frames)
        for start, tile in zip(self._starts(frames), tiles):
            joined[:, start : start + self.tile_frames] += tile * fade
            weight[start : start + self.tile_frames] += fade
        return joined / weight

    def fade(self, like: torch.Tensor) -> torch.Tensor:
        """How much each frame of a tile counts where tiles overlap: (tile_frames,), of the device
        and type of `like`.
        """
        ramp = torch.arange(1, self.tile_frames + 1, device=like.device, dtype=like.dtype)
        return torch.minimum(ramp, ramp.flip(0))

    @property
    def step_frames(self) -> int:
        """Furthest that a tile may start after the one before: they overlap by at least an
        eighth.
        """
        return max(self.tile_frames * 7 // 8, 1)

    def _starts(self, frames: int) -> list[int]:
        """First frames of tiles that cover `frames` evenly, at most `step_frames` apart."""
        count = max(1, math.ceil((frames - self.tile_frames) / self.step_frames) + 1)
        return [
            round(index * (frames - self.tile_frames) / max(count - 1, 1)) for index in range(count)
        ]
