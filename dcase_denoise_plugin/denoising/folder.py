"""Denoises a folder of clips, for listening and for other systems than the baseline."""

from __future__ import annotations

from pathlib import Path

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.device import ready_device
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.sound.audio import (
    check_file,
    check_rate,
    is_recording,
    read_channels,
    rounded,
    write_wav,
)


def denoise_folder(
    source: Path,
    target: Path,
    checkpoint: Path,
    strength: float | None = None,
    preset: str = "",
    device: str = "auto",
) -> int:
    """Denoises every wav under `source` into `target`, under the same relative path and in the same
    sample format; returns how many there were. Of two channels the near one is written.

    `Denoiser.load` says what `strength` and `preset` do, `ready_device` what `device` may be.

    Raises
    ------
    DataError
        If there is none, or `target` is `source` or inside it.
    AudioError
        If a clip is unfit.
    CheckpointError
        If `checkpoint` cannot be read.
    ConfigError, TrainingError
        If `preset` cannot, or `device` is none or cannot be used.
    """
    clips = sorted(filter(is_recording, source.rglob("*")))
    if not clips:
        raise DataError(
            f"IN_DIR: expected wav files, got none under {source}. Name the folder that holds the"
            " clips."
        )
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(
            f"OUT_DIR: expected a folder outside IN_DIR, got {target} in {source}. The recordings"
            " would be overwritten, or the next call would denoise its own output; name another"
            " folder."
        )
    denoiser = Denoiser.load(checkpoint, ready_device(device), strength, preset)
    channels = denoiser.checkpoint.channels
    headers = [check_file(clip, channels) for clip in clips]
    for clip, header in zip(clips, headers):  # all of them before the first is written
        check_rate(header.sample_rate_hz, denoiser.checkpoint.sample_rate_hz, clip)
    for clip, header in zip(clips, headers):
        wav, sample_rate_hz = read_channels(clip, channels)
        write_wav(
            target / clip.relative_to(source),
            rounded(denoiser(wav, sample_rate_hz), header.subtype),
            sample_rate_hz,
            header.subtype,
        )
    return len(clips)
