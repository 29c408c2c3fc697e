"""Options of every command that takes a trained denoiser: how much it takes away, and what is made of its prediction."""
from __future__ import annotations

import click

strength_option = click.option("--strength", type=click.FloatRange(0, 1), help="0 leaves the sound alone, 1 removes all the denoiser takes for noise "
                               "[default: as in --preset, else in the file].")
preset_option = click.option("--preset", default="", metavar="NAME", help="Preset or YAML file whose denoise_output, strength … hold [default: what the "
                             "file says].")
