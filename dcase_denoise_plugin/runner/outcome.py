"""The outcome of a call as JSON, for machines: docs/json.md describes every key."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import click

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.checkout.machine_run import STEPS, MachineRun
from dcase_denoise_plugin.checkout.run_record import seconds_of
from dcase_denoise_plugin.errors import DenoiseError
from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.screen_table import OVERALL, entries
from dcase_denoise_plugin.runner.summary import Summary

FORMAT = 1


@contextlib.contextmanager
def written_as_json(write: Callable[[str], None] | None) -> Iterator[dict[str, Any]]:
    """An outcome to fill in, written at the end, whatever the end is, if there is a `write`."""
    outcome: dict[str, Any] = {
        "format": FORMAT,
        "plugin_version": __version__,
        "status": "error",
        "exit_code": 1,
        "error": None,
        "title": None,
        "dataset": None,
        "mode": None,
        "baseline": None,
        "machines": [],
        "without_clips": [],
        "runs": [],
        "results": [],
        "without_truth": [],
        "places": [],
    }
    try:
        yield outcome
        outcome |= {"status": "finished", "exit_code": 0}
    except SystemExit as end:
        outcome |= {"status": "failed", "exit_code": end.code}
        raise
    except KeyboardInterrupt:
        outcome |= {"status": "interrupted", "exit_code": 130}
        raise
    except (DenoiseError, OSError, click.ClickException) as error:
        outcome |= {
            "exit_code": 2,
            "error": error.message if isinstance(error, click.ClickException) else str(error),
        }
        raise
    finally:
        if write:
            write(json.dumps(outcome, indent=1, allow_nan=False))


def described(
    runs: Sequence[MachineRun], failed: Mapping[MachineRun, Exception]
) -> list[dict[str, Any]]:
    """What became of each run."""
    return [
        {
            "machine": run.machine,
            "seed": run.seed,
            "arm": run.arm,
            "status": "failed" if run in failed else "finished",
            "error": str(failed[run]) if run in failed else None,
            "log": str(run.log),
            "seconds": None if run in failed else {step: seconds_of(run, step) for step in STEPS},
        }
        for run in runs
    ]


def reported(summary: Summary) -> dict[str, Any]:
    """What the end of the call has said."""
    return {
        "results": results(summary.comparisons),
        "without_truth": summary.without_truth,
        "places": [{"what": kind, "path": str(path)} for kind, path in summary.places],
    }


def results(comparisons: Sequence[Comparison]) -> list[dict[str, Any]]:
    """Every entry of the tables, in percent."""
    return [
        {
            "score": comparison.score,
            "machine": None if entry.machine == OVERALL else entry.machine,
            "arm": entry.arm,
            "metric": entry.metric,
            "by_seed": {str(seed): _number(value) for seed, value in entry.by_seed.items()},
            "mean": _number(entry.mean),
            "standard_deviation": _number(entry.deviation),
        }
        for comparison in comparisons
        for entry in entries(comparison)
    ]


def _number(value: float | None) -> float | None:
    """JSON has no word for what is not a number."""
    return value if value is not None and math.isfinite(value) else None
