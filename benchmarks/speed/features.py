"""Features of `fan` built with the flag on and off, turn about: how many times as long, and how
much more memory.
"""

from __future__ import annotations

import statistics

import click

from benchmarks.scratch import load, on_what, scratch_checkout


@click.command()
@click.option("--rounds", default=5, show_default=True, help="Times that each is built.")
@click.option("--u-net", is_flag=True, help="The stage with a U-Net; `fan` takes none by itself.")
def main(rounds: int, u_net: bool):
    """Takes the real baseline and its own `fan` where DCASE_BASELINE_DIR leads to one, else the
    stand-in and 200 made-up clips of 10 s.
    """
    # A denoiser is as fast after one epoch as after all.
    network = "always" if u_net else "auto"
    keys = (f"--denoise_network={network}", "--denoise_epochs=1", "--denoise_pairs_per_clip=1")
    with scratch_checkout(own_clips=True) as root:
        # Trains the denoiser; one thread gets on beside other work, too.
        load(root, True, *keys, OMP_NUM_THREADS="1")
        taken = {arm: [] for arm in ("off", "on")}
        for _ in range(rounds):
            for arm, results in taken.items():
                results.append(load(root, arm == "on", *(keys if arm == "on" else ())))
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
