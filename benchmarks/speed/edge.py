"""The figures of docs/edge.md: speed, memory and scores of the monitor, from a checkout, from one
exported file and in int8; and of a stream.

    python -m benchmarks.speed.edge CHECKOUT MACHINE

CHECKOUT holds the runs of ``dcase-denoise run denoise -d --machine MACHINE``. Everything is run on
one thread, one after the other.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

# Notes on stderr the peak memory. Not by getrusage: its maximum starts at the memory of the process
# that started this one.
MEMORY = r"""
import sys
def memory():
    with open("/proc/self/status") as status:
        peak_kb = int(next(line for line in status if line.startswith("VmHWM")).split()[1])
    print(f"peak {peak_kb * 1024 / 1e6:.0f} MB resident", file=sys.stderr)
"""
# Runs a command of the CLI; notes on stderr the processor seconds between two lines, too.
TIMED = (
    MEMORY
    + """
import time
import click
from dcase_denoise_plugin import cli
spent, echo = [], click.echo
def noted(*args, **kwargs):
    spent.append(time.process_time())
    echo(*args, **kwargs)
click.echo = noted
try:
    cli.main(sys.argv[1:])
finally:
    print(*(after - before for before, after in zip(spent, spent[1:])), file=sys.stderr)
    memory()
"""
)
TORCH_ALONE = (
    MEMORY
    + """
import torch
memory()
"""
)


def monitored(clips: Path, *options: str) -> tuple[dict[str, dict[str, float]], float, str]:
    """Clip → score → value; median seconds a clip; memory."""
    run = subprocess.run(
        [sys.executable, "-c", TIMED, "monitor", str(clips), "--once", "--json", *options],
        capture_output=True,
        text=True,
    )
    if run.returncode not in (0, 1):  # 1: there was an alarm
        raise SystemExit(run.stderr)
    *_, seconds, memory = run.stderr.splitlines()
    scores = {line["clip"]: line["scores"] for line in map(json.loads, run.stdout.splitlines())}
    return scores, statistics.median(map(float, seconds.split())), memory


def aucs(scores: dict[str, dict[str, float]], score: str) -> list[float]:
    """AUC of each domain's normal clips against all anomalies, and pAUC, in percent, as the
    challenge defines them.
    """
    from sklearn.metrics import roc_auc_score

    truth = np.array(["_anomaly_" in clip for clip in scores])
    values = np.array([of_clip[score] for of_clip in scores.values()])
    of_domains = [
        truth | np.array([f"_{domain}_" in clip for clip in scores])
        for domain in ("source", "target")
    ]
    return [
        100 * auc
        for auc in (
            *(roc_auc_score(truth[chosen], values[chosen]) for chosen in of_domains),
            roc_auc_score(truth, values, max_fpr=0.1),
        )
    ]


def streams(checkpoint: Path, clip: Path) -> None:
    from dcase_denoise_plugin.denoising.denoiser import Denoiser
    from dcase_denoise_plugin.edge.streaming import streaming
    from dcase_denoise_plugin.sound.audio import read_wav

    wav, rate_hz = read_wav(clip)
    denoiser = Denoiser.load(checkpoint, "cpu", preset="recommended")
    by_frame = Denoiser(
        denoiser.checkpoint, "cpu", config=dataclasses.replace(denoiser.config, output="frames")
    )
    for name, one in (("preset recommended", denoiser), ("denoise_output frames", by_frame)):
        stream = streaming(one, len(wav) / rate_hz)
        start = time.process_time()
        for _ in range(20):
            for first in range(0, len(wav), 1600):
                stream.push(wav[first : first + 1600])
        spent = time.process_time() - start
        print(
            f"{type(stream).__name__} ({name}), pushes of 0.1 s:"
            f" {20 * len(wav) / rate_hz / spent:.0f} times real time, latency"
            f" {stream.latency_samples} samples = {stream.latency_samples / rate_hz:.2f} s"
        )


def main(checkout: str, machine: str) -> None:
    root = Path(checkout).absolute()
    clips = root / "data/dcase2025t2/dev_data/raw" / machine / "test"
    clip_s = soundfile.info(next(clips.glob("*.wav"))).duration
    trained = ["--machine", machine, "--baseline", str(root)]
    in_csv: dict[str, dict[str, float]] = {}
    for score in ("MSE", "MAHALA"):
        (table,) = (root / "results/dev_data" / f"baseline_denoise_{score}").glob(
            f"anomaly_score_*T2{machine}_*.csv"
        )
        with open(table, newline="") as stream:
            for clip, value in csv.reader(stream):
                in_csv.setdefault(clip, {})[score] = float(value)
    alone = subprocess.run(
        [sys.executable, "-c", TORCH_ALONE], capture_output=True, text=True, check=True
    )
    print("PyTorch alone, imported:", alone.stderr.strip())
    with tempfile.TemporaryDirectory() as folder:
        for name, int8 in (("float32", ()), ("int8", ("--int8",))):
            command = [
                sys.executable,
                "-m",
                "dcase_denoise_plugin",
                "export",
                "--out",
                f"{folder}/{name}.onnx",
                *int8,
                *trained,
            ]
            subprocess.run(command, check=True, capture_output=True)
        ways = {
            "checkout, PyTorch": trained,
            **{
                f"onnxruntime, {name}": ["--onnx", f"{folder}/{name}.onnx"]
                for name in ("float32", "int8")
            },
        }
        for name, options in ways.items():
            scores, seconds, memory = monitored(clips, *options)
            print(
                f"{name}: {1e3 * seconds:.1f} ms a clip, {clip_s / seconds:.0f} times real time,"
                f" {memory}"
            )
            for score in ("MSE", "MAHALA"):
                off = [abs(scores[clip][score] / in_csv[clip][score] - 1) for clip in in_csv]
                print(
                    f"  {score}: off the CSV by {statistics.median(off):.1e} (median),"
                    f" {max(off):.1e} (largest) of the score; AUC source, target, pAUC"
                    f" {', '.join(f'{value:.2f}' for value in aucs(scores, score))} (CSV"
                    f" {', '.join(f'{value:.2f}' for value in aucs(in_csv, score))})"
                )
    checkpoint = json.loads(
        next(
            (root / "models/saved_model/baseline_denoise").glob(
                f"denoise_receipt_*T2{machine}_*.json"
            )
        ).read_text()
    )["checkpoint"]
    streams(root / checkpoint, next(iter(sorted(clips.glob("*.wav")))))


if __name__ == "__main__":
    main(*sys.argv[1:])
