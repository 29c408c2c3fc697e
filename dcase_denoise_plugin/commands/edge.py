"""The commands `export` and `monitor`: a trained denoiser and the baseline behind it, away from the
benchmark.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcase_denoise_plugin.commands.options import (
    baseline_option,
    clip_s_option,
    dataset_option,
    own_method_option,
    preset_option,
    seed_option,
    stacked,
    strength_option,
)
from dcase_denoise_plugin.edge.pcm import FORMATS
from dcase_denoise_plugin.files import standard_input

if TYPE_CHECKING:  # PyTorch is not there where an exported file is enough
    from dcase_denoise_plugin.edge.monitor import Scorer
    from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline

_trained_baseline_options = stacked(
    click.option("--machine", metavar="NAME", help="Machine type whose trained baseline is meant."),
    click.option(
        "--plain", is_flag=True, help="The plain baseline, not the one behind the denoiser."
    ),
    baseline_option,
    dataset_option,
    click.option(
        "-e",
        "--eval",
        "mode",
        flag_value="eval",
        default="dev",
        help="Trained on the evaluation data's training clips.",
    ),
    seed_option("Random seed of the training [default: the one in baseline.yaml]."),
    click.option(
        "--export-dir",
        metavar="NAME",
        help="The export_dir of the runs, without _denoise [default: the one in baseline.yaml].",
    ),
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
@_trained_baseline_options
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
        export_scorer(_trained_baseline(machine, **trained), out, int8)
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


@click.command()
@click.argument("source", metavar="SOURCE", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--onnx",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What `export --machine` wrote; needs no checkout and no PyTorch.",
)
@click.option(
    "--pcm",
    type=click.Choice(list(FORMATS)),
    help="Raw samples on standard input, one channel, at the clips' rate; S24_LE: 4-byte words.",
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@own_method_option
@_trained_baseline_options
def monitor(
    source: Path,
    onnx: Path | None,
    pcm: str | None,
    once: bool,
    poll_s: float,
    patience_s: float,
    as_json: bool,
    own_method: str | None,
    machine: str | None,
    **trained: Any,
) -> None:
    """Score clips as they come, and say what the baseline decides: one line a clip.

    SOURCE is a folder that is watched for wav files, or - for a wav or raw samples on standard
    input, cut into clips of the training clips' length.

    \b
    Example:
      dcase-denoise monitor incoming/ --onnx fan.onnx
      arecord -f S16_LE -r 16000 -t raw | dcase-denoise monitor - --onnx fan.onnx --pcm s16le

    Exit codes: 0 ended, also by Ctrl-C; 2 stopped by an error in one line.
    """
    from dcase_denoise_plugin.edge.monitor import as_text, read_clip, streamed_clips, verdicts
    from dcase_denoise_plugin.edge.watch import clips_in

    if bool(onnx) == bool(machine):
        raise click.UsageError(
            "Give either --machine, for the baseline's checkout, or --onnx, for an exported file."
        )
    scorer: Scorer
    if onnx:
        from dcase_denoise_plugin.edge.onnx_model import OnnxScorer

        scorer = OnnxScorer(onnx)
    elif machine:
        from dcase_denoise_plugin.edge.trained_baseline import BaselineScorer

        scorer = BaselineScorer(_trained_baseline(machine, own_method=own_method, **trained))
    if str(source) == "-":
        clips = streamed_clips(standard_input(), scorer, pcm)
    else:
        clips = clips_in(source, lambda file: read_clip(file, scorer), poll_s, patience_s, once)
    with contextlib.suppress(KeyboardInterrupt):  # the way to end a watch
        for verdict in verdicts(clips, scorer):
            click.echo(json.dumps(verdict, allow_nan=False) if as_json else as_text(verdict))


def _trained_baseline(
    machine: str,
    plain: bool,
    baseline_folder: str | None,
    dataset: str,
    mode: str,
    seed: int | None,
    export_dir: str | None,
    own_method: str | None = None,
) -> TrainedBaseline:
    from dcase_denoise_plugin.checkout import baseline as baselines
    from dcase_denoise_plugin.checkout.machine_run import MachineRun
    from dcase_denoise_plugin.checkout.overrides import Overrides
    from dcase_denoise_plugin.checkout.plan import Plan
    from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
    from dcase_denoise_plugin.settings.config import DenoiseConfig

    baseline = baselines.Baseline.from_folder(baselines.find_baseline(baseline_folder))
    plan = Plan(
        baseline,
        dataset,
        mode,
        Overrides({"export_dir": export_dir} if export_dir else {}),
        DenoiseConfig(),
    )
    plan.machines([machine])
    arm = "plain" if plain else "denoised"
    run = MachineRun(plan, machine, baseline.seed if seed is None else seed, arm)
    return TrainedBaseline.load(run, own_method)
