"""The charts of each machine type: its scores, its trainings, and what its clips lost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
import sklearn.metrics
from markupsafe import Markup

from dcase_denoise_plugin.figures.comparison import Comparison
from dcase_denoise_plugin.figures.results import Results, SectionScores
from dcase_denoise_plugin.report import charts
from dcase_denoise_plugin.report.clips import LABEL_NAMES
from dcase_denoise_plugin.report.denoised_clips import MachineSound
from dcase_denoise_plugin.report.subject import Subject
from dcase_denoise_plugin.runner.step_log import autoencoder_losses, denoiser_losses

COLOURS = (charts.FIRST, charts.SECOND)


@dataclasses.dataclass(frozen=True)
class MachineCharts:
    """Of one machine type: (caption, drawing) each."""

    machine: str
    pictures: tuple[tuple[str, Markup], ...]


def score_charts(comparison: Comparison, max_fpr: float) -> list[MachineCharts]:
    """Histograms of one seed and ROC curves of all, machine by machine."""
    return [
        MachineCharts(machine, tuple(_of_scores(comparison, machine, max_fpr)))
        for machine in comparison.machines
    ]


def _of_scores(
    comparison: Comparison, machine: str, max_fpr: float
) -> Iterator[tuple[str, Markup]]:
    roc = []
    for results, name, colour in zip(comparison.results, comparison.arms, COLOURS):
        runs = _pooled_by_seed(results, machine)
        for seed, (scores, labels) in list(runs.items())[:1]:
            about = f"{machine}, {name}: histogram of {comparison.score} scores of seed {seed}"
            picture = charts.score_histogram(scores, labels, colour, about)
            yield f"{name}, seed {seed}", picture
        for scores, labels in runs.values():
            known = labels >= 0
            if len(set(labels[known])) == 2:
                rates = sklearn.metrics.roc_curve(labels[known], scores[known])[:2]
                roc.append((name, colour, *rates))
    if roc:
        about = f"{machine}: ROC curves under {comparison.score}, one a seed"
        yield "ROC, every seed", charts.roc_curves(roc, max_fpr, about)


def _pooled_by_seed(
    results: Results | None, machine: str
) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Scores and labels of all sections, by seed."""
    found = {}
    for (own, seed), sections in sorted(results.sections.items()) if results else ():
        if own == machine:
            found[seed] = _pooled(sections)
    return found


def _pooled(sections: Mapping[str, SectionScores]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([section.scores for section in sections.values()]),
        np.concatenate([section.labels for section in sections.values()]),
    )


def training_charts(subject: Subject) -> list[MachineCharts]:
    """Losses of the autoencoder and the denoiser, every seed, machine by machine."""
    return [
        MachineCharts(machine, tuple(_of_trainings(subject, machine)))
        for machine in subject.machines
    ]


def _of_trainings(subject: Subject, machine: str) -> Iterator[tuple[str, Markup]]:
    autoencoder, denoiser = [], []
    for name, colour, checkouts in zip(subject.names, COLOURS, subject.checkouts):
        for checkout in checkouts[:1]:  # both scores rest on one training
            for seed in (seed for own, seed in checkout.results.runs if own == machine):
                for kind, line, losses in autoencoder_losses(checkout.log(machine, seed)):
                    autoencoder.append((f"{name}, {kind}", colour, line, losses))
                if checkout.receipt(machine, seed):
                    losses = denoiser_losses(checkout.run_logs(machine, seed), machine)
                    denoiser += [(name, colour, "-", losses)] if losses else []
    for what, curves in (("autoencoder", autoencoder), ("denoiser", denoiser)):
        if curves:
            about = f"{machine}: loss of the {what} by epoch, every seed"
            yield what.capitalize(), charts.loss_curves(curves, "loss", about)


def removed_chart(sound: MachineSound, subject: Subject) -> Markup | None:
    """What was removed by band and kind of clip; None where nothing was measured."""
    truth = {
        name: int(label)
        for section in subject.sections(sound.machine)
        for name, label in zip(section.clips, section.labels)
    }
    kinds = {}
    for kind in (0, 1, -1):
        removed = [level for clip, level in sound.removed_db.items() if truth[clip] == kind]
        if removed:
            kinds[LABEL_NAMES[kind]] = np.array(removed)
    if not kinds or sound.band_centres_hz is None:
        return None
    about = f"{sound.machine}: level removed by frequency band"
    return charts.removed_per_band(sound.band_centres_hz, kinds, about)
