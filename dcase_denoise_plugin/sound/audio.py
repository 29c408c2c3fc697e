"""Wav files in and out, and the checks on what comes in."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.errors import AudioError, DataError, first_line, warn_once
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS, check_channels, check_file

SHORTEST_CLIP_S = 1.0
LOUDEST = 2.0**32  # floats may hold integers of 32 bits; energies of more than 1e16 overflow
SOUNDFILES = {f".{name.lower()}" for name in soundfile.available_formats()}
OTHER_SOUND = (SOUNDFILES | set(".aac .aif .m4a .opus .wave .wma".split())) - {".wav"}
# Bits of a sample, where float32 can hold more.
BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24}


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
    wavs, sample_rate_hz = _decoded(path)
    wav = np.ascontiguousarray(wavs[:, 0])
    check_wav(wav, sample_rate_hz, path)
    return wav, sample_rate_hz


def read_channels(path: Path | str, channels: int | None) -> tuple[np.ndarray, int]:
    """Reads a clip as `Denoiser` takes it, (samples,) or (samples, 2) float32, and its rate in Hz.
    Raises AudioError as `read_wav` does, or if the far channel is not finite.
    """
    is_mono = check_file(path, channels).channels == 1
    wavs, sample_rate_hz = _decoded(path)
    clip = wavs[:, 0].copy() if is_mono else wavs[:, :MOST_CHANNELS]
    check_clip(clip, sample_rate_hz, path)
    return clip, sample_rate_hz


def _decoded(path: Path | str) -> tuple[np.ndarray, int]:
    try:
        return soundfile.read(os.fsencode(path), dtype="float32", always_2d=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise AudioError(
            f"clip: expected samples that can be decoded, got {first_line(error)} in {path}. "
            "Replace or remove the file."
        ) from None


def channels_of(wav: np.ndarray, expected: int, place: str) -> tuple[np.ndarray, ...]:
    """Each channel, (samples,), of an array (samples,) or (samples, channels). Raises AudioError
    for another shape, or another number of channels than `expected`.
    """
    is_turned = wav.ndim == 2 and wav.shape[0] <= MOST_CHANNELS < wav.shape[1]
    if is_turned or wav.ndim not in (1, 2):
        found = f"{wav.shape}{', (channels, samples),' if is_turned else ''}"
        raise AudioError(
            f"clip: expected shape (samples,) or (samples, channels), got {found} in {place}."
            f" {'Transpose it' if is_turned else 'Pass one clip'}."
        )
    check_channels(1 if wav.ndim == 1 else wav.shape[1], expected, place)
    return tuple(np.atleast_2d(wav.T))


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


def check_clip(clip: np.ndarray, sample_rate_hz: int, path: Path | str) -> None:
    """The same for a clip, (samples,) or (samples, 2): its far channel may be silent, so that an
    unplugged microphone ends no watch. Raises AudioError.
    """
    near, *far = clip.reshape(len(clip), -1).T
    check_wav(near, sample_rate_hz, path)
    for wav in far:
        check_finite(wav, path)


def check_finite(wav: np.ndarray, place: Path | str) -> None:
    """Refuses samples, float (samples,), that are not finite, or so large that their spectrum is
    not. Raises AudioError naming `place`.
    """
    finite = np.isfinite(wav)
    if not finite.all():
        raise AudioError(
            f"clip: expected finite samples, got {np.count_nonzero(~finite)} that are NaN"
            f" or infinite in {place}. Replace or remove the file."
        )
    peak = np.abs(wav).max(initial=0)
    if peak > LOUDEST:
        raise AudioError(
            f"clip: expected samples of full scale 1, got {peak:g} in {place}. Replace or remove"
            " the file."
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
            " Resample it or leave it out."
        )


def check_alike(files: Iterable[Path], channels: int) -> None:
    """Refuses clips that are no whole wavs of so many channels, one length and rate, by their
    headers, or hold floats that are not finite. Raises AudioError as `check_file`, `check_fit` and
    `check_finite` do.
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
        if header.subtype in ("FLOAT", "DOUBLE"):
            check_finite(_decoded(file)[0], file)


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


def wav_files(folder: Path, below: bool = False) -> tuple[Path, ...]:
    """The recordings in a folder, or also in those `below` it, by name; none if there is no folder.
    Other sound files are passed over with a line. Raises DataError if it may not be read.
    """
    try:
        if folder.is_dir():
            os.scandir(folder).close()
    except OSError as error:
        raise DataError(
            f"folder of clips: expected one that may be read, got {error.strerror} in {folder}."
            " Correct its rights."
        ) from None
    found = sorted(folder.glob("**/*" if below else "*"))
    others = [file.name for file in found if is_recording(file, OTHER_SOUND)]
    if others:
        warn_once(
            "sound files",
            folder,
            f"expected names that end in .wav, got {len(others)} others such as {others[0]} in"
            f" {folder}. They are passed over.",
        )
    return tuple(filter(is_recording, found))


def refuse_unread(files: Iterable[Path]) -> None:
    """Refuses recordings that the baseline would pass over without a word. Raises AudioError."""
    for file in files:
        if file.suffix != ".wav":
            raise AudioError(
                "clip: expected a name that ends in .wav, in small letters, as the baseline reads"
                f" it, got {file.name} in {file.parent}. Rename the file."
            )


def is_recording(file: Path, suffixes: Container[str] = (".wav",)) -> bool:
    """Whether a file is a recording by its name: its suffix in small or capital letters, and not
    hidden, as those that macOS leaves.
    """
    return file.suffix.lower() in suffixes and not file.name.startswith(".")
