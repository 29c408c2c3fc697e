"""The command `stream`: sound without end through a trained denoiser."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import cast

import click

from dcase_denoise_plugin.commands.options import (
    checkpoint_option,
    clip_s_option,
    preset_option,
    strength_option,
)
from dcase_denoise_plugin.edge.pcm import FORMATS
from dcase_denoise_plugin.errors import error_line
from dcase_denoise_plugin.files import standard_input
from dcase_denoise_plugin.sound.audio import SHORTEST_CLIP_S


@click.command()
@checkpoint_option
@clip_s_option("Length of its training clips, for a denoiser that rests on a clip's spectrum.")
@click.option(
    "--pcm",
    type=click.Choice(list(FORMATS)),
    default="s16le",
    show_default=True,
    help="Format of the samples, in and out.",
)
@strength_option
@preset_option
def stream(
    checkpoint: Path, clip_s: float | None, pcm: str, strength: float | None, preset: str
) -> None:
    """Denoise sound without end: raw samples on standard input, as many denoised ones of one
    channel on standard output, at the training clips' rate.

    A denoiser of two microphones takes two interleaved channels, near and far. What comes out lags
    behind by what the first line on standard error says.

    \b
    Example:
      arecord -f S16_LE -r 16000 -t raw | dcase-denoise stream --checkpoint fan.pt > out.raw

    Exit codes: 0 ended, also by Ctrl-C; 2 stopped by an error in one line.
    """
    from dcase_denoise_plugin import Denoiser
    from dcase_denoise_plugin.edge.pcm import blocks_of, encoded
    from dcase_denoise_plugin.edge.streaming import streaming

    denoiser = Denoiser.load(checkpoint, "cpu", strength, preset)
    through, rate_hz = streaming(denoiser, clip_s), denoiser.checkpoint.sample_rate_hz
    channels = denoiser.checkpoint.channels
    both = ", two channels in (near, far), one out" if channels > 1 else ""
    behind_s = through.latency_samples / rate_hz
    click.echo(f"{rate_hz} Hz, {pcm}{both}, {behind_s:.1f} s behind", err=True)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        for wav in blocks_of(cast(io.BufferedReader, standard_input()), pcm, channels):
            sys.stdout.buffer.write(encoded(through.push(wav), pcm))
            sys.stdout.buffer.flush()
        sys.stdout.buffer.write(encoded(through.flush(), pcm))
        if through.untouched_samples:
            remark = (
                f"stream: expected at least {SHORTEST_CLIP_S:g} s of sound, got"
                f" {through.untouched_samples} samples, which pass as they are. Send more."
            )
            click.echo(error_line(remark), err=True)
