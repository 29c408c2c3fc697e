"""What benchmarks share: a scratch checkout with the clips asked for, the baseline's data loading
in a process of its own, and the line that says on what.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.demo import stand_in
from dcase_denoise_plugin.runner.processes import child_environment

RATE_HZ = 16000
MACHINES = ("fan", "bearing", "gearbox", "valve", "slider", "ToyCar", "ToyTrain")
RAW = Path("data/dcase2025t2/dev_data/raw")
# Loads the training split as the baseline's train.py does, after the same reading of its settings.
LOAD = """
import json, resource, sys, time
import common, networks.models
from datasets.datasets import Datasets
settings, parser = common.yaml_load(), common.get_argparse()
args = parser.parse_args(namespace=parser.parse_args(args=common.param_to_args_list(settings)))
args.cuda = False
start = time.perf_counter(), time.process_time()
data = Datasets(args.dataset).data(args)
took = time.perf_counter() - start[0], time.process_time() - start[1]
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"s": took[0], "cpu_s": took[1], "peak_mb": peak_mb}))
"""


def on_what(checkout: Path) -> str:
    """Processor, cores, load and versions, for the head of a table."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "librosa")
    )
    baseline = "the stand-in baseline" if stand_in.is_stand_in(checkout) else "the real baseline"
    return (
        f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python"
        f" {platform.python_version()}, {versions}; {baseline}"
    )


def _processor() -> str:
    with (
        contextlib.suppress(OSError, StopIteration),
        open("/proc/cpuinfo", encoding="utf-8") as file,
    ):
        return next(
            line.partition(":")[2].strip() for line in file if line.startswith("model name")
        )
    return platform.processor()


@contextlib.contextmanager
def scratch_checkout(own_clips: bool = False) -> Iterator[Path]:
    """A fresh checkout of the baseline that DCASE_BASELINE_DIR names, else of the stand-in, for as
    long as the context lasts; `own_clips` brings its `fan`.
    """
    with tempfile.TemporaryDirectory() as folder:
        root, source = Path(folder, "baseline"), os.environ.get("DCASE_BASELINE_DIR")
        if source:
            subprocess.run(
                ["git", "-c", "advice.detachedHead=false", "clone", "--quiet", source, root],
                check=True,
            )
        else:
            stand_in.lay_out(root)
        if own_clips and source and Path(source, RAW, "fan").is_dir():
            (root / RAW).mkdir(parents=True, exist_ok=True)
            shutil.copytree(Path(source, RAW, "fan"), root / RAW / "fan")
        elif own_clips:
            make_clips(root, 200, 10.0)
        yield root


def make_clips(root: Path, clips: int, clip_s: float, machine: str = "fan") -> None:
    """Makes up `clips` training clips (one in ten of the target domain) and 20 noise clips of one
    length, in the place of any that are there.
    """
    rng = np.random.default_rng(0)
    time_s = np.arange(int(clip_s * RATE_HZ)) / RATE_HZ
    noise = rng.standard_normal(2 * len(time_s)).astype(np.float32)
    shutil.rmtree(root / RAW / machine, ignore_errors=True)
    for split, count in (("train", clips), ("supplemental", 20)):
        (root / RAW / machine / split).mkdir(parents=True)
        for index in range(count):
            start = rng.integers(len(time_s))
            wav = 0.05 * noise[start : start + len(time_s)]
            if split == "train":
                wav = wav + 0.1 * np.sin(2 * np.pi * (200 + index % 10) * time_s)
            name = (
                f"section_00_{'target' if index % 10 == 9 else 'source'}_train_normal_{index:05d}"
                if split == "train"
                else f"section_00_noise_{index:04d}_"
            )
            soundfile.write(
                root / RAW / machine / split / f"{name}.wav",
                wav.astype(np.float32),
                RATE_HZ,
                subtype="PCM_16",
            )


def load(
    root: Path, denoise: bool, *options: str, machine: str = "fan", **variables: str
) -> dict[str, float]:
    """Builds the training features anew in a process of its own: seconds, processor seconds, and
    the peak of resident memory in MB.
    """
    shutil.rmtree(root / RAW.parent / "processed", ignore_errors=True)
    arm = (
        ["--denoise=true", "--denoise_preset=recommended", "--export_dir=denoised"]
        if denoise
        else ["--denoise=false", "--export_dir=plain"]
    )
    command = [
        sys.executable,
        "-c",
        LOAD,
        f"--dataset=DCASE2025T2{machine}",
        "-d",
        "--use_ids",
        "0",
        "--train_only",
        *arm,
        *options,
    ]
    run = subprocess.run(
        command, cwd=root, env={**child_environment(), **variables}, capture_output=True, text=True
    )
    if run.returncode:
        raise SystemExit(run.stderr[-2000:])
    return json.loads(run.stdout.splitlines()[-1])
