"""Generators of the stage's own: the baseline's data split and weights hang on the global ones."""

from __future__ import annotations

import enum

import numpy as np
import torch


class Purpose(enum.IntEnum):
    """What the stage draws; each has a generator of its own. Other numbers, other denoisers."""

    WEIGHTS = 0
    NOISE = 1
    EPOCHS = 2  # with the epoch behind it, from 0 on


def generator_for(seed: int, *purpose: int) -> torch.Generator:
    """A generator that depends on the seed and the purpose alone.

    A resumed run draws what it would have drawn. `purpose` may go on with the epoch.
    """
    state = np.random.SeedSequence(seed, spawn_key=purpose).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) // 2)  # torch takes 63 bits
