"""Features of `fan` built with the flag on and off, turn about: how many times as long, and how
much more memory.
"""

from __future__ import annotations

import statistics

import click

from benchmarks.scratch import load, on_what, scratch_checkout

# A denoiser is as fast after one epoch as after all.
SHORT_TRAINING = ("--denoise_epochs=1", "--denoise_pairs_per_clip=1")


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Times that each is built.")
def main(rounds: int):
    """Takes the real baseline and its own `fan` where DCASE_BASELINE_DIR leads to one, else the
    stand-in and 200 made-up clips of 10 s.
    """
    with scratch_checkout(own_clips=True) as root:
        load(
            root, True, *SHORT_TRAINING, OMP_NUM_THREADS="1"
        )  # trains the denoiser; one thread gets on beside other work, too
        taken = {arm: [] for arm in ("off", "on")}
        for _ in range(rounds):
            for arm, results in taken.items():
                results.append(load(root, arm == "on", *(SHORT_TRAINING if arm == "on" else ())))
        click.echo(on_what(root))
    click.echo(f"{'flag':4}  median s  processor s  peak MB")
    for arm, results in taken.items():
        click.echo(
            f"{arm:4}"
            + "".join(
                f"  {statistics.median(result[what] for result in results):{width}.1f}"
                for what, width in (("s", 8), ("cpu_s", 11), ("peak_mb", 7))
            )
        )
    ratios = [on["s"] / off["s"] for on, off in zip(taken["on"], taken["off"])]
    click.echo(
        f"on / off: {statistics.median(ratios):.2f} (rounds {min(ratios):.2f} … {max(ratios):.2f})"
    )


if __name__ == "__main__":
    main()
