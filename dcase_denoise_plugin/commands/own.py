"""The command `own`: from a user's own recordings to an alarm."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import click

from dcase_denoise_plugin.commands.monitor import say_left_out
from dcase_denoise_plugin.commands.options import clip_s_option
from dcase_denoise_plugin.monitor.alarm import FALSE_ALARMS

_folder = click.Path(path_type=Path)


@click.command()
@click.argument("normal", metavar="NORMAL_FOLDER", type=_folder)
@click.option("--name", required=True, help="The machine's name, on screen, page and alarms.")
@click.option(
    "--out", required=True, type=_folder, metavar="DIR", help="Where the file and the page go."
)
@click.option(
    "--noise",
    type=_folder,
    metavar="FOLDER",
    help="Recordings of the noise alone, with the machine off.",
)
@click.option(
    "--machine-alone", type=_folder, metavar="FOLDER", help="Recordings of the machine alone."
)
@click.option(
    "--test",
    type=_folder,
    metavar="FOLDER",
    help="Recordings to try the alarm on; each sub-folder is counted by itself.",
)
@clip_s_option("Length of a clip; longer recordings are cut [default: 10].")
@click.option(
    "--channel",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="The channel of the recordings that is listened to.",
)
@click.option(
    "--false-alarms",
    type=float,
    default=FALSE_ALARMS,
    show_default=True,
    metavar="RATE",
    help="Promise that a normal clip raises an alarm with at most this probability.",
)
@click.option(
    "--score",
    type=click.Choice(["MSE", "MAHALA"]),
    help="The score that decides [default: the one that finds more known faults].",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="A setting of the autoencoder or the denoiser, repeatable.",
)
@click.option(
    "--baseline",
    type=_folder,
    metavar="DIR",
    help="Train the baseline's autoencoder, in this checkout; its licence allows evaluation only"
    " [default: the project's own].",
)
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the result.")
def own(
    name: str,
    out: Path,
    clip_s: float | None,
    score: str | None,
    baseline: Path | None,
    quiet: bool,
    **asked: Any,
) -> None:
    """Learn how a machine sounds when it runs normally, and make an alarm of it.

    NORMAL_FOLDER holds recordings of normal running: wav or FLAC, any names, any sub-folders, any
    length, one sample rate. A part of them is kept from the training and sets the threshold. Ends
    with DIR/NAME.onnx for `monitor --onnx`, and DIR/NAME.html about it.

    Killed at any point, the same command goes on where it was.

    \b
    Example:
      dcase-denoise own normal/ --name pump7 --noise noise/ --out pump7/ --false-alarms 0.05
      dcase-denoise monitor incoming/ --onnx pump7/pump7.onnx

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.own.detector import as_lines, build
    from dcase_denoise_plugin.own.page import write_page
    from dcase_denoise_plugin.own.split import Asked
    from dcase_denoise_plugin.runner.screen import screen_on

    # A polite kill ends the training's process too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = asked.pop("settings")
    wanted = Asked(clip_s=clip_s or 10.0, **asked)
    with screen_on(sys.stdout, quiet) as screen:
        detector = build(wanted, name, out, score, settings, screen.watch, baseline)
    say_left_out(detector.left_out)
    for line in (*as_lines(detector), f"page: {write_page(detector)}", f"file: {detector.file}"):
        click.echo(line)
