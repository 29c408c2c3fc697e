"""Commands of ours on tiny inputs, and what of their files is the same at each call."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

from baseline_checkouts import make_machine
from small_machine import RATE_HZ, denoiser_that, hiss, hum, write

from dcase_denoise_plugin.demo.stand_in import lay_out

TINY_UNET = (
    *("--set", "denoise_epochs=2", "--set", "denoise_width=2", "--set", "denoise_depth=2"),
    *("--set", "denoise_image_size=32", "--set", "denoise_pairs_per_clip=1"),
)
TINY = ("--set", "epochs=1", "--set", "use_cuda=False", *TINY_UNET)
OWN = ("--set", "n_mels=16", "--set", "n_fft=256", "--set", "hop_length=128", *TINY)


@dataclasses.dataclass(frozen=True)
class Command:
    """A command in a folder.

    Attributes
    ----------
    inputs : writes what it needs into a folder.
    words : after dcase-denoise, in that folder.
    same : patterns of files that have the same bytes after each call that ends well.
    after : name of the command whose folder, as it left it, is this one's input too.
    """

    inputs: Callable[[Path], None]
    words: tuple[str, ...]
    same: tuple[str, ...]
    after: str = ""


def _checkout(folder: Path) -> None:
    lay_out(folder / "baseline")
    raw = folder / "baseline/data/dcase2025t2/dev_data/raw"
    make_machine(raw, train=4, test_each=2, noise=1, clip_s=1.0)


def _machine(folder: Path) -> None:
    for number in range(4):
        write(folder / "fan" / "train" / f"clip_{number}.wav", hum(number))
    write(folder / "fan" / "supplemental" / "section_00_noise_0.wav", hiss(0))


def _recordings(folder: Path) -> None:
    for number in range(12):
        write(folder / "normal" / f"{number}.wav", hum(number, 2 * RATE_HZ))
    write(folder / "noise" / "hall.wav", hiss(0))


def _clips(folder: Path) -> None:
    for number in range(3):
        write(folder / "in" / f"day {number}" / f"{number}.wav", hum(number))
    denoiser_that().checkpoint.save(folder / "fan.pt")


def _incoming(folder: Path) -> None:
    for number in range(4):
        write(folder / "incoming" / f"{number}.wav", hum(5 + 400 * number))


def _nothing(folder: Path) -> None:
    pass


COMMANDS = {
    "run": Command(
        _checkout,
        ("run", "compare", "-d", "--baseline", "baseline", "--machine", "fan", *TINY),
        ("**/results/**/*.csv", "**/*.pth", "**/*.pt", "**/score_distr_*"),
    ),
    "train": Command(
        _machine,
        ("train", "fan", "--out", "fan.pt", "--preset", "denoise", *TINY_UNET),
        ("fan.pt",),
    ),
    "apply": Command(_clips, ("apply", "in", "out", "--checkpoint", "fan.pt"), ("out/**/*.wav",)),
    "own": Command(
        _recordings,
        ("own", "normal", "--name", "pump7", "--noise", "noise", "--out", "out", "--clip-s", "1")
        + ("--false-alarms", "0.2", *OWN),
        ("**/*.pth", "**/*.pt", "out/*.onnx", "**/clips.json"),
    ),
    "monitor": Command(
        _incoming,
        ("monitor", "incoming", "--onnx", "out/pump7.onnx", "--once", "--json", "--csv", "a.csv"),
        (),
        after="own",
    ),
    "recalibrate": Command(
        _nothing,
        ("recalibrate", "out/pump7.onnx", "normal"),
        ("out/*.onnx",),
        after="own",
    ),
    "export": Command(
        _clips,
        ("export", "--checkpoint", "fan.pt", "--clip-s", "1", "--out", "fan.onnx"),
        ("fan.onnx",),
    ),
}


def verdicts(said: str) -> list[dict]:
    """The verdicts of a monitor, without their times."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [{key: value for key, value in line.items() if key != "time"} for line in lines]
