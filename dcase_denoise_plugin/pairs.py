"""The recipe: of every ten pairs a clip, seven noisy -> noisy (same clip, two independent noise draws) and three original -> original."""
from __future__ import annotations

from typing import Iterator

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.clips import Clips
from dcase_denoise_plugin.config import DenoiseConfig
from dcase_denoise_plugin.machine_clips import MachineClips
from dcase_denoise_plugin.noise import NoiseSource, energy, gain_at_snr
from dcase_denoise_plugin.spectrogram import ImageFormat, Scaling

# The random frequency response bends at this many points along the rows: about one an octave third of a mel spectrogram.
RESPONSE_KNOTS = 24


class Pairs:
    """Training pairs, made while they are used; nothing is stored.

    Noise is added to the complex STFT, where adding is exact, and both sides are turned into scaled images afterwards.
    An original -> original pair has the clip itself on both sides and teaches the network to leave a recording as it is.
    Where there are recordings of the machine alone, some noisy pairs go from the machine under noise to the machine alone.
    """

    def __init__(self, clips: Clips, noise: NoiseSource, scaling: Scaling, images: ImageFormat, config: DenoiseConfig,
                 machine_clips: MachineClips | None = None):
        self.clips, self.noise, self.scaling, self.images, self.config, self.machine_clips = clips, noise, scaling, images, config, machine_clips

    def __len__(self) -> int:
        """Pairs in an epoch."""
        return len(self.clips) * self.config.pairs_per_clip

    def epoch(self, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches of (input, target) images, each (batch, 1, height, width)."""
        order, noisy = schedule(len(self.clips), self.config.pairs_per_clip, self.config.noisy_pair_share, generator)
        for clips, is_noisy in zip(order.split(self.config.batch_size), noisy.split(self.config.batch_size)):
            first, second = self.specs(clips.tolist(), is_noisy, generator)
            change_db = self.change_db(len(clips), generator)
            yield self._image(first, change_db), self._image(second, change_db)

    def specs(self, clips: list[int], noisy: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Both sides of the pairs of these clips: twice (batch, bins, tile_frames) complex64; `noisy` (batch,) bool says which pairs get noise."""
        frames = self.images.tile_frames
        starts = torch.randint(self.clips.frames - frames + 1, (len(clips),), generator=generator).tolist()
        clean = torch.stack([self.clips[clip].mT[start:start + frames] for clip, start in zip(clips, starts)]).mT
        other_side_noisy = noisy
        if self.machine_clips:
            clean, replaced = self.machine_clips.put_in(clean, noisy, generator)
            other_side_noisy = noisy & ~replaced
        first, second = self._with_noise(clean, clips, noisy, generator), self._other_side(clean, clips, other_side_noisy, generator)
        if self.config.level_match:
            gain = (energy(clean) / energy(first).clamp_min(1e-20)).sqrt()[:, None, None]
            first, second = first * gain, second * gain
        return first, second

    def change_db(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """What both sides of each of `count` pairs are raised by, (count, rows, 1) dB: levels and colours that the few clips do not have."""
        if not (self.config.level_jitter_db or self.config.response_jitter_db):
            return torch.zeros(count, 1, 1, device=self.scaling.mean_db.device)
        level = self.config.level_jitter_db * (2 * torch.rand(count, 1, 1, generator=generator) - 1)
        knots = self.config.response_jitter_db * torch.randn(count, 1, RESPONSE_KNOTS, generator=generator)
        response = F.interpolate(knots, self.clips.spectrogram.rows, mode="linear", align_corners=True)
        return (level + response).mT.to(self.scaling.mean_db.device)

    def _image(self, spec, change_db):
        return self.images.image(self.scaling.scaled(self.clips.spectrogram.level_db(spec) + change_db))

    def _other_side(self, clean, clips, noisy, generator):
        if self.config.pairing == "to_original":
            return clean
        if self.config.pairing == "different_clips":
            others = torch.randint(len(self.clips), (len(clips),), generator=generator).tolist()
            frames = clean.shape[-1]
            starts = torch.randint(self.clips.frames - frames + 1, (len(clips),), generator=generator).tolist()
            strangers = torch.stack([self.clips[clip].mT[start:start + frames] for clip, start in zip(others, starts)]).mT
            clean = torch.where(noisy.to(clean.device)[:, None, None], strangers, clean)
        return self._with_noise(clean, clips, noisy, generator)

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
