"""The page at the end of a call of the runner."""
from __future__ import annotations

from pathlib import Path
from typing import Callable, Sequence

from dcase_denoise_plugin.checkout.machine_run import ARMS, SCORES, MachineRun
from dcase_denoise_plugin.errors import DenoiseError, one_line_with_place
from dcase_denoise_plugin.figures.results_folders import Arm


def write_report_of(runs: Sequence[MachineRun], title: str, say: Callable[[str], None] = print) -> list[tuple[str, Path]]:
    """Writes the page about finished `runs`, if both arms are among them; a page that fails is said and takes nothing from the results.

    Returns
    -------
    list of (what, path)
        Where the page lies; empty without one.
    """
    by_arm = {arm: [run for run in runs if run.arm == arm] for arm in ARMS["compare"]}
    if not all(by_arm.values()):
        return []
    # Here and not above: matplotlib, scipy and scikit-learn take a second or two that a refused call need not wait for.
    from dcase_denoise_plugin.report.page import write_report

    plan = runs[0].plan
    page = plan.compare_folder / f"{plan.dataset}_report.html"
    arms = [Arm(name, {score: own[0].folder(score) for score in SCORES}, {(run.machine, run.seed) for run in own}) for name, own in by_arm.items()]
    try:
        return [("report", write_report(*arms, page, title, baseline=plan.baseline.folder)[0])]
    except (DenoiseError, OSError) as error:
        reason = str(error)
    except Exception as error:  # the results stand, whatever a page of them stumbles over
        reason = f"expected to make a page of the results, got {one_line_with_place(error)}. The results stand; report this as a bug of the plugin."
    say(f"\nno report: {reason}")
    return []
