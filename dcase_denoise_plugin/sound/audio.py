"""Wav files in and out, and the checks on what comes in."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.sound.not_loaded import check_present

SHORTEST_CLIP_S = 1.0
STREAMED_BYTES = 0x7FFFFF00  # so much and more is announced by who could not know
MOST_CHANNELS = 2  # near the machine, far from it
# Bits of a sample, where float32 can hold more.
BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}


class Header(NamedTuple):
    """What a wav file says of itself; `subtype` is libsndfile's name of the format of its samples,
    such as PCM_16.
    """

    samples: int
    sample_rate_hz: int
    subtype: str
    channels: int


def read_wav(path: Path | str, channels: int | None = 1) -> tuple[np.ndarray, int]:
    """Reads the channel near the machine, a mono clip's only one.

    Returns
    -------
    wav : float32, (samples,), full scale ±1
    sample_rate_hz : int

    Raises
    ------
    AudioError
        If `check_file` refuses the file or `check_wav` its samples.
    """
    check_file(path, channels)
    wavs, sample_rate_hz = soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    wav = np.ascontiguousarray(wavs[:, 0])
    check_wav(wav, sample_rate_hz, path)
    return wav, sample_rate_hz


def read_channels(path: Path | str, channels: int | None) -> tuple[np.ndarray, int]:
    """Reads a clip as `Denoiser` takes it, (samples,) or (samples, 2) float32, and its rate in Hz.
    Raises AudioError as `read_wav` and `read_far` do.
    """
    near, sample_rate_hz = read_wav(path, channels)
    if check_file(path, channels).channels == 1:
        return near, sample_rate_hz
    return np.stack([near, read_far(path)], axis=1), sample_rate_hz


def read_far(path: Path | str) -> np.ndarray:
    """The channel far from the machine of a two-channel clip: float32, (samples,). Raises
    AudioError if the file is none, or not finite there.
    """
    check_file(path, MOST_CHANNELS)
    wav = soundfile.read(os.fsencode(path), dtype="float32")[0][:, 1]
    check_finite(wav, path)
    return np.ascontiguousarray(wav)


def check_file(path: Path | str, channels: int | None = 1) -> Header:
    """Refuses a file that is no whole wav of so many `channels` (None: one or two), by its header
    alone, which it returns.

    Raises
    ------
    AudioError
        Naming the file, what was expected and what to do.
    """
    check_present(path)
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            header = Header(file.frames, file.samplerate, file.subtype, file.channels)
            report = file.extra_info
    except (OSError, RuntimeError) as error:
        why = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(
            f"clip: expected a readable wav file, got {why} in {path}. Replace or remove the file."
        ) from None
    check_channels(header.channels, channels, path)
    # libsndfile reads what is left of a truncated file without complaint and says so only in its
    # report. Streamed files announce 0 or 4 GiB; those are whole.
    shortfall = re.search(r"data : (\d+) \(should be (\d+)\)", report)
    if shortfall and int(shortfall[2]) < int(shortfall[1]) < STREAMED_BYTES:
        raise AudioError(
            f"clip: expected the {shortfall[1]} bytes of sound its header announces, got"
            f" {shortfall[2]} in {path}. The file is truncated; copy it again."
        )
    return header


def check_channels(got: int, expected: int | None, path: Path | str) -> None:
    """Refuses a clip of another number of channels than its machine's (None: of more than two).
    Raises AudioError.
    """
    if got > MOST_CHANNELS:
        raise AudioError(
            f"clip: expected one channel, or two (near the machine, far from it), got {got} in"
            f" {path}. Keep one or two of them."
        )
    if expected == 1 and got != 1:
        raise AudioError(
            f"clip: expected one channel, got {got} in {path}. Convert the clip to mono; or, where"
            " all clips have a near and a far microphone, use a baseline from v5.0.0 on with"
            " --mono=False."
        )
    if expected == MOST_CHANNELS and got == 1:
        raise AudioError(
            f"clip: expected two channels (near the machine, far from it), got one in {path}."
            " Replace or remove the file; or, where all clips are mono, set --mono=True."
        )


def check_wav(wav: np.ndarray, sample_rate_hz: int, path: Path | str) -> None:
    """Refuses samples (float, (samples,)) that would make a comparison a lie: not finite, all zero,
    or less than 1 s of them.

    Raises
    ------
    AudioError
        Naming the file, what was expected and what to do.
    """
    if len(wav) < SHORTEST_CLIP_S * sample_rate_hz:
        raise AudioError(
            f"clip: expected at least {SHORTEST_CLIP_S:g} s"
            f" ({int(SHORTEST_CLIP_S * sample_rate_hz)} samples), got {len(wav)} samples in {path}."
            " Replace or remove the file."
        )
    check_finite(wav, path)
    if not wav.any():
        raise AudioError(
            f"clip: expected sound, got only zeros in {path}. Replace or remove the file."
        )


def check_finite(wav: np.ndarray, path: Path | str) -> None:
    """Refuses samples that are NaN or infinite. Raises AudioError."""
    if not np.isfinite(wav).all():
        raise AudioError(
            f"clip: expected finite samples, got {np.count_nonzero(~np.isfinite(wav))} that are NaN"
            f" or infinite in {path}. Replace or remove the file."
        )


def check_fit(
    samples: int,
    sample_rate_hz: int,
    expected_samples: int,
    expected_hz: int,
    path: Path | str,
    like: str = "in training",
) -> None:
    """Refuses a clip of another length or rate than those of the machine's other clips, `like`
    which they should be. Raises AudioError.
    """
    check_rate(sample_rate_hz, expected_hz, path, like)
    if samples != expected_samples:
        raise AudioError(
            f"clip: expected {expected_samples} samples as {like}, got {samples} in {path}. Cut,"
            " pad or remove the file."
        )


def check_rate(
    sample_rate_hz: int, expected_hz: int, path: Path | str, like: str = "in training"
) -> None:
    """Refuses a clip of another rate. Raises AudioError."""
    if sample_rate_hz != expected_hz:
        raise AudioError(
            f"clip: expected {expected_hz} Hz as {like}, got {sample_rate_hz} Hz in {path}."
            " Resample or remove the file."
        )


def check_alike(files: Iterable[Path], channels: int) -> None:
    """Refuses clips that are no whole wavs of so many channels, one length and one rate, by their
    headers alone. Raises AudioError as `check_file` and `check_fit` do.
    """
    first = None
    for file in files:
        header = check_file(file, channels)
        first = first or (file, header)
        check_fit(
            header.samples,
            header.sample_rate_hz,
            first[1].samples,
            first[1].sample_rate_hz,
            file,
            f"in {first[0]}",
        )


def rounded(wav: np.ndarray, subtype: str) -> np.ndarray:
    """Samples, float (samples,), full scale ±1, at the nearest step of a format; libsndfile would
    take the one below.
    """
    steps = 2 ** (BITS[subtype] - 1) if subtype in BITS else 0
    return np.rint(wav * steps) / steps if steps else wav


def write_wav(path: Path, wav: np.ndarray, sample_rate_hz: int, subtype: str = "PCM_16") -> None:
    """Writes one mono clip, clipped at full scale unless the format is a float one; aside first, so
    that a file that is there is whole.
    """
    try:
        with written_whole(path) as aside:
            soundfile.write(os.fsencode(aside), wav, sample_rate_hz, subtype=subtype, format="WAV")
    except (OSError, RuntimeError) as error:
        raise AudioError(
            f"denoised clip: expected to write {path}, got {error}. Free space or choose another"
            " folder."
        ) from None


def wav_files(folder: Path) -> tuple[Path, ...]:
    """A machine type's clips as the baseline finds them, ``*.wav`` by name, and so no hidden ones
    such as macOS leaves; none if there is no folder. Raises DataError if it may not be read.
    """
    try:
        if folder.is_dir():
            os.scandir(folder).close()
    except OSError as error:
        raise DataError(
            f"folder of clips: expected one that may be read, got {error.strerror} in {folder}."
            " Correct its rights."
        ) from None
    return tuple(Path(file) for file in sorted(glob.glob(f"{glob.escape(str(folder))}/*.wav")))


def is_recording(file: Path) -> bool:
    """Whether a file that a user hands over is a recording: .wav in small or capital letters, and
    not hidden.
    """
    return file.suffix.lower() == ".wav" and not file.name.startswith(".")
