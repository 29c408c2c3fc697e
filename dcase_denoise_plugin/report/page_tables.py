"""Every table on the page and beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dcase_denoise_plugin.figures import intervals
from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.ranks import Moved
from dcase_denoise_plugin.figures.tables import (
    NOTHING,
    Cell,
    Column,
    Table,
    bounds,
    figures_table,
    label,
    mean_and_deviation,
    number,
    seeds_table,
)
from dcase_denoise_plugin.report.clips import LABEL_NAMES
from dcase_denoise_plugin.report.denoised_clips import MachineSound


def page_tables(
    comparisons: Sequence[Comparison],
    moved: Sequence[Moved],
    sounds: Sequence[MachineSound],
    denoisers: Table,
) -> list[Table]:
    """Those that have something to show, in the page's order."""
    tables = [table for comparison in comparisons for table in _of_score(comparison)]
    tables += [_moved_table(moved, comparisons[0]), _separation_table(sounds), denoisers]
    return [table for table in tables if table.rows or table.totals]


def _of_score(comparison: Comparison) -> tuple[Table, Table, Table]:
    score, slug, arms = comparison.score, comparison.score.lower(), comparison.arms
    f1 = f"{score}: F1 at the baseline's threshold"
    return (
        figures_table(slug, f"{score}: AUCs", comparison.auc_rows, arms),
        figures_table(f"{slug}_f1", f1, comparison.f1_rows, arms),
        seeds_table(f"{slug}_seeds", f"{score}: every seed", comparison),
    )


def _moved_table(moved: Iterable[Moved], comparison: Comparison) -> Table:
    columns = (
        Column("Machine", ("machine",), False),
        Column("Clip", ("clip",), False),
        Column("Truth", ("truth",), False),
        Column("Domain", ("domain",), False),
        *(Column(f"Rank, {arm}", (f"rank {arm}",)) for arm in comparison.arms),
        Column("Rise", ("rise",)),
        Column("Of clips", ("clips",)),
    )
    rows = tuple(
        (
            label(clip.machine),
            label(clip.clip),
            label(LABEL_NAMES[clip.label]),
            label(clip.domain or NOTHING),
            number(clip.first, 1),
            number(clip.second, 1),
            number(clip.rise, 1, signed=True, tone=clip.tone),
            number(clip.clips, 0),
        )
        for clip in moved
    )
    title = f"Clips whose rank changed most, by {comparison.score}"
    return Table("ranks", title, columns, rows)


def _separation_table(sounds: Iterable[MachineSound]) -> Table:
    columns = (
        Column("Machine", ("machine",), False),
        Column("Measure", ("measure",), False),
        Column("Noisy [dB]", ("noisy mean", "noisy standard deviation")),
        Column("Denoised [dB]", ("denoised mean", "denoised standard deviation")),
        Column("Improvement [dB]", ("improvement mean", "improvement standard deviation")),
        Column("95 % over clips", ("over clips low", "over clips high")),
        Column("Clips", ("clips",)),
    )
    rows = []
    for sound in (sound for sound in sounds if sound.separation):
        columns_of = list(zip(*sound.separation.values()))
        for measure, before, after in (("SNR", 0, 1), ("SI-SDR", 2, 3)):
            noisy, denoised = columns_of[before], columns_of[after]
            improvements = [after - before for before, after in zip(noisy, denoised)]
            interval = intervals.over_seeds(improvements)
            tone = interval.tone if interval else ""
            rows.append(
                (
                    label(sound.machine),
                    label(measure),
                    mean_and_deviation(noisy),
                    mean_and_deviation(denoised),
                    mean_and_deviation(improvements, signed=True, tone=tone),
                    bounds(interval),
                    Cell(str(len(noisy)), (len(noisy),)),
                )
            )
    return Table("separation", "Against the clean references", columns, tuple(rows))
