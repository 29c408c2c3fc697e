"""The commands `report` and `compare`: the page about runs of this plugin, and about any two
results folders of the baseline.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import click

from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.result_files import PAGE
from dcase_denoise_plugin.commands.options import baseline_option, own_method_option, stacked
from dcase_denoise_plugin.errors import DenoiseError, one_line_with_place
from dcase_denoise_plugin.figures.arms import Arm, arms_of_runs
from dcase_denoise_plugin.names import Folders

logger = logging.getLogger(__name__)
_places_options = stacked(
    click.option(
        "--data",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help=(
            "Where the recordings lie, as <machine>/test/*.wav "
            "[default: in the checkout around the results]."
        ),
    ),
    click.option(
        "--reference",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help=(
            "Where clean references of test clips lie, likewise "
            "[default: reference/ in that checkout]."
        ),
    ),
)


@click.command()
@click.option(
    "-d",
    "--dev",
    "mode",
    flag_value="dev",
    default="dev",
    help="Of the development data (the default).",
)
@click.option("-e", "--eval", "mode", flag_value="eval", help="Of the evaluation data.")
@baseline_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="Where the page goes [default: beside the summary in results/].",
)
@_places_options
@own_method_option
def report(
    mode: str,
    baseline_folder: str | None,
    out: Path | None,
    data: Path | None,
    reference: Path | None,
    own_method: str | None,
) -> None:
    """Write the page about the plain and denoised results in a checkout.

    \b
    Example:
      dcase-denoise report -d --baseline ./baseline

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.figures.arms import arms_of_checkout

    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    folders = Folders(baseline.folder, mode, baseline.settings)
    export_dir = str(baseline.settings.get("export_dir", "baseline"))
    _write(
        arms_of_checkout(folders.results, export_dir),
        out or folders.together(export_dir) / PAGE,
        data,
        reference,
        own_method,
        baseline.folder,
    )


@click.command()
@click.argument("results_a", metavar="RESULTS_A", type=click.Path(path_type=Path))
@click.argument("results_b", metavar="RESULTS_B", type=click.Path(path_type=Path))
@click.option(
    "--name",
    "names",
    multiple=True,
    metavar="TEXT",
    help="What to call them, given twice [default: the folders' own names].",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(PAGE),
    show_default=True,
    metavar="FILE.html",
    help="Where the page goes.",
)
@_places_options
@own_method_option
def compare(
    results_a: Path,
    results_b: Path,
    names: Sequence[str],
    out: Path,
    data: Path | None,
    reference: Path | None,
    own_method: str | None,
) -> None:
    """Write the page about any two results of the baseline, made with or without this plugin.

    Each is a folder such as results/dev_data/baseline_MSE, or, for both scores at once,
    results/dev_data/baseline or a folder that holds just those two.

    \b
    Example:
      dcase-denoise compare results/dev_data/baseline results/dev_data/mine

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.figures.arms import arms_of_folders

    if len(names) not in (0, 2):
        raise click.UsageError("Give --name twice, or not at all.")
    _write(arms_of_folders(results_a, results_b, names), out, data, reference, own_method)


def _write(
    arms: tuple[Arm, Arm],
    page: Path,
    data: Path | None,
    reference: Path | None,
    own_method: str | None,
    baseline: Path | None = None,
) -> None:
    # Only now: what draws and counts takes a second or two that a refused call need not wait for.
    from dcase_denoise_plugin.report.page import write_report

    files = write_report(*arms, page, "", data, reference, baseline=baseline, own_method=own_method)
    click.echo(
        f"wrote {files[0]} ({files[0].stat().st_size / 1e6:.1f} MB), and its tables beside it:"
        f" {', '.join(file.name for file in files[1:])}"
    )


def write_report_of(runs: Sequence[MachineRun], title: str) -> list[tuple[str, Path]] | None:
    """Writes the page about finished `runs`, if both arms are among them; a page that fails is
    logged and takes nothing from the results.

    Returns
    -------
    list of (what, path), or None
        Where the page lies; empty where there is nothing to compare, None if it failed.
    """
    arms = arms_of_runs(runs)
    if len(arms) < 2:
        return []
    plain, denoised = arms
    # Here and not above: matplotlib, scipy and scikit-learn take a second or two that a refused
    # call need not wait for.
    from dcase_denoise_plugin.report.page import write_report

    plan = runs[0].plan
    page = plan.together.page
    try:
        return [
            ("report", write_report(plain, denoised, page, title, baseline=plan.baseline.folder)[0])
        ]
    except (DenoiseError, OSError) as error:
        reason = str(error)
    except Exception as error:  # the results stand, whatever a page of them stumbles over
        reason = (
            f"expected to make a page of the results, got {one_line_with_place(error)}. The results"
            " stand; report this as a bug of the plugin."
        )
    logger.warning(f"\nno report: {reason}")
    return None


@click.command()
@click.argument("results", metavar="RESULTS", type=click.Path(path_type=Path))
@click.option(
    "--reference",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="AUCs to hold them against, .json or .csv.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(0, 1),
    help="How far an AUC (0 to 1) may fall [default: what the reference says, else 0.01].",
)
@click.option(
    "--write-reference", is_flag=True, help="Make the AUCs of RESULTS the reference instead."
)
def check(results: Path, reference: Path, tolerance: float | None, write_reference: bool) -> None:
    """Name every AUC in a results folder of the baseline that fell below a reference, or is
    missing; exit code 1 if there is one.

    RESULTS may be made with or without this plugin: a score's folder, or one further up, such as
    results/dev_data.

    \b
    Example:
      dcase-denoise check results/dev_data --reference aucs.json --write-reference
      dcase-denoise check results/dev_data --reference aucs.json

    Exit codes: 0 good, 1 an AUC fell or is missing, 2 stopped by an error in one line.
    """
    from dcase_denoise_plugin.figures import reference as auc_check

    found = auc_check.read_aucs(results)
    if write_reference:
        auc_check.write_reference(reference, found, tolerance)
        click.echo(f"wrote {len(found)} figures to {reference}")
        return
    verdict = auc_check.judge(found, auc_check.read_reference(reference), tolerance)
    for kind, lines in (
        ("fell", verdict.fell),
        ("missing", verdict.missing),
        ("rose", verdict.rose),
        ("not in the reference", verdict.new),
    ):
        for line in lines:
            click.echo(f"{kind}: {line}")
    click.echo(
        f"{verdict.compared} compared, {len(verdict.fell)} fell, {len(verdict.missing)} missing,"
        f" {len(verdict.rose)} rose, {len(verdict.new)} new"
    )
    if not verdict.is_good:
        raise SystemExit(1)
