"""The commands `report` and `compare`: the page about runs of this plugin, and about any two results folders of the baseline."""
from __future__ import annotations

from pathlib import Path

import click

from dcase_denoise_plugin.options import baseline_option, stacked

_places_options = stacked(
    click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where the recordings lie, as <machine>/test/*.wav "
                 "[default: in the checkout around the results]."),
    click.option("--reference", type=click.Path(path_type=Path), metavar="DIR", help="Where clean references of test clips lie, likewise "
                 "[default: reference/ in that checkout]."),
)


@click.command()
@click.option("-d", "--dev", "mode", flag_value="dev", default="dev", help="Of the development data (the default).")
@click.option("-e", "--eval", "mode", flag_value="eval", help="Of the evaluation data.")
@baseline_option
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.html", help="Where the page goes [default: beside the summary in results/].")
@_places_options
def report(mode, baseline_folder, out, data, reference):
    """Write the page about the plain and denoised results in a checkout."""
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.figures.results_folders import arms_of_checkout

    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    results = baseline.folder / str(baseline.settings.get("result_directory", "results")) / f"{mode}_data"
    export_dir = str(baseline.settings.get("export_dir", "baseline"))
    _write(arms_of_checkout(results, export_dir), out or results / f"{export_dir}_compare" / "report.html", data, reference, baseline.folder)


@click.command()
@click.argument("results_a", metavar="RESULTS_A", type=click.Path(path_type=Path))
@click.argument("results_b", metavar="RESULTS_B", type=click.Path(path_type=Path))
@click.option("--name", "names", multiple=True, metavar="TEXT", help="What to call them, given twice [default: the folders' own names].")
@click.option("--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, metavar="FILE.html", help="Where the page goes.")
@_places_options
def compare(results_a, results_b, names, out, data, reference):
    """Write the page about any two results of the baseline, made with or without this plugin.

    Each is a folder such as results/dev_data/baseline_MSE, or, for both scores at once, results/dev_data/baseline or a folder that holds just those two.
    """
    from dcase_denoise_plugin.figures.results_folders import arms_of_folders

    if len(names) not in (0, 2):
        raise click.UsageError("Give --name twice, or not at all.")
    _write(arms_of_folders(results_a, results_b, names), out, data, reference)


def _write(arms, page, data, reference, baseline=None):
    # Only now: what draws and counts takes a second or two that a refused call need not wait for.
    from dcase_denoise_plugin.report.page import write_report

    files = write_report(*arms, page, "", data, reference, baseline=baseline)
    click.echo(f"wrote {files[0]} ({files[0].stat().st_size / 1e6:.1f} MB), and its tables beside it: {', '.join(file.name for file in files[1:])}")
