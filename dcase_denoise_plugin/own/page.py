"""The page about a detector: what was learnt, what it promises, what it would find."""

from __future__ import annotations

import datetime
import importlib.resources
from collections.abc import Iterable
from pathlib import Path

import jinja2
import numpy as np
import torch
from markupsafe import Markup

from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.monitor.faults import KINDS
from dcase_denoise_plugin.own.clips import clips_of
from dcase_denoise_plugin.own.detector import FAULT_LEVELS_DB, Detector
from dcase_denoise_plugin.report.charts import FIRST, INK, SECOND, Chart, score_histogram
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.recordings import Recording
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

MOST_CLIPS = 40  # whose spectra are averaged
MOST_NAMED = 20
FAULTS = {
    "tone": "a steady tone",
    "clicks": "clicks, four a second",
    "band": "one octave of its own sound louder",
    "sidebands": "its own sound rising and falling, 3 to 30 times a second",
}


def write_page(detector: Detector) -> Path:
    """Writes the page beside the detector's file, and returns where. Raises OSError if it
    cannot.
    """
    page = detector.file.with_suffix(".html")
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dcase_denoise_plugin.own", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    calibration = detector.calibration
    now = datetime.datetime.now(datetime.timezone.utc)
    html = environment.get_template("page.html.j2").render(
        detector=detector,
        calibration=calibration,
        threshold=f"{calibration.thresholds[calibration.score]:.4g}",
        levels_db=FAULT_LEVELS_DB,
        faults=FAULTS,
        most_named=MOST_NAMED,
        histogram=_histogram(detector),
        spectra=_spectra(detector),
        written_at=now.strftime("%Y-%m-%d %H:%M UTC"),
        style=(importlib.resources.files("dcase_denoise_plugin.report") / "page.css").read_text(
            encoding="utf-8"
        ),
    )
    with written_whole(page) as aside:
        aside.write_text(html, encoding="utf-8")
    return page


def _histogram(detector: Detector) -> Markup:
    scores = np.array(detector.calibration.scores[detector.calibration.score])
    return score_histogram(
        scores, np.zeros(len(scores), int), SECOND, f"Scores of {len(scores)} normal clips"
    )


def _spectra(detector: Detector) -> Markup:
    """Mean level of each mel band, of the normal clips, the noise and the machine alone."""
    split = detector.split
    spectrogram = Spectrogram(FeatureSettings(), split.sample_rate_hz, "mel")
    chart = Chart("mel band, low to high", "mean level [dB]")
    for name, color, recordings in (
        ("normal clips", SECOND, split.calibration),
        ("noise", FIRST, split.noise),
        ("machine alone", INK, split.machine_alone),
    ):
        if recordings:
            levels_db = _mean_levels(recordings, split.samples, detector.asked.channel, spectrogram)
            chart.axes.plot(levels_db, color=color, label=f".{name}")
    return chart.svg("Spectra of the recordings")


def _mean_levels(
    recordings: Iterable[Recording], samples: int, channel: int, spectrogram: Spectrogram
) -> np.ndarray:
    """(bands,) dB, over the first clips."""
    means = []
    for clip, _ in clips_of(recordings, samples, channel):
        if clip.wav is not None:
            means.append(torch.from_numpy(spectrogram.level_of_wav_db(clip.wav)).mean(-1))
        if len(means) == MOST_CLIPS:
            break
    return torch.stack(means).mean(0).numpy()


assert FAULTS.keys() == KINDS.keys()
