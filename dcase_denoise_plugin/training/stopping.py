"""Which epoch's weights are kept, by a rule that needs no number of any machine: how well known
detail survives against how much known noise goes.

A network that denoises too long takes the machine's own detail along with the noise. Both can be
watched on training clips alone: a tenth of the clips and of the noise is held out of the pairs, and
after every epoch the network is asked what it lets through of a change that is known, once of
detail put into a held-out clip, once of held-out noise added to it. The share of a change that
comes through is its projection on what was put in. A network that takes nothing (survival of detail
1, removal of noise 0) is the yardstick, and what is kept while no epoch is better.

*balance*: survival plus removal, less one, which is 0 for a network that takes nothing, 0 for one
that takes everything, and 1 for a perfect one. Source: Youden's index, Youden 1950.

*guard*: the noise that goes, among the epochs at which nine tenths of the detail's energy survive.
The number is what we ask of the stage itself (`benchmarks.survival`), on every machine.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch

from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.noise import CHANCES, NoiseSource, energy, gain_at_snr

# Every so many clips one is held out, and the same share of the noise.
ONE_IN = 10
# What is put in raises the level by this much: about the least that is heard in one band, far less
# than any noise that pairs add.
DETAIL_DB = 6.0
# A line and a band span this share of the rows: two mel bands and sixteen of 128; clicks last two
# frames and come four to an image.
LINE, BAND = 1 / 64, 1 / 8
CLICK_FRAMES, CLICKS = 2, 4
# Survival is a share of amplitude; nine tenths of the energy.
GUARDED = 0.9**0.5


def hold_out(
    clips: Clips, noise: NoiseSource
) -> tuple[tuple[Clips, NoiseSource], tuple[Clips, NoiseSource]]:
    """(clips, noise) that may train, and those held out. From the last clip backwards, so that the
    few target clips, which are last by name, give one too.
    """
    held = list(range(len(clips) - 1, -1, -ONE_IN))[::-1]
    trained = [index for index in range(len(clips)) if index not in held]
    training_noise, held_noise = noise.split(trained, held)
    return (clips.part(trained), training_noise), (clips.part(held), held_noise)


class Probe:
    """Held-out clips, each alone, with known detail and with known noise; the same ones after every
    epoch.
    """

    def __init__(
        self,
        clips: Clips,
        noise: NoiseSource,
        scaling: Scaling,
        images: ImageFormat,
        config: DenoiseConfig,
        generator: torch.Generator,
    ):
        self.images, self.batch_size = images, config.batch_size
        frames, chosen = images.tile_frames, torch.arange(len(clips))
        starts = torch.randint(clips.frames - frames + 1, (len(clips),), generator=generator)
        device = scaling.mean_db.device
        clean = clips.cut(chosen.to(device), starts.to(device), frames)
        added = noise.draw(
            chosen.to(device),
            frames,
            torch.rand(len(clips), CHANCES, generator=generator).to(device),
        )
        snr_db = config.snr_db_min + (config.snr_db_max - config.snr_db_min) * torch.rand(
            len(clips), generator=generator
        )
        noisy = clean + added * gain_at_snr(clean, added, snr_db.to(clean.device))[:, None, None]
        if config.level_match:
            noisy = noisy * (energy(clean) / energy(noisy).clamp_min(1e-20)).sqrt()[:, None, None]
        self.clean, self.noisy = (
            scaling.scaled(clips.spectrogram.level_db(spec)) for spec in (clean, noisy)
        )  # (clips, rows, tile_frames)
        self.details = [
            (DETAIL_DB / scaling.std_db * shape).to(self.clean)
            for shape in details(*self.clean.shape, generator)
        ]

    def balance(self, network: UNet) -> tuple[float, float]:
        """Survival of the detail and removal of the noise, as shares of what was put in."""
        alone = self._denoised(network, self.clean)

        def passed(changed):
            put_in = changed - self.clean
            return (
                (self._denoised(network, changed) - alone) * put_in
            ).sum().item() / put_in.square().sum().clamp_min(1e-20).item()

        survival = sum(passed(self.clean + detail) for detail in self.details) / len(self.details)
        return survival, 1 - passed(self.noisy)

    @torch.inference_mode()
    def _denoised(self, network, pictures):
        network.eval()
        return torch.cat(
            [
                part - self.images.picture(network(self.images.image(part)), part.shape[1])
                for part in pictures.split(self.batch_size)
            ]
        )


class BestEpoch:
    """The weights of the best epoch so far, by the rule that ``denoise_stopping`` names; of none
    while none is better than a network that takes nothing.
    """

    def __init__(self, rule: str, probe: Probe, network: UNet):
        self.rule, self.probe = rule, probe
        self.epoch, self.weights = 0, copy.deepcopy(network.state_dict())
        self.balances: list[tuple[float, float]] = []  # (survival, removal) after each epoch

    def look(self, network: UNet) -> str:
        """Measures the network after one more epoch, keeps its weights if they are the best, and
        says what was found.
        """
        survival, removal = self.probe.balance(network)
        self.balances.append((survival, removal))
        if epoch_by(self.rule, self.balances) == len(self.balances):
            self.epoch, self.weights = len(self.balances), copy.deepcopy(network.state_dict())
        return f"detail kept {survival:.3f}, noise removed {removal:.3f}, best epoch {self.epoch}"

    def state(self) -> dict[str, Any]:
        """What a resumed training needs."""
        return {"epoch": self.epoch, "weights": self.weights, "balances": self.balances}

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.weights, self.balances = (
            state["epoch"],
            state["weights"],
            state["balances"],
        )


def balance(survival: float, removal: float) -> float:
    """Above 0 where more of the noise goes than of the detail."""
    return survival + removal - 1


def guard(survival: float, removal: float) -> float:
    """Above 0 where noise goes and the detail survives."""
    return removal if survival >= GUARDED else 0.0


RULES = {"balance": balance, "guard": guard}


def epoch_by(rule: str, balances: Sequence[tuple[float, float]]) -> int:
    """The first of the best epochs, counted from 1, by (survival, removal) after each; 0 while none
    is better than a network that takes nothing.
    """
    values = [0.0, *(RULES[rule](*found) for found in balances)]
    return values.index(max(values))


def details(clips: int, rows: int, frames: int, generator: torch.Generator) -> list[torch.Tensor]:
    """Where detail is put in, 0 or 1: a line, a band and clicks, at places drawn for each clip;
    three times (clips, rows, frames).
    """
    shapes = []
    for share in (LINE, BAND):
        height = max(round(share * rows), 1)
        first = torch.randint(rows - height + 1, (clips, 1, 1), generator=generator)
        row = torch.arange(rows)[None, :, None]
        shapes.append(((row >= first) & (row < first + height)).float().expand(clips, rows, frames))
    starts = torch.randint(
        max(frames - CLICK_FRAMES + 1, 1), (clips, CLICKS, 1), generator=generator
    )
    frame = torch.arange(frames)
    clicks = ((frame >= starts) & (frame < starts + CLICK_FRAMES)).any(1)
    return [*shapes, clicks[:, None].float().expand(clips, rows, frames)]
