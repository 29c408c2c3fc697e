import random

import numpy as np
import pytest
import torch

from dcase_denoise_plugin.process import untouched_random_streams


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


def seeded():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)


def test_what_is_drawn_inside_does_not_show_outside():
    seeded()
    expected = draws()
    seeded()
    with untouched_random_streams():
        draws()
    assert draws() == expected


def test_an_error_inside_hands_the_streams_back_too():
    seeded()
    expected = draws()
    seeded()
    with pytest.raises(ValueError), untouched_random_streams():
        draws()
        raise ValueError
    assert draws() == expected
