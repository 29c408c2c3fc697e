"""The command `train`: one denoiser from a machine's clips, without the baseline; with torchrun, in
several processes.
"""

from __future__ import annotations

from pathlib import Path

import click

from dcase_denoise_plugin.commands.options import dataset_option, device_option, seed_option


@click.command()
@click.argument("folder", metavar="MACHINE_FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the denoiser goes.",
)
@click.option(
    "--preset",
    default="recommended",
    show_default=True,
    metavar="NAME",
    help="A preset of the package, or a YAML file.",
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="KEY=VALUE",
    help="A denoise key, repeatable; wins over the preset.",
)
@dataset_option
@seed_option("Random seed.", 13711)
@device_option
def train(
    folder: Path,
    out: Path,
    preset: str,
    assignments: tuple[str, ...],
    dataset: str,
    seed: int,
    device: str,
) -> None:
    """Train a denoiser on MACHINE_FOLDER (with train/*.wav and, if there are noise clips,
    supplemental/*.wav). The loss of each epoch goes beside FILE, as CSV and, where it is installed,
    for TensorBoard.

    Killed at any point, the same command goes on from the last finished epoch; of a finished
    denoiser it changes the output settings alone. On several GPUs or nodes: torchrun
    --nproc-per-node 4 -m dcase_denoise_plugin train …

    \b
    Example:
      dcase-denoise train data/dcase2025t2/dev_data/raw/fan --out fan.pt

    Exit codes: 0 done, 2 stopped by an error in one line, 130 interrupted.
    """
    from dcase_denoise_plugin.denoising.device import ready_device
    from dcase_denoise_plugin.errors import ConfigError
    from dcase_denoise_plugin.process import log_to_stdout, rank
    from dcase_denoise_plugin.settings.sources import from_keys, resolve, split
    from dcase_denoise_plugin.sound.machine import Machine
    from dcase_denoise_plugin.training.distributed import joined
    from dcase_denoise_plugin.training.loop import train_denoiser
    from dcase_denoise_plugin.training.loss_file import LossFile

    log_to_stdout()
    with joined():
        config = resolve({"preset": preset, **from_keys(dict(split(assignments)), "--set")})
        if config.method != "unet":
            raise ConfigError(
                f"denoise_method: expected unet, which has something to train, got {config.method}."
                " Other methods need no file; leave train out."
            )
        written = train_denoiser(
            Machine.from_folder(folder, dataset, seed=seed),
            config,
            out,
            ready_device(device),
            watch=LossFile(out),
        )
        if rank() == 0:
            click.echo(f"wrote {out}" if written else f"{out} was finished before")
