"""The baseline's own functions behind the wrappers, and whether they are those that are known."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

from baseline_patches import baselines
from dcase_denoise_plugin.errors import BaselineError, DenoiseError, error_line

Function = Callable[..., Any]
REMEDY = f"Use a supported baseline ({', '.join(baselines.FINGERPRINTS)}) or set denoise: false."
ORIGINALS: dict[str, Function] = {}  # seam → the baseline's own function


def check_seams() -> dict:
    """Family, fingerprints and warning of the baseline in memory, for the receipt.

    Raises
    ------
    BaselineError
        If a seam is missing, or lacks a parameter that the stage relies on.
    """
    found = {}
    for seam in (*baselines.SEAMS, *baselines.WATCHED):
        try:
            function = ORIGINALS.get(seam) or getattr(*baselines.resolve(seam, sys.modules))
        except (KeyError, AttributeError):
            raise BaselineError(
                f"baseline: expected {seam.replace(':', '.')}, got a baseline without it in"
                f" {os.getcwd()}. {REMEDY}"
            ) from None
        lacking = set(baselines.SEAMS.get(seam, ())) - set(inspect.signature(function).parameters)
        if lacking:
            raise BaselineError(
                f"baseline: expected {seam.replace(':', '.')} to take {', '.join(sorted(lacking))},"
                f" got a changed one in {os.getcwd()}. {REMEDY}"
            )
        found[seam] = baselines.fingerprint(function)
    family = baselines.family_of(found)
    warning = (
        None
        if family
        else "unknown baseline source whose signatures fit: the plugin was not tested on it"
    )
    return {"family": family, "warning": warning, "fingerprints": found}


def stops_the_run(function: Function) -> Function:
    """Turns the plugin's errors into one line on stderr and exit code 2."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except DenoiseError as error:
            if error.__cause__:  # of a user's method, say: one line does not find a bug in it
                traceback.print_exception(error.__cause__)
            print(error_line(error), file=sys.stderr, flush=True)
            raise SystemExit(2) from error

    return wrapper
