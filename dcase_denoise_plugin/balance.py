"""Domains in balance: a training split has ten target clips beside hundreds of source ones, and the autoencoder learns what it sees often."""
from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Iterable

import numpy as np
import torch

from dcase_denoise_plugin.random_streams import Place, generator_for

SOURCE_MARK, TARGET_MARK = "_source_", "_target_"


@dataclasses.dataclass(frozen=True)
class StandIn:
    """What is handed over in the place of a source clip: a target clip, its mean spectrum moved towards that clip's.

    Attributes
    ----------
    target : name of the target clip.
    way : how far it is moved, 0 (the target clip as it is) … 1 (to the source clip's mean spectrum).
    """

    target: str
    way: float

    def between(self, target: np.ndarray, source: np.ndarray) -> np.ndarray:
        """The stand-in's vectors from those of either clip: (frames, values) dB in, of the target's shape out."""
        return target + self.way * (source.mean(0) - target.mean(0))


def stand_ins(train_files: Iterable[Path], target_share: float, seed: int) -> dict[str, StandIn]:
    """What is handed over in the place of which source clip, by its name, so that `target_share` of the training clips are made of the target domain's.

    Which source clips give way is drawn, and how far each stand-in is moved; the target clips take turns. None gives way where the share is reached already
    or a domain has no clips.
    """
    names = [file.name for file in train_files]
    source, target = ([name for name in names if mark in name] for mark in (SOURCE_MARK, TARGET_MARK))
    lacking = min(round(target_share * len(names)) - len(target), len(source)) if target else 0
    generator = generator_for(seed, Place.BALANCE)
    drawn = torch.randperm(len(source), generator=generator)[:max(lacking, 0)].tolist()
    ways = torch.rand(len(drawn), generator=generator).tolist()
    return {source[giving_way]: StandIn(target[turn % len(target)], way) for turn, (giving_way, way) in enumerate(zip(drawn, ways))}
