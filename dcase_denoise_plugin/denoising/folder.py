"""Denoises clips, for listening and for other systems than the baseline."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.device import ready_device
from dcase_denoise_plugin.errors import AudioError, DataError, warn_once
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
    overwrite: bool = False,
) -> int:
    """Denoises the wav `source`, or every wav under it into `target`, under the same relative path
    and in the same sample format; returns how many there were. All are checked before the first is
    written. Of two channels the near one is written. Clips that come out as they went in are told.

    `Denoiser.load` says what `strength` and `preset` do, `ready_device` what `device` may be.

    Parameters
    ----------
    target : a folder, or of one wav also the name of another.
    overwrite : whether files may be overwritten that are there.

    Raises
    ------
    DataError
        If there is none, `target` is `source` or inside it, or an output would overwrite a clip,
        another output, or unasked a file that is there.
    AudioError
        If a clip is unfit.
    CheckpointError
        If `checkpoint` cannot be read.
    ConfigError, TrainingError
        If `preset` cannot, or `device` is none or cannot be used.
    """
    outputs = _outputs(source, target)
    denoiser = Denoiser.load(checkpoint, ready_device(device), strength, preset)
    _check_outputs(outputs, overwrite)
    subtypes = {clip: _check_clip(clip, denoiser.checkpoint) for clip in outputs}
    unchanged = 0
    for clip, subtype in tqdm(subtypes.items(), unit="clip", disable=None):
        wav, sample_rate_hz = read_channels(clip, denoiser.checkpoint.channels)
        denoised = denoiser(wav, sample_rate_hz)
        check_finite(denoised, f"what {clip} became")
        written = rounded(denoised, subtype)
        unchanged += np.array_equal(written, wav if wav.ndim == 1 else wav[:, 0])
        write_wav(outputs[clip], written, sample_rate_hz, subtype)
    if unchanged:
        warn_once(
            "OUT",
            target,
            f"expected denoised clips, got {unchanged} of {len(outputs)} as they were in {target}."
            " Nothing told the denoiser what the noise is like, or its strength is 0;"
            " docs/own-recordings.md says what it needs.",
        )
    return len(outputs)


def _outputs(source: Path, target: Path) -> dict[Path, Path]:
    """Clip → where it goes. Raises DataError if there is none, or a folder's would be in it."""
    if source.is_file():
        return {source: target if target.suffix.lower() == ".wav" else target / source.name}
    clips = wav_files(source, below=True)
    if not clips:
        raise DataError(
            f"IN: expected a wav file, or a folder of them, got none under {source}. Correct the"
            " path."
        )
    if target.resolve().is_relative_to(source.resolve()):
        raise DataError(
            f"OUT: expected a folder outside IN, got {target} in {source}. The recordings"
            " would be overwritten, or the next call would denoise its own output; name another"
            " folder."
        )
    return {clip: target / clip.relative_to(source) for clip in clips}


def _check_outputs(outputs: Mapping[Path, Path], overwrite: bool) -> None:
    """Refuses outputs of which one would overwrite another one, a clip, or unasked any other file.
    Raises DataError.
    """
    taken = {os.path.realpath(clip): clip for clip in outputs}
    for clip, output in outputs.items():
        real = os.path.realpath(output)
        if real in taken or output.is_dir():
            raise DataError(
                f"OUT: expected a place of its own for each denoised clip, got {output} for"
                f" {clip}, which is {taken.get(real, 'a folder')}. Name another folder."
            )
        taken[real] = output
    there = [output for output in outputs.values() if output.exists()]
    if there and not overwrite:
        raise DataError(
            f"OUT: expected no files where the denoised clips go, got {len(there)}, such as"
            f" {there[0]}. Say --overwrite, or name another place."
        )


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
