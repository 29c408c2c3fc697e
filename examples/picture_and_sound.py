"""From clips to a picture and a sound: trains a denoiser, then denoises one clip.

``python examples/picture_and_sound.py OUT`` makes up a machine;
``python examples/picture_and_sound.py OUT MACHINE_FOLDER CLIP.wav`` takes yours. The folder holds
``train/*.wav`` and, where there are noise recordings, ``supplemental/*_noise_*.wav``.
"""

import sys
from pathlib import Path

import torch

from dcase_denoise_plugin import Denoiser
from dcase_denoise_plugin.demo.machines import make_machines
from dcase_denoise_plugin.denoising.picture import draw
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import read_wav, write_wav
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.training.loop import train_denoiser


def picture_and_sound(out: Path, machine_folder: Path, clip: Path) -> None:
    """Writes denoiser.pt, denoised.wav and denoised.png to `out`."""
    out.mkdir(parents=True, exist_ok=True)
    machine = Machine.from_folder(machine_folder, dataset="MINE")
    listening = resolve({"preset": "waveform"})  # the preset that cleans the waveform
    train_denoiser(machine, listening, out / "denoiser.pt", torch.device("cpu"))

    denoiser = Denoiser.load(out / "denoiser.pt", "cpu")
    wav, sample_rate_hz = read_wav(clip)  # float32, (samples,), full scale ±1
    write_wav(out / "denoised.wav", denoiser(wav, sample_rate_hz), sample_rate_hz)
    draw(clip, denoiser, out / "denoised.png")


def made_up_machine(folder: Path, **sizes) -> tuple[Path, Path]:
    """A made-up fan's folder and one of its test clips."""
    (machine_folder,) = make_machines(folder, machine_types=("fan",), **sizes)
    return machine_folder, min((machine_folder / "test").glob("*.wav"))


if __name__ == "__main__":
    out, *own = map(Path, sys.argv[1:] or ["denoised"])
    picture_and_sound(out, *(own or made_up_machine(out)))
    print(f"look into {out}: denoised.png, denoised.wav")
