"""The command `export`: a trained denoiser, or all the way to the scores, as one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dcase_denoise_plugin.commands.options import (
    clip_s_option,
    preset_option,
    strength_option,
    trained_baseline,
    trained_baseline_options,
)


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE.onnx",
    help="Where the graph goes.",
)
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A trained denoiser, for a graph that denoises.",
)
@clip_s_option("Length of the clips that graph takes; a graph has one length.")
@click.option(
    "--log-mel",
    is_flag=True,
    help="Log-mel spectrograms in and out, not waveforms; for a denoiser trained for mel.",
)
@strength_option
@preset_option
@click.option(
    "--int8",
    is_flag=True,
    help=(
        "Quantise the U-Net by what it sees on training clips; what that costs is in docs/edge.md."
    ),
)
@click.option(
    "--clips",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Training clips for --int8 with --checkpoint.",
)
@trained_baseline_options
def export(
    out: Path,
    checkpoint: Path | None,
    clip_s: float | None,
    log_mel: bool,
    strength: float | None,
    preset: str,
    int8: bool,
    clips: Path | None,
    machine: str | None,
    **trained: Any,
) -> None:
    """Write one file that onnxruntime runs without PyTorch.

    With --checkpoint, a denoiser: clip in, clip out. With --machine, all that `monitor --onnx`
    needs: clip in, the baseline's anomaly scores out.

    \b
    Example:
      dcase-denoise export --machine fan --baseline ./baseline --out fan.onnx
      dcase-denoise export --checkpoint fan.pt --clip-s 10 --out denoiser.onnx

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.edge.export import export_denoiser, export_scorer, training_clips

    if bool(checkpoint) == bool(machine):
        raise click.UsageError(
            "Give either --checkpoint, for a denoiser, or --machine, for the whole way to the"
            " scores."
        )
    if machine:
        export_scorer(trained_baseline(machine, **trained), out, int8)
    elif checkpoint:
        from dcase_denoise_plugin import Denoiser

        if not clip_s:
            raise click.UsageError("Say with --clip-s how long the clips are.")
        if int8 != bool(clips):
            raise click.UsageError("With --checkpoint, give --int8 together with --clips.")
        denoiser = Denoiser.load(checkpoint, "cpu", strength, preset)
        samples = round(clip_s * denoiser.checkpoint.sample_rate_hz)
        export_denoiser(denoiser, samples, out, log_mel, training_clips(clips) if clips else ())
    click.echo(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB)")
