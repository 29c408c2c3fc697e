"""The commands `monitor` and `recalibrate`: clips scored as they come, and the threshold that they
are held against.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcase_denoise_plugin.commands.options import (
    own_method_option,
    stacked,
    trained_baseline,
    trained_baseline_options,
)
from dcase_denoise_plugin.edge.pcm import FORMATS
from dcase_denoise_plugin.files import standard_input
from dcase_denoise_plugin.monitor.alarm import FALSE_ALARMS

if TYPE_CHECKING:  # PyTorch is not there where an exported file is enough
    from dcase_denoise_plugin.monitor.verdicts import Scorer

MOST_NAMED = 5  # recordings that were left out, each in a line
OUTPUTS = ("alarm_after", "csv_file", "on_alarm", "heartbeat_s", "as_json")

_path = click.Path(path_type=Path, allow_dash=True)
_calibration_options = stacked(
    click.option(
        "--false-alarms",
        type=float,
        metavar="RATE",
        help=(
            "Promise that a normal clip raises an alarm with at most this probability [default: as"
            f" the file was calibrated, else {FALSE_ALARMS}]."
        ),
    ),
    click.option(
        "--score",
        metavar="NAME",
        help=(
            "The score that decides, MSE or MAHALA [default: the one that finds more known faults"
            " added to normal clips]."
        ),
    ),
)


@click.command()
@click.argument("source", metavar="[SOURCE]", required=False, type=_path)
@click.option(
    "--microphone",
    is_flag=False,
    flag_value="",
    metavar="[DEVICE]",
    help="Listen to a device of this computer, by number or name; takes the extra `live`.",
)
@click.option(
    "--onnx",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `export --machine` or `own` wrote; needs no checkout and no PyTorch.",
)
@click.option(
    "--normal",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help=(
        "Normal recordings that no training has seen; they set the threshold of this watch."
        " `recalibrate` writes it into an exported file."
    ),
)
@_calibration_options
@click.option(
    "--pcm",
    type=click.Choice(list(FORMATS)),
    help=(
        "Raw samples on standard input, at the clips' rate, interleaved where clips have two"
        " channels; S24_LE: 4-byte words."
    ),
)
@click.option("--once", is_flag=True, help="Score what lies in the folder and end.")
@click.option(
    "--poll-s",
    type=click.FloatRange(0.01),
    default=1.0,
    show_default=True,
    help="Seconds between two looks into the folder.",
)
@click.option(
    "--patience-s",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Seconds after its last change that a file may stay unreadable.",
)
@click.option(
    "--alarm-after",
    default="1/1",
    show_default=True,
    metavar="K/N",
    help="An alarm is on while K of the last N clips are anomalies.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    help="Append a line a clip.",
)
@click.option(
    "--on-alarm",
    metavar="COMMAND",
    help=(
        "A program with arguments that is told of each alarm as it begins: JSON on its standard"
        " input, no shell, 30 s."
    ),
)
@click.option(
    "--heartbeat-s",
    type=click.FloatRange(0.1),
    metavar="SECONDS",
    help="Say so often that the watch goes on, and what it has counted.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@own_method_option
@trained_baseline_options
def monitor(
    source: Path | None,
    microphone: str | None,
    onnx: Path | None,
    normal: Path | None,
    false_alarms: float | None,
    score: str | None,
    pcm: str | None,
    once: bool,
    poll_s: float,
    patience_s: float,
    own_method: str | None,
    machine: str | None,
    **options: Any,
) -> None:
    """Score clips as they come, and give one verdict a clip, a line each.

    SOURCE is a folder that is watched for recordings, or - for a wav or raw samples on standard
    input, cut into clips of the training clips' length. Without a calibration the threshold is the
    baseline's own, which calls most normal clips anomalous.

    \b
    Example:
      dcase-denoise monitor incoming/ --onnx pump7.onnx --alarm-after 3/5 --csv pump7.csv
      arecord -f S16_LE -r 16000 -t raw | dcase-denoise monitor - --onnx fan.onnx --pcm s16le

    Exit codes: 0 ended, also by Ctrl-C; 1 with --once, there was an alarm; 2 stopped by an error in
    one line.
    """
    from dcase_denoise_plugin.monitor.folder import clips_in
    from dcase_denoise_plugin.monitor.microphone import heard
    from dcase_denoise_plugin.monitor.session import Session, calibration_of
    from dcase_denoise_plugin.monitor.verdicts import read_clips, streamed_clips

    if (source is None) == (microphone is None):
        raise click.UsageError("Give either SOURCE, a folder or -, or --microphone.")
    if bool(onnx) == bool(machine):
        raise click.UsageError(
            "Give either --machine, for the baseline's checkout, or --onnx, for an exported file."
        )
    outputs = {name: options.pop(name) for name in OUTPUTS}
    scorer: Scorer
    if onnx:
        from dcase_denoise_plugin.edge.onnx_model import OnnxScorer

        scorer = OnnxScorer(onnx)
    elif machine:
        from dcase_denoise_plugin.edge.trained_baseline import BaselineScorer

        scorer = BaselineScorer(trained_baseline(machine, own_method=own_method, **options))
    calibration, problems = calibration_of(scorer, normal, false_alarms, score)
    say_left_out(problems)
    say = functools.partial(click.echo, err=True)
    if source is None:
        clips = heard(microphone or "", scorer, say)
    elif str(source) == "-":
        clips = streamed_clips(standard_input(), scorer, pcm)
    else:
        clips = clips_in(source, lambda file: read_clips(file, scorer), poll_s, patience_s, once)
    watch = Session(scorer, calibration, score, lambda text: click.echo(text, err=True), **outputs)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end a watch
        watch.run(str(source or "the microphone"), clips, click.echo)
    if once and watch.alarms:
        raise SystemExit(1)


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("normal", metavar="NORMAL_FOLDER", type=click.Path(path_type=Path))
@_calibration_options
def recalibrate(file: Path, normal: Path, false_alarms: float | None, score: str | None) -> None:
    """Set the threshold of an exported FILE anew, by recordings of the machine as it is now.

    NORMAL_FOLDER holds recordings of normal running that no training has seen: wav or FLAC, in any
    sub-folders, of a clip's length or longer. Nothing is trained, and PyTorch is not needed.

    \b
    Example:
      dcase-denoise recalibrate pump7/pump7.onnx normal_today/ --false-alarms 0.05

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.edge.onnx_model import OnnxScorer, store_facts
    from dcase_denoise_plugin.monitor.session import calibration_of

    scorer = OnnxScorer(file)
    calibration, problems = calibration_of(scorer, normal, false_alarms, score)
    say_left_out(problems)
    assert calibration  # there are normal recordings
    store_facts(file, calibration=calibration.as_facts())
    click.echo(f"{file}: {calibration}")


def say_left_out(problems: Iterable[str]) -> None:
    """Names what was left out on stderr: the first few, and how many there are besides."""
    lines = list(problems)
    for line in lines[:MOST_NAMED]:
        click.echo(f"left out: {line}", err=True)
    if len(lines) > MOST_NAMED:
        click.echo(f"left out: {len(lines) - MOST_NAMED} more", err=True)
