"""Domains in balance: a training split has ten target clips beside hundreds of source ones, and the autoencoder learns what it sees often."""
from __future__ import annotations

from pathlib import Path
from typing import Iterable

import torch

from dcase_denoise_plugin.random_streams import Place, generator_for

SOURCE_MARK, TARGET_MARK = "_source_", "_target_"


def stand_ins(train_files: Iterable[Path], target_share: float, seed: int) -> dict[str, str]:
    """Source clip → the target clip that is handed over in its place, by name, so that `target_share` of the training clips are of the target domain.

    Which source clips give way is drawn; the target clips take turns. None gives way where the share is reached already or a domain has no clips.
    """
    names = [file.name for file in train_files]
    source, target = ([name for name in names if mark in name] for mark in (SOURCE_MARK, TARGET_MARK))
    lacking = min(round(target_share * len(names)) - len(target), len(source)) if target else 0
    drawn = torch.randperm(len(source), generator=generator_for(seed, Place.BALANCE))[:max(lacking, 0)]
    return {source[giving_way]: target[turn % len(target)] for turn, giving_way in enumerate(drawn.tolist())}
