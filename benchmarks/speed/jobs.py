"""The whole run, two machines of the demo with the stand-in baseline: side by side (--jobs 2) and
one after the other (--jobs 1), turn about.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from benchmarks.scratch import on_what
from dcase_denoise_plugin.demo import stand_in
from dcase_denoise_plugin.demo.machines import make_machines


def run(jobs: int) -> float:
    """Seconds of one call of the program on a fresh checkout."""
    with tempfile.TemporaryDirectory() as folder:
        root = stand_in.lay_out(Path(folder, "baseline"))
        make_machines(root, source_train=40, target_train=4, test=5, noise=10)
        command = [
            sys.executable,
            "-m",
            "dcase_denoise_plugin",
            "run",
            "denoise",
            "-d",
            "-q",
            "--baseline",
            root,
            "--jobs",
            str(jobs),
            "--set",
            "epochs=10",
        ]
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start


@click.command()
@click.option("--rounds", default=3, show_default=True, help="Times that each is run.")
def main(rounds: int):
    """One after the other leaves each all threads; side by side, they share the cores."""
    taken = {jobs: [] for jobs in (1, 2)}
    for _ in range(rounds):
        for jobs, seconds in taken.items():
            seconds.append(run(jobs))
    click.echo(on_what(Path(stand_in.__file__).parent / "stand_in_baseline"))
    for jobs, seconds in taken.items():
        click.echo(f"--jobs {jobs}: median {statistics.median(seconds):.1f} s")
    ratios = [one / two for one, two in zip(taken[1], taken[2])]
    click.echo(
        f"side by side is {statistics.median(ratios):.2f} times as fast (rounds {min(ratios):.2f} …"
        f" {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
