"""The commands `report` and `compare`: the page about runs of this plugin, and about any two results folders of the baseline."""
from __future__ import annotations

from pathlib import Path

import click

_PLACES = (click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Where the recordings lie, as <machine>/test/*.wav "
                        "[default: in the checkout around the results]."),
           click.option("--reference", type=click.Path(path_type=Path), metavar="DIR", help="Where clean references of test clips lie, likewise "
                        "[default: reference/ in that checkout]."))


def _with_places(command):
    for option in reversed(_PLACES):
        command = option(command)
    return command


@click.command()
@click.option("-d", "--dev", "mode", flag_value="dev", default="dev", help="Of the development data (the default).")
@click.option("-e", "--eval", "mode", flag_value="eval", help="Of the evaluation data.")
@click.option("--baseline", "baseline_folder", metavar="DIR", help="Checkout of the baseline [default: $DCASE_BASELINE_DIR, else ./baseline].")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE.html", help="Where the page goes [default: beside the summary in results/].")
@_with_places
def report(mode, baseline_folder, out, data, reference):
    """Write the page about the plain and denoised results in a checkout."""
    from dcase_denoise_plugin import baseline_folder as baselines
    from dcase_denoise_plugin.report.page import write_report
    from dcase_denoise_plugin.report.results_folders import arms_of_checkout

    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    results = baseline.folder / str(baseline.settings.get("result_directory", "results")) / f"{mode}_data"
    export_dir = str(baseline.settings.get("export_dir", "baseline"))
    page = out or results / f"{export_dir}_compare" / "report.html"
    files = write_report(*arms_of_checkout(results, export_dir), page, "", data, reference, baseline=baseline.folder)
    _say(files)


@click.command()
@click.argument("results_a", metavar="RESULTS_A", type=click.Path(path_type=Path))
@click.argument("results_b", metavar="RESULTS_B", type=click.Path(path_type=Path))
@click.option("--name", "names", multiple=True, metavar="TEXT", help="What to call them, given twice [default: the folders' own names].")
@click.option("--out", type=click.Path(path_type=Path), default=Path("report.html"), show_default=True, metavar="FILE.html", help="Where the page goes.")
@_with_places
def compare(results_a, results_b, names, out, data, reference):
    """Write the page about any two results of the baseline, made with or without this plugin.

    Each is a folder such as results/dev_data/baseline_MSE, or, for both scores at once, results/dev_data/baseline or a folder that holds just those two.
    """
    from dcase_denoise_plugin.report.page import write_report
    from dcase_denoise_plugin.report.results_folders import arms_of_folders

    if len(names) not in (0, 2):
        raise click.UsageError("Give --name twice, or not at all.")
    first, second = arms_of_folders(results_a, results_b, names)
    _say(write_report(first, second, out, "", data, reference))


def _say(files: list[Path]) -> None:
    click.echo(f"wrote {files[0]} ({files[0].stat().st_size / 1e6:.1f} MB), and its tables beside it: {', '.join(file.name for file in files[1:])}")
