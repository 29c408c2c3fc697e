"""Generators of the stage's own, and the global random streams handed back as they were: the
baseline's data split and weights hang on them.
"""

from __future__ import annotations

import enum

import numpy as np
import torch


class Place(enum.IntEnum):
    """Places in the seed's tree of generators, one for each thing that the stage draws. Their
    numbers stay: others would be other denoisers.
    """

    WEIGHTS = 0
    NOISE = 1
    EPOCHS = 2  # with the epoch behind it, from 0 on
    # 3 was that of the domain equaliser, which is gone.
    HELD_OUT = 4
    # 5 was that of stand-ins for training clips, which are gone.


def generator_for(seed: int, *place: int) -> torch.Generator:
    """A generator that depends on nothing but the seed and the place (such as the epoch) it is for,
    so that a resumed run draws what it would have drawn.
    """
    state = np.random.SeedSequence(seed, spawn_key=place).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state) // 2)  # torch takes 63 bits
