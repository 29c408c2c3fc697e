"""The commands `apply` and `picture`: a trained denoiser on clips of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dcase_denoise_plugin.commands.options import (
    checkpoint_option,
    device_option,
    preset_option,
    strength_option,
)


@click.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path))
@checkpoint_option
@strength_option
@preset_option
@device_option
@click.option("--overwrite", is_flag=True, help="Also where files are in OUT.")
def apply(source: Path, target: Path, checkpoint: Path, **options: Any) -> None:
    """Denoise the wav file IN, or every one under the folder IN, into OUT, under the same names.

    To listen, take a denoiser that was trained with --preset waveform; the others clean what a
    detector sees.

    \b
    Example:
      dcase-denoise apply noisy/ denoised/ --checkpoint fan.pt
      dcase-denoise apply noisy.wav denoised.wav --checkpoint fan.pt

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.denoising.folder import denoise_folder

    count = denoise_folder(source, target, checkpoint, **options)
    click.echo(f"denoised {count} clips into {target}")


@click.command()
@click.argument("clip", metavar="CLIP", type=click.Path(path_type=Path))
@click.argument("target", metavar="PNG", type=click.Path(path_type=Path))
@checkpoint_option
@click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The same clip without noise, if there is one.",
)
@preset_option
@device_option
def picture(
    clip: Path, target: Path, checkpoint: Path, reference: Path | None, preset: str, device: str
) -> None:
    """Draw CLIP before and after the denoiser, as log-mel spectrograms.

    \b
    Example:
      dcase-denoise picture clip.wav clip.png --checkpoint fan.pt

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin import Denoiser
    from dcase_denoise_plugin.denoising.device import ready_device
    from dcase_denoise_plugin.denoising.picture import draw

    draw(clip, Denoiser.load(checkpoint, ready_device(device), preset=preset), target, reference)
    click.echo(f"wrote {target}")
