"""The commands `apply` and `picture`: a trained denoiser on clips of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from dcase_denoise_plugin.commands.options import device_option, preset_option, strength_option


@click.command()
@click.argument("source", metavar="IN_DIR", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT_DIR", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trained denoiser.",
)
@strength_option
@preset_option
@device_option
def apply(
    source: Path, target: Path, checkpoint: Path, strength: float | None, preset: str, device: str
) -> None:
    """Denoise every wav file under IN_DIR into OUT_DIR, under the same names.

    \b
    Example:
      dcase-denoise apply noisy/ denoised/ --checkpoint fan.pt

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.denoising.folder import denoise_folder

    count = denoise_folder(source, target, checkpoint, strength, preset, device)
    click.echo(f"denoised {count} clips into {target}")


@click.command()
@click.argument("clip", metavar="CLIP", type=click.Path(path_type=Path))
@click.argument("target", metavar="PNG", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trained denoiser.",
)
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
