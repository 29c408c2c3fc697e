"""Runs handed to a cluster through submitit: each is a job, a preempted one goes on from its last
finished step. Imported only where a cluster is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.overrides import import_method
from dcase_denoise_plugin.checkout.run_record import finished_runs
from dcase_denoise_plugin.errors import ConfigError, DenoiseError, RunError, one_line
from dcase_denoise_plugin.process import log_to_stdout
from dcase_denoise_plugin.runner.runner import refuse_unfit, run_all
from dcase_denoise_plugin.settings.sources import split

submitit: Any
Checkpointable: Any
try:
    import submitit
    from submitit.helpers import Checkpointable
except ImportError:
    submitit, Checkpointable = None, object

# submitit's own default of 5 minutes would end every run; partitions that allow less say so when
# the job is handed in.
TIMEOUT_MIN = 12 * 60
LONGEST_REASON = 300
logger = logging.getLogger(__name__)


class Job(Checkpointable):
    """One run as submitit calls it, on whatever node; preempted, it is handed in again and skips
    its finished steps.
    """

    def __call__(self, run: MachineRun, after: Callable[[MachineRun], None] | None) -> str:
        """Runs all steps, with what is said in the job's log; returns what failed, or nothing."""
        log_to_stdout()
        import_method(run.plan.config.method, run.plan.baseline)
        return "; ".join(map(str, run_all([run], 1, after=after).values()))


def run_on_cluster(
    runs: Iterable[MachineRun],
    cluster: str,
    parameters: Iterable[str],
    folder: Path,
    after: Callable[[MachineRun], None] | None = None,
) -> dict[MachineRun, DenoiseError]:
    """Hands in all of `runs` that are not finished, waits for them, and returns those that failed,
    with the reason.

    Parameters
    ----------
    cluster : "slurm", or "local" for processes of this machine.
    parameters : ``key=value`` of submitit's executor, such as ``slurm_partition=gpu``.
    folder : where submitit keeps scripts and logs; every node must see it, and the checkout.
    after : called with each run that is finished, on its node.

    Raises
    ------
    RunError
        If the cluster cannot be used from here.
    DataError, AudioError
        As `run_all` does.
    ConfigError
        If submitit is not installed, or a parameter is not ``key=value`` or unknown to submitit.
    """
    if submitit is None:
        raise ConfigError(
            "--cluster: expected the package submitit, got an environment without it. "
            "Install it in a clone of this plugin: pip install '.[cluster]'"
        )
    runs = list(runs)
    refuse_unfit(runs)
    done = finished_runs(runs)
    waiting = [run for run in runs if run not in done]
    options = {"timeout_min": TIMEOUT_MIN, **_parsed(parameters)}
    try:
        executor = submitit.AutoExecutor(folder, cluster=cluster)
        executor.update_parameters(name="dcase-denoise", **options)
    except (RuntimeError, ValueError, AssertionError) as error:
        raise RunError(
            f"--cluster {cluster}: expected a cluster that can be used from here, got:"
            f" {_said(error)} Name slurm or local."
        ) from None
    except (TypeError, NameError) as error:
        raise ConfigError(
            f"--cluster-set: expected parameters of submitit's executor, got: {_said(error)}"
            " Correct the name."
        ) from None
    jobs = {}
    if waiting:  # submitit warns of an empty batch
        with executor.batch():
            jobs = {run: executor.submit(Job(), run, after) for run in waiting}
    logger.info(f"{len(jobs)} runs handed to {cluster}; scripts and logs in {folder}")
    failed: dict[MachineRun, DenoiseError] = {}
    for run, job in jobs.items():
        try:
            reason = job.result()
        except Exception as error:  # whatever ended the job, the others are waited for
            reason = (
                f"{run}: expected the job to end well, got {_said(error)} Look at"
                f" {job.paths.stderr}."
            )
        if reason:
            failed[run] = RunError(reason)
        logger.info(f"{run}: {'FAILED' if reason else 'finished'}")
    return failed


def _parsed(parameters: Iterable[str]) -> dict[str, Any]:
    return {
        key: int(text) if text.isdigit() else text
        for key, text in split(parameters, "--cluster-set", "slurm_partition=gpu")
    }


def _said(error: Exception) -> str:
    return (  # a job's error brings the whole log of its process
        f"{one_line(error)[:LONGEST_REASON]}."
    )
