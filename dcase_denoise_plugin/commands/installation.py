"""The commands `doctor`, `enable` and `disable`: what is installed here, and whether the baseline's
own scripts know the denoise keys.
"""

from __future__ import annotations

import click

from dcase_denoise_plugin.commands import environment, startup_file
from dcase_denoise_plugin.commands.options import baseline_option
from dcase_denoise_plugin.errors import DenoiseError


@click.command()
@baseline_option
def doctor(baseline_folder):
    """Say what the plugin finds here: Python, versions, CUDA, the baseline."""
    from dcase_denoise_plugin.checkout import baseline as baselines

    for line in environment.described():
        click.echo(line)
    path = startup_file.startup_file()
    click.echo(
        f"start-up file: {path if path.exists() else 'not enabled; dcase-denoise run needs none'}"
    )
    try:
        baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
        click.echo(
            f"baseline: {baseline.folder},"
            f" {'v5 (2026)' if baseline.has_stereo_data else 'v4 (2025)'} family"
        )
    except DenoiseError as error:
        click.echo(str(error))
    lacking = environment.unmet(environment.pinned())
    click.echo(f"pinned versions: {'; '.join(lacking) or 'all met'}")
    if lacking:
        raise SystemExit(1)


@click.command()
def enable():
    """Let this environment's Python know the denoise keys in the baseline's own scripts."""
    click.echo(f"wrote {startup_file.enable()}")


@click.command()
def disable():
    """Undo `enable`."""
    path = startup_file.disable()
    click.echo(f"removed {path}" if path else "was not enabled")
