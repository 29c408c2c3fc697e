"""One clip before and after the denoiser, as log-mel spectrograms on one colour scale."""

from __future__ import annotations

from pathlib import Path

import matplotlib.backend_bases
import matplotlib.figure
import numpy as np

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import AudioError, ConfigError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.sound.audio import read_channels, read_wav
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

DYNAMIC_RANGE_DB = 60.0
DOTS_PER_INCH = 110


def draw(clip: Path, denoiser: Denoiser, path: Path, reference: Path | None = None) -> None:
    """Writes a PNG, or what the suffix of `path` says, with the clip, what the denoiser hands over
    and, if there is one, the clean reference.

    Raises
    ------
    AudioError
        If a clip is unfit, has another sample rate than the denoiser was trained at, or the
        reference is of another rate or length than the clip.
    ConfigError
        If no picture has the suffix of `path`.
    """
    kind, kinds = (
        path.suffix[1:] or "png",
        matplotlib.backend_bases.FigureCanvasBase.get_supported_filetypes(),
    )
    if kind.lower() not in kinds:
        raise ConfigError(
            "picture: expected a name that ends in one of"
            f" {', '.join(f'.{known}' for known in kinds)}, got {path}. Name it .png."
        )
    clip_wav, sample_rate_hz = read_channels(clip, denoiser.checkpoint.channels)
    denoised = denoiser(clip_wav, sample_rate_hz)
    wav = clip_wav.reshape(len(clip_wav), -1)[:, 0]
    shown = {"noisy": wav, "denoised": denoised}
    if reference:
        shown["clean reference"], reference_hz = read_wav(reference)
        if reference_hz != sample_rate_hz:
            raise AudioError(
                f"--reference: expected {sample_rate_hz} Hz as in {clip}, got {reference_hz} Hz in"
                f" {reference}. Resample it."
            )
        if len(shown["clean reference"]) != len(wav):
            raise AudioError(
                f"--reference: expected {len(wav)} samples as in {clip}, got"
                f" {len(shown['clean reference'])} in {reference}. Name the recording of the same"
                " moment."
            )
    spectrogram = Spectrogram(denoiser.checkpoint.features, sample_rate_hz, "mel")
    log_mels = {name: spectrogram.level_of_wav_db(samples) for name, samples in shown.items()}
    loudest = np.max([log_mel.max() for log_mel in log_mels.values()])
    figure = matplotlib.figure.Figure(figsize=(4 * len(log_mels), 3), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(log_mels), sharey=True))
    for panel, (name, log_mel) in zip(panels, log_mels.items()):
        image = panel.imshow(
            log_mel,
            origin="lower",
            aspect="auto",
            vmin=loudest - DYNAMIC_RANGE_DB,
            vmax=loudest,
            extent=(0, len(wav) / sample_rate_hz, 0, len(log_mel)),
        )
        panel.set(title=name, xlabel="time [s]")
    panels[0].set_ylabel("mel band")
    figure.colorbar(image, ax=panels, label="level [dB]")
    with written_whole(path) as aside:
        figure.savefig(aside, dpi=DOTS_PER_INCH, format=kind)
