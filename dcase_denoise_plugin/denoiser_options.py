"""Options of commands that take a trained denoiser: how much it takes away, what is made of its prediction, and where it runs."""
from __future__ import annotations

import click

strength_option = click.option("--strength", type=click.FloatRange(0, 1), help="0 leaves the sound alone, 1 removes all the denoiser takes for noise "
                               "[default: as in --preset, else in the file].")
preset_option = click.option("--preset", default="", metavar="NAME", help="Preset or YAML file whose denoise_output, strength … hold [default: what the "
                             "file says].")
device_option = click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1 …; auto takes a GPU where there is one.")
