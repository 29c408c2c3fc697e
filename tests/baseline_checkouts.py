"""Checkouts that tests run for real, with a machine of a few short clips: the stand-in always, the
real baseline where DCASE_BASELINE_DIR leads to it.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile
import warm_python

from dcase_denoise_plugin.demo.stand_in import is_stand_in

PROJECT = Path(__file__).resolve().parent.parent
PATCHES = PROJECT / "baseline_patches"
RATE_HZ = 16000
TAG = "id(0_)"
TINY_UNET = (
    "--denoise_preset",
    "denoise",
    "--denoise_image_size",
    "32",
    "--denoise_width",
    "2",
    "--denoise_depth",
    "2",
    "--denoise_epochs",
    "1",
    "--denoise_pairs_per_clip",
    "2",
)


def make_machine(
    raw: Path,
    machine: str = "fan",
    train: int = 12,
    test_each: int = 4,
    noise: int = 3,
    clip_s: float = 1.5,
    far: bool = False,
) -> Path:
    """Writes a machine of short made-up clips in DCASE layout and returns its folder; `far` adds a
    second channel that hears more of the noise.
    """
    rng = np.random.default_rng(hash_of(machine))
    time_s = np.arange(int(clip_s * RATE_HZ)) / RATE_HZ

    def write(split, name, pitch_hz, noise_level=0.05):
        hum = 0.1 * np.sin(2 * np.pi * pitch_hz * time_s) if pitch_hz else 0.0
        path = raw / machine / split / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = noise_level * rng.standard_normal(len(time_s))
        near, away = hum + noise, hum / 4 + 2 * noise
        wav = np.stack([near, away], axis=1) if far else near
        soundfile.write(path, wav.astype(np.float32), RATE_HZ, subtype="PCM_16")

    for index in range(train):
        domain = "target" if index >= train - 2 else "source"
        write(
            "train",
            f"section_00_{domain}_train_normal_{index:04d}_spd_1",
            220 if domain == "source" else 260,
        )
    for domain, pitch_hz in (("source", 220), ("target", 260)):
        for index in range(test_each):
            write("test", f"section_00_{domain}_test_normal_{index:04d}_spd_1", pitch_hz)
            write("test", f"section_00_{domain}_test_anomaly_{index:04d}_spd_1", pitch_hz * 1.5)
    for index in range(noise):
        write("supplemental", f"section_00_noise_{index:04d}_", 0)
    return raw / machine


def hash_of(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)


class Checkout:
    """A baseline folder with the means to run it the way a user does."""

    def __init__(self, root: Path, dataset: str = "DCASE2025T2"):
        self.root, self.dataset = root, dataset

    @property
    def raw(self) -> Path:
        return self.root / "data" / self.dataset.lower() / "dev_data/raw"

    def python(
        self, *words: str, hooked: bool = True, **variables: str
    ) -> subprocess.CompletedProcess:
        """``python3 <words>`` in the checkout; `hooked` puts baseline_patches on PYTHONPATH. A
        program of the stand-in is run by a fork that has its imports behind it.
        """
        if words[0].endswith(".py") and not variables and is_stand_in(self.root):
            return warm_python.run(list(words), self.root, self.environment(hooked))
        return self._run([sys.executable, *words], hooked, variables)

    def bash(
        self, *words: str, hooked: bool = True, **variables: str
    ) -> subprocess.CompletedProcess:
        """``bash <words>`` in the checkout, with this Python as its python3."""
        return self._run(["bash", *words], hooked, variables)

    def train_py(
        self, *options: str, machine: str = "fan", hooked: bool = True, ok: bool = True
    ) -> subprocess.CompletedProcess:
        """The baseline's train.py on one machine with two epochs of the autoencoder; `ok` asserts
        that it succeeds.
        """
        mono = str(self.dataset != "DCASE2026T2")
        extra = ("--mono", mono) if "--mono" in (self.root / "common.py").read_text() else ()
        run = self.python(
            "train.py",
            f"--dataset={self.dataset}{machine}",
            "-d",
            f"-tag={TAG}",
            "--use_ids",
            "0",
            "--epochs",
            "2",
            *extra,
            *options,
            hooked=hooked,
        )
        assert not ok or run.returncode == 0, run.stderr[-3000:]
        return run

    def train_and_test(
        self, *options: str, hooked: bool = True, scores: tuple[str, ...] = ("MSE", "MAHALA")
    ) -> None:
        """A run that trains and tests with the first score, and a test run for each other one:
        a process less than the baseline's scripts, whose imports take longer than its work.
        """
        first, *others = scores
        self.train_py("--score", first, *options, hooked=hooked)
        for score in others:
            self.train_py("--test_only", "--score", score, *options, hooked=hooked)

    def csvs(self, export_dir: str) -> dict[str, bytes]:
        """Every CSV that the runs of `export_dir` wrote: score folder and name → bytes."""
        return {
            f"{score}/{path.name}": path.read_bytes()
            for score in ("MSE", "MAHALA")
            for path in sorted(
                (self.root / "results/dev_data" / f"{export_dir}_{score}").glob("*.csv")
            )
        }

    def environment(self, hooked: bool = True) -> dict[str, str]:
        """The variables of a user who has this Python active and, if `hooked`, baseline_patches on
        PYTHONPATH.
        """
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {
            **os.environ,
            "PATH": path,
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": os.pathsep.join([str(PATCHES), str(PROJECT)]) if hooked else "",
        }

    def _run(self, command, hooked, variables):
        return subprocess.run(
            command,
            cwd=self.root,
            env={**self.environment(hooked), **variables},
            capture_output=True,
            text=True,
        )
