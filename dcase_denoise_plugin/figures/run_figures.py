"""The figures of one machine type and seed, each with its bootstrap replicates over test clips."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dcase_denoise_plugin.figures.figures_of_merit import (
    F1_METRICS,
    all_called_anomalies,
    harmonic_mean,
    section_figures,
)
from dcase_denoise_plugin.figures.intervals import clip_weights
from dcase_denoise_plugin.figures.result_tables import AUC_METRICS
from dcase_denoise_plugin.figures.results import Results, SectionScores

MEAN_OF_AUCS, MEAN_OF_F1 = "harmonic mean", "F1 harmonic mean"
# The baseline writes what it computes with 16 digits; more than this is another computation.
SAME = 1e-6


@dataclasses.dataclass(frozen=True)
class RunFigures:
    """Figures by metric, shares of 1, (1 + replicates,) each, the first one over every clip once;
    or (1,) where there are no replicates.

    Attributes
    ----------
    all_called : metrics of F1 for which every clip was called an anomaly.
    notes : what a reader must know of them.
    """

    by_metric: Mapping[str, np.ndarray]
    all_called: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ClipDraws:
    """How often each clip of a machine type counts in each replicate, by section: the same for all
    arms and seeds. Empty where these scored other clips, and then `note` says so.
    """

    weights: Mapping[str, np.ndarray]
    note: str = ""


def draw_clips(machine: str, folders: Sequence[Results], replicates: int) -> ClipDraws:
    """Draws the test clips of a machine type for all its runs in `folders`."""
    runs = [(folder, run) for folder in folders for run in folder.runs if run[0] == machine]
    tables = [folder.sections[run] for folder, run in runs if run in folder.sections]
    if not tables:
        return ClipDraws({})
    if any(_clips(table) != _clips(tables[0]) for table in tables):
        return ClipDraws(
            {}, "not all arms and seeds scored the same clips, so there is no interval over clips."
        )
    if not replicates or len(tables) < len(runs):
        return ClipDraws({})
    return ClipDraws(
        {
            name: clip_weights(section, f"{machine} {name}", replicates)
            for name, section in tables[0].items()
        }
    )


def _clips(table: Mapping[str, SectionScores]) -> dict[str, tuple[str, ...]]:
    return {name: section.clips for name, section in table.items()}


def run_figures(
    results: Results, run: tuple[str, int], draws: ClipDraws, max_fpr: float
) -> RunFigures:
    """By the anomaly scores of the (machine type, seed) `run`, held against the baseline's own
    AUCs; by these alone where the clips' names do not tell the truth.
    """
    sections = results.sections.get(run, {})
    stated = results.stated.get(run, {})
    if not all(np.isfinite(value) for value in stated.values()):
        stated = {}
    found = [
        section_figures(section, draws.weights.get(name, np.ones((1, len(section.clips)))), max_fpr)
        for name, section in sections.items()
    ]
    figures = {
        metric: harmonic_mean([one[metric] for one in found])
        for metric in (*AUC_METRICS, *F1_METRICS)
        if found and all(metric in one for one in found)
    }
    if not any(metric in figures for metric in AUC_METRICS):
        return _stated_alone(sections, stated)
    called = frozenset.intersection(*map(all_called_anomalies, sections.values()))
    if called and called == set(F1_METRICS) & figures.keys():
        called |= {MEAN_OF_F1}
    return RunFigures(_with_means(figures), called, tuple(_deviations(figures, stated)))


def _stated_alone(sections: Mapping[str, SectionScores], stated: Mapping[str, float]) -> RunFigures:
    """What is left where no AUC can be computed."""
    labels = {label for section in sections.values() for label in section.labels}
    if not sections:
        reason = "no anomaly scores"
    elif labels == {-1}:
        reason = "the clips' names do not tell normal from anomaly"
    else:
        reason = "a section has clips of one class only"
    if not stated or labels - {-1}:
        return RunFigures({}, notes=(f"{reason}, so there is no AUC.",))
    note = (
        f"{reason}; the AUCs are those of the baseline's own table, without F1 and without an"
        " interval over clips."
    )
    figures = {metric: np.array([value]) for metric, value in stated.items()}
    return RunFigures(_with_means(figures), notes=(note,))


def _deviations(figures: Mapping[str, np.ndarray], stated: Mapping[str, float]) -> Iterable[str]:
    for metric in AUC_METRICS:
        if metric not in figures or metric not in stated:
            continue
        own, other = figures[metric][0], stated[metric]
        if abs(own - other) > SAME:
            yield (
                f"{metric} is {100 * own:.2f} by the anomaly scores and {100 * other:.2f} by the"
                " baseline's own table; the scores count."
            )


def _with_means(figures: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`figures` with the harmonic means of the AUCs and of the F1 scores."""
    f1s = [figures[metric] for metric in F1_METRICS if metric in figures]
    means = {
        MEAN_OF_AUCS: harmonic_mean(
            [figures[metric] for metric in AUC_METRICS if metric in figures]
        )
    }
    if len(f1s) > 1:
        means[MEAN_OF_F1] = harmonic_mean(f1s)
    return {**figures, **means}


def over_machines(runs: Sequence[RunFigures]) -> RunFigures:
    """Harmonic means over one run of each machine type; a metric that one lacks is left out."""
    figures = {
        metric: harmonic_mean([run.by_metric[metric] for run in runs])
        for metric in runs[0].by_metric
        if all(metric in run.by_metric for run in runs)
    }
    return RunFigures(figures, frozenset.intersection(*(run.all_called for run in runs)))
