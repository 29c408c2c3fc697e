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
def doctor(baseline_folder: str | None) -> None:
    """Say what the plugin finds here: Python, versions, CUDA, the baseline, and what the denoisers
    in its checkout found out about their machines.

    \b
    Example:
      dcase-denoise doctor --baseline ./baseline

    Exit codes: 0 good, 1 a pinned version is not met.
    """
    for line in environment.described():
        click.echo(line)
    path = startup_file.startup_file()
    click.echo(
        f"start-up file: {path if path.exists() else 'not enabled; dcase-denoise run needs none'}"
    )
    _describe_baseline(baseline_folder)
    lacking = environment.unmet([*environment.pinned(), *environment.matched()])
    click.echo(f"pinned versions: {'; '.join(lacking) or 'all met'}")
    if lacking:
        raise SystemExit(1)


def _describe_baseline(given: str | None) -> None:
    from dcase_denoise_plugin.checkout.baseline import Baseline, find_baseline
    from dcase_denoise_plugin.checkout.run_record import findings_in

    try:
        baseline = Baseline.from_folder(find_baseline(given))
    except DenoiseError as error:
        click.echo(str(error))
        return
    family = "v5 (2026)" if baseline.takes_two_channels else "v4 (2025)"
    click.echo(f"baseline: {baseline.folder}, {family} family")
    for line in findings_in(baseline.folder):
        click.echo(line)


@click.command()
def enable() -> None:
    """Let this environment's Python know the denoise keys in the baseline's own scripts.

    \b
    Example:
      dcase-denoise enable && cd baseline && python3 train.py --denoise=true …

    Exit codes: 0 done, 2 stopped by an error in one line.
    """
    click.echo(f"wrote {startup_file.enable()}")


@click.command()
def disable() -> None:
    """Undo `enable`.

    \b
    Example:
      dcase-denoise disable

    Exit codes: 0 done, or there was nothing to undo; 2 stopped by an error in one line.
    """
    path = startup_file.disable()
    click.echo(f"removed {path}" if path else "was not enabled")
