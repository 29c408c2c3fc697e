"""Denoises a folder of clips, for listening and for other systems than the baseline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.device import ready_device
from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.audio import (
    check_finite,
    check_rate,
    read_channels,
    rounded,
    wav_files,
    write_wav,
)
from dcase_denoise_plugin.sound.wav_header import OF_WHOLE_SAMPLES, check_file


def denoise_folder(
    source: Path,
    target: Path,
    checkpoint: Path,
    strength: float | None = None,
    preset: str = "",
    device: str = "auto",
) -> int:
    """Denoises every wav under `source` into `target`, under the same relative path and in the same
    sample format; returns how many there were. All are checked before the first is written. Of
    two channels the near one is written.

    `Denoiser.load` says what `strength` and `preset` do, `ready_device` what `device` may be.

    Raises
    ------
    DataError
        If there is none, `target` is `source` or inside it, or an output would overwrite a clip or
        another output.
    AudioError
        If a clip is unfit.
    CheckpointError
        If `checkpoint` cannot be read.
    ConfigError, TrainingError
        If `preset` cannot, or `device` is none or cannot be used.
    """
    clips = wav_files(source, below=True)
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
    outputs = {clip: target / clip.relative_to(source) for clip in clips}
    _check_outputs(outputs)
    subtypes = {clip: _check_clip(clip, denoiser.checkpoint) for clip in clips}
    for clip, subtype in subtypes.items():
        wav, sample_rate_hz = read_channels(clip, denoiser.checkpoint.channels)
        denoised = denoiser(wav, sample_rate_hz)
        check_finite(denoised, f"what {clip} became")
        write_wav(outputs[clip], rounded(denoised, subtype), sample_rate_hz, subtype)
    return len(clips)


def _check_outputs(outputs: Mapping[Path, Path]) -> None:
    """Refuses outputs of which one would overwrite another one, or a clip. Raises DataError."""
    taken = {os.path.realpath(clip): clip for clip in outputs}
    for clip, output in outputs.items():
        real = os.path.realpath(output)
        if real in taken or output.is_dir():
            raise DataError(
                f"OUT_DIR: expected a place of its own for each denoised clip, got {output} for"
                f" {clip}, which is {taken.get(real, 'a folder')}. Name another folder."
            )
        taken[real] = output


def _check_clip(clip: Path, like: Checkpoint) -> str:
    """The coding of a clip that can be denoised and written again. Raises AudioError for any
    other.
    """
    header = check_file(clip, like.channels)
    check_rate(header.sample_rate_hz, like.sample_rate_hz, clip)
    if header.subtype not in OF_WHOLE_SAMPLES:
        raise AudioError(
            f"clip: expected PCM, float, u-law or A-law samples, got {header.subtype} in {clip}. A"
            " copy in that coding would be longer than the clip; convert it."
        )
    read_channels(clip, like.channels)
    return header.subtype
