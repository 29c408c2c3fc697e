"""The pairs that a denoiser learns from: of each clip so many, some with noise on one side or both,
the others a clip twice.

How many there are, which share of them is noisy, and what stands on the other side of a noisy one
(the clip under another draw of noise, the clip itself, another clip) is the configuration's; seven
of ten under two draws, three of ten a clip twice, is the published recipe.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
import torch.nn.functional as F

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.machine_clips import MachineClips
from dcase_denoise_plugin.sound.noise import CHANCES, NoiseSource, energy, gain_at_snr

# The random frequency response bends at this many points along the rows: about one an octave third
# of a mel spectrogram.
RESPONSE_KNOTS = 24
# Both sides of a matched pair are raised alike: by up to so much in level, and by a random smooth
# frequency response of this standard deviation.
LEVEL_JITTER_DB = 5.0
RESPONSE_JITTER_DB = 3.0


@dataclasses.dataclass(frozen=True)
class Draws:
    """Everything random about a number of pairs, pair by pair: any part of them, on any device and
    in any process, becomes the same pairs.

    Attributes
    ----------
    clips, others : (pairs,) indices of the clip, and of the other clip where ``denoise_pairing`` is
        different_clips.
    starts, other_starts : (pairs,) frames at which they are cut.
    noisy : (pairs,) bool, whether the pair gets noise.
    alone : (pairs, 1 + CHANCES) uniform in [0, 1), whether a recording of the machine alone takes
        the clip's place, and which.
    noise : (pairs, 2, CHANCES) uniform in [0, 1), which noise each side gets.
    snr : (pairs, 2) uniform in [0, 1), where in the SNR range each side lies.
    level : (pairs, 1, 1) uniform in [-1, 1), the change of level.
    response : (pairs, 1, RESPONSE_KNOTS) standard normal, the change of the frequency response.
    """

    clips: torch.Tensor
    others: torch.Tensor
    starts: torch.Tensor
    other_starts: torch.Tensor
    noisy: torch.Tensor
    alone: torch.Tensor
    noise: torch.Tensor
    snr: torch.Tensor
    level: torch.Tensor
    response: torch.Tensor

    @classmethod
    def from_generator(
        cls,
        clips: torch.Tensor,
        noisy: torch.Tensor,
        of_clips: int,
        starts: int,
        generator: torch.Generator,
    ) -> Draws:
        """Draws for pairs of these `clips`, out of `of_clips`, each cut at one of `starts`
        frames.
        """
        pairs = len(clips)
        return cls(
            clips,
            torch.randint(of_clips, (pairs,), generator=generator),
            torch.randint(starts, (pairs,), generator=generator),
            torch.randint(starts, (pairs,), generator=generator),
            noisy,
            torch.rand(pairs, 1 + CHANCES, generator=generator),
            torch.rand(pairs, 2, CHANCES, generator=generator),
            torch.rand(pairs, 2, generator=generator),
            2 * torch.rand(pairs, 1, 1, generator=generator) - 1,
            torch.randn(pairs, 1, RESPONSE_KNOTS, generator=generator),
        )

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, part: slice) -> Draws:
        return self._each(lambda drawn: drawn[part])

    def to(self, device: torch.device) -> Draws:
        return self._each(lambda drawn: drawn.to(device))

    def copy(self) -> Draws:
        return self._each(torch.clone)

    def take_over(self, other: Draws) -> None:
        """Writes as many other draws in the places of these."""
        for field in dataclasses.fields(self):
            getattr(self, field.name).copy_(getattr(other, field.name))

    def _each(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Draws:
        return Draws(*(function(getattr(self, field.name)) for field in dataclasses.fields(self)))


class Pairs:
    """Training pairs, made while they are used, on the clips' device; nothing is stored.

    Noise is added to the complex STFT, where adding is exact, and both sides are turned into scaled
    images afterwards. An original -> original pair has the clip itself on both sides and teaches
    the network to leave a recording as it is. Where there are recordings of the machine alone, some
    noisy pairs go from the machine under noise to the machine alone.
    """

    def __init__(
        self,
        clips: Clips,
        noise: NoiseSource,
        scaling: Scaling,
        images: ImageFormat,
        config: DenoiseConfig,
        machine_clips: MachineClips | None = None,
    ):
        self.clips, self.noise, self.machine_clips = clips, noise, machine_clips
        self.scaling, self.images, self.config = scaling, images, config
        # The network then sees levels that it will meet, and learns to take the noise's share away.
        self.is_matched = config.pairing == "to_original"

    def __len__(self) -> int:
        """Pairs in an epoch."""
        return len(self.clips) * self.config.pairs_per_clip

    def draws(self, generator: torch.Generator) -> Draws:
        """Those of an epoch, drawn on the CPU and brought to the clips' device at once, so that no
        batch waits for the CPU.
        """
        order, noisy = schedule(
            len(self.clips), self.config.pairs_per_clip, self.config.noisy_pair_share, generator
        )
        starts = self.clips.frames - self.images.tile_frames + 1
        return Draws.from_generator(order, noisy, len(self.clips), starts, generator).to(
            self.scaling.mean_db.device
        )

    def batch(self, drawn: Draws) -> tuple[torch.Tensor, torch.Tensor]:
        """(input, target) images of these pairs, each (batch, 1, height, width)."""
        clean, first, second = self.specs(drawn)
        change_db = self.change_db(drawn)
        if self.is_matched:
            change_db = change_db + match_db(clean, first)
        return self._image(first, change_db), self._image(second, change_db)

    def specs(self, drawn: Draws) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The clips and both sides of their pairs: three times (batch, bins, tile_frames)
        complex64.
        """
        clean, other = self.clips.cut(drawn.clips, drawn.starts, self.images.tile_frames), drawn
        if self.machine_clips:
            clean, replaced = self.machine_clips.put_in(clean, drawn.noisy, drawn.alone)
            other = dataclasses.replace(drawn, noisy=drawn.noisy & ~replaced)
        return clean, self._with_noise(clean, drawn, 0), self._other_side(clean, other)

    def change_db(self, drawn: Draws) -> torch.Tensor:
        """What both sides of each pair are raised by, (batch, rows, 1) dB.

        Levels and colours that the few clips do not have, where the pairs are matched; else 0.
        """
        rows = self.clips.spectrogram.rows
        response = F.interpolate(drawn.response, rows, mode="linear", align_corners=True)
        changed_db = LEVEL_JITTER_DB * drawn.level + RESPONSE_JITTER_DB * response
        return (changed_db if self.is_matched else torch.zeros_like(changed_db)).mT

    def _image(self, spec: torch.Tensor, change_db: torch.Tensor) -> torch.Tensor:
        return self.images.image(
            self.scaling.scaled(self.clips.spectrogram.level_db(spec) + change_db)
        )

    def _other_side(self, clean: torch.Tensor, drawn: Draws) -> torch.Tensor:
        if self.config.pairing == "to_original":
            return clean
        if self.config.pairing == "different_clips":
            strangers = self.clips.cut(drawn.others, drawn.other_starts, clean.shape[-1])
            clean = torch.where(drawn.noisy[:, None, None], strangers, clean)
        return self._with_noise(clean, drawn, 1)

    def _with_noise(self, clean: torch.Tensor, drawn: Draws, side: int) -> torch.Tensor:
        noise = self.noise.draw(drawn.clips, clean.shape[-1], drawn.noise[:, side])
        low, high = self.config.snr_db_min, self.config.snr_db_max
        gain = gain_at_snr(clean, noise, low + (high - low) * drawn.snr[:, side]) * drawn.noisy
        return torch.addcmul(clean, noise, gain[:, None, None].to(noise.dtype))


def match_db(clean: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """What brings the first side to the clip's level, and the second along with it, (batch, 1, 1)
    dB; added to levels, it saves a pass over the spectra.
    """
    return (
        10
        * (energy(clean).clamp_min(1e-20) / energy(first).clamp_min(1e-20)).log10()[:, None, None]
    )


def schedule(
    clips: int, pairs_per_clip: int, noisy_share: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Clip index and kind (True: noisy) of each pair of an epoch, shuffled; every clip comes
    `pairs_per_clip` times and gets its share of noisy pairs.
    """
    order = torch.randperm(clips, generator=generator).repeat_interleave(pairs_per_clip)
    # Rounding the running count spreads the noisy pairs evenly: 7 of every 10 in a row for a share
    # of 0.7.
    count = torch.floor(torch.arange(len(order) + 1, dtype=torch.float64) * noisy_share + 1e-6)
    shuffle = torch.randperm(len(order), generator=generator)
    return order[shuffle], (count.diff() > 0)[shuffle]
