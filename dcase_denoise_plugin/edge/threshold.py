"""The baseline's decision threshold, from the score distribution that its training saved."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy._core.multiarray import scalar
from scipy.special import gammaincinv

from dcase_denoise_plugin.errors import BaselineError, first_line
from dcase_denoise_plugin.files import regular

# All that a pickled list of numbers needs; a pickle that names anything else could run code.
_NUMBERS = {
    ("numpy._core.multiarray", "scalar"): scalar,
    ("numpy.core.multiarray", "scalar"): scalar,
    ("numpy", "dtype"): np.dtype,
}


class _NumbersOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _NUMBERS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name}, which is no number") from None


def decision_threshold(distribution: Path, quantile: float) -> float:
    """The score above which the baseline decides for an anomaly.

    Parameters
    ----------
    distribution : the pickle of shape, location and scale that the baseline's training saved; read
        without running any of its code.
    quantile : the baseline's ``decision_threshold``.

    Raises
    ------
    BaselineError
        If the file is missing, damaged, or holds something else.
    """
    try:
        with open(regular(distribution), "rb") as stream:
            shape, location, scale = map(float, _NumbersOnly(stream).load())
        threshold = float(location + scale * gammaincinv(shape, quantile))
        if not math.isfinite(threshold):
            raise ValueError(f"{shape}, {location} and {scale}")
    except Exception as error:  # damaged bytes make the unpickler raise anything
        raise BaselineError(
            f"score distribution: expected three numbers of a distribution, got {first_line(error)}"
            f" in {distribution}. Train the autoencoder again."
        ) from None
    return threshold
