"""How time and memory grow with the number of clips, their length and the number of machines: a
table, and a picture on request.
"""

from __future__ import annotations

import math
from pathlib import Path

import click
import matplotlib

from benchmarks.scratch import MACHINES, load, make_clips, on_what, scratch_checkout

# The shape of growth does not hang on the size of the network or the number of epochs.
ONE_EPOCH = ("--denoise_epochs=1", "--denoise_pairs_per_clip=1")
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
PARTS = ("baseline alone", "with the stage", "and its training")
AXES = {
    "clips": "clips of 1 s",
    "seconds": "length of 4 clips in s",
    "machines": "machines of 50 clips of 1 s",
}


def measured(root: Path, axis: str, size: int) -> dict[str, tuple[float, float]]:
    """Part → processor seconds and peak resident memory in MB of the baseline's data loading at one
    point of an axis.
    """
    machines = MACHINES[:size] if axis == "machines" else MACHINES[:1]
    found = {part: (0.0, 0.0) for part in PARTS}
    for machine in machines:
        make_clips(
            root,
            {"clips": size, "seconds": 4, "machines": 50}[axis],
            size if axis == "seconds" else 1.0,
            machine,
        )
        trained_on_the_way = load(root, True, *ONE_EPOCH, machine=machine, **ONE_THREAD)
        results = (
            load(root, False, machine=machine, **ONE_THREAD),
            load(root, True, *ONE_EPOCH, machine=machine, **ONE_THREAD),
            trained_on_the_way,
        )
        for part, result in zip(PARTS, results):
            found[part] = found[part][0] + result["cpu_s"], max(found[part][1], result["peak_mb"])
    return found


def exponent(sizes: list[int], values: list[float]) -> float:
    """b of value ~ size**b over the upper half of the axis, where constant costs weigh least; 1 is
    linear.
    """
    low, high = len(sizes) // 2 - 1, len(sizes) - 1
    return math.log(values[high] / values[low]) / math.log(sizes[high] / sizes[low])


def draw(results: dict, path: Path) -> None:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(
        2,
        len(results),
        figsize=(4 * len(results), 6),
        squeeze=False,
        sharex="col",
        layout="constrained",
    )
    for column, (axis, points) in zip(panels.T, results.items()):
        for panel, index, label in zip(
            column, (0, 1), ("processor time in s", "peak memory in MB")
        ):
            for part in PARTS:
                panel.loglog(
                    list(points),
                    [point[part][index] for point in points.values()],
                    marker="o",
                    label=part,
                )
            first, *_, last = points
            start = points[first][PARTS[0]][index]
            panel.loglog(
                [first, last],
                [start, start * last / first],
                color="grey",
                linestyle=":",
                label="linear",
            )
            panel.set_ylabel(label)
        column[1].set_xlabel(AXES[axis])
    panels[0][0].legend()
    figure.savefig(path, dpi=80)


@click.command()
@click.option(
    "--clips",
    default="100,300,1000,3000,10000",
    show_default=True,
    help="Numbers of clips of 1 s; empty leaves the axis out.",
)
@click.option(
    "--seconds", default="1,10,60,600", show_default=True, help="Lengths of 4 clips, in s."
)
@click.option(
    "--machines",
    default="1,2,4,7",
    show_default=True,
    help="Numbers of machines of 50 clips of 1 s.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Draws the table there.")
def main(plot: Path | None, **axes: str):
    """Made-up clips; the real baseline where DCASE_BASELINE_DIR leads to one, else the stand-in.
    Processor time: other work disturbs it least.
    """
    results = {}
    with scratch_checkout() as root:
        click.echo(on_what(root))
        for axis, sizes in (
            (axis, [int(size) for size in given.split(",")])
            for axis, given in axes.items()
            if given
        ):
            click.echo(f"\n{AXES[axis]:>28}" + "".join(f"  {part:>16} s / MB" for part in PARTS))
            results[axis] = {}
            for size in sizes:
                results[axis][size] = point = measured(root, axis, size)
                click.echo(
                    f"{size:28}"
                    + "".join(f"  {point[part][0]:14.1f} / {point[part][1]:6.0f}" for part in PARTS)
                )
            columns = {
                part: [[point[part][index] for point in results[axis].values()] for index in (0, 1)]
                for part in PARTS
            }
            click.echo(
                f"{'exponent of the upper half':>28}"
                + "".join(
                    f"  {exponent(sizes, seconds):14.2f} / {exponent(sizes, megabytes):6.2f}"
                    for seconds, megabytes in columns.values()
                )
            )
    if plot:
        draw(results, plot)


if __name__ == "__main__":
    main()
