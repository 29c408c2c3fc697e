"""The recipe: of every ten pairs a clip, seven noisy -> noisy (same clip, two independent noise draws) and three original -> original."""
from __future__ import annotations

from typing import Iterator

import numpy as np
import torch

from dcase_denoise_plugin.clips import Clips
from dcase_denoise_plugin.config import DenoiseConfig
from dcase_denoise_plugin.noise import NoiseSource, gain_at_snr
from dcase_denoise_plugin.spectrogram import ImageFormat, Scaling


def generator_for(seed: int, *place: int) -> torch.Generator:
    """A generator that depends on nothing but the seed and the place (such as the epoch) it is for, so that a resumed run draws what it would have drawn."""
    state = np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) // 2)  # torch takes 63 bits


class Pairs:
    """Training pairs, made while they are used; nothing is stored.

    Noise is added to the complex STFT, where adding is exact, and both sides are turned into scaled images afterwards.
    An original -> original pair has the clip itself on both sides and teaches the network to leave a recording as it is.
    """

    def __init__(self, clips: Clips, noise: NoiseSource, scaling: Scaling, images: ImageFormat, config: DenoiseConfig):
        self.clips, self.noise, self.scaling, self.images, self.config = clips, noise, scaling, images, config

    def __len__(self) -> int:
        """Pairs in an epoch."""
        return len(self.clips) * self.config.pairs_per_clip

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (input, target) images, each (batch, 1, height, width)."""
        order, noisy = schedule(len(self.clips), self.config.pairs_per_clip, self.config.noisy_pair_share, generator)
        for clips, is_noisy in zip(order.split(self.config.batch_size), noisy.split(self.config.batch_size)):
            first, second = self.specs(clips.tolist(), is_noisy, generator)
            yield self._image(first), self._image(second)

    def specs(self, clips: list[int], noisy: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides of the pairs of these clips: twice (batch, bins, tile_frames) complex64; `noisy` (batch,) bool says which pairs get noise."""
        frames = self.images.tile_frames
        starts = torch.randint(self.clips.frames - frames + 1, (len(clips),), generator=generator).tolist()
        clean = torch.stack([self.clips[clip].mT[start:start + frames] for clip, start in zip(clips, starts)]).mT
        return self._with_noise(clean, clips, noisy, generator), self._with_noise(clean, clips, noisy, generator)

    def _image(self, spec):
        return self.images.image(self.scaling.scaled(self.clips.spectrogram.level_db(spec)))

    def _with_noise(self, clean, clips, noisy, generator):
        noise = self.noise.draw(clips, clean.shape[-1], generator)
        low, high = self.config.snr_db_min, self.config.snr_db_max
        snr_db = low + (high - low) * torch.rand(len(clips), generator=generator)
        gain = gain_at_snr(clean, noise, snr_db.to(clean.device)) * noisy.to(clean.device)
        return torch.addcmul(clean, noise, gain[:, None, None].to(noise.dtype))


def schedule(clips: int, pairs_per_clip: int, noisy_share: float, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Clip index and kind (True: noisy) of each pair of an epoch, shuffled; every clip comes `pairs_per_clip` times and gets its share of noisy pairs."""
    order = torch.randperm(clips, generator=generator).repeat_interleave(pairs_per_clip)
    # Rounding the running count spreads the noisy pairs evenly: 7 of every 10 in a row for a share of 0.7.
    count = torch.floor(torch.arange(len(order) + 1, dtype=torch.float64) * noisy_share + 1e-6)
    shuffle = torch.randperm(len(order), generator=generator)
    return order[shuffle], (count.diff() > 0)[shuffle]
