"""Sound through pipes that cannot be rewound, such as standard input: wav, or raw PCM."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import soundfile

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.audio import check_finite, rounded
from dcase_denoise_plugin.sound.wav_header import UNKNOWN_BYTES, check_layout

STANDARD_INPUT = "standard input"
WAV_MARK = b"RIFF"
# libsndfile's name of each format, and bytes of a sample. FFmpeg's names; ALSA's, whose S24_LE is
# 24 bits in words of 4 bytes, where FFmpeg's s24le is packed; SoX's.
FORMATS = {
    "u8": ("PCM_U8", 1),
    "s16le": ("PCM_16", 2),
    "s24le": ("PCM_24", 3),
    "s32le": ("PCM_32", 4),
    "f32le": ("FLOAT", 4),
    "U8": ("PCM_U8", 1),
    "S16_LE": ("PCM_16", 2),
    "S24_3LE": ("PCM_24", 3),
    "S24_LE": ("PCM_24", 4),
    "S32_LE": ("PCM_32", 4),
    "FLOAT_LE": ("FLOAT", 4),
    "s16": ("PCM_16", 2),
    "s24": ("PCM_24", 3),
    "s32": ("PCM_32", 4),
    "f32": ("FLOAT", 4),
}
IN_WORDS = ("PCM_24", 4)
# The same by what a wav header says: format tag, bits and bytes of a sample.
OF_WAV = {
    (1, 8, 1): "u8",
    (1, 16, 2): "s16le",
    (1, 24, 3): "s24le",
    (1, 24, 4): "S24_LE",
    (1, 32, 4): "s32le",
    (3, 32, 4): "f32le",
}
EXTENSIBLE = 0xFFFE  # the tag stands further behind, at the start of an identifier
SKIPPED_BYTES = 2**16
SHORTEST_GUESS_BYTES, SIGNS = 256, {0x00, 0xFF}


def clips_of(
    stream: BinaryIO,
    samples: int,
    sample_rate_hz: int,
    pcm: str | None = None,
    channels: int = 1,
) -> Iterator[np.ndarray]:
    """Cuts a stream into clips, one after the other, holding no more than one.

    Parameters
    ----------
    samples, sample_rate_hz : of each clip; a wav stream must have that rate.
    pcm : format of headerless samples, a key of `FORMATS`; None for a wav stream, whose announced
        length may be wrong, as in a pipe: too large or 0.
    channels : 1, or 2, interleaved: near the machine, far from it.

    Yields
    ------
    float32, (samples,) or (samples, 2), full scale ±1

    Raises
    ------
    AudioError
        If the stream is no wav, of another rate or number of channels, or ends within a sample; or
        within a clip, after the whole ones.
    """
    announced = math.inf
    if not pcm:
        pcm, announced = _opened(stream, sample_rate_hz, channels)
    done, width = 0, FORMATS[pcm][1] * channels
    while True:
        content = stream.read(int(min(samples * width, announced)))
        announced -= len(content)
        if not done:
            _check_no_wav(content, pcm, "Leave --pcm out.")
            _check_packed(content, pcm)
        if len(content) % width:
            raise _cut_off(pcm, channels, len(content), f", after {done} clips")
        if len(content) < samples * width:
            break
        yield _decoded(content, pcm, channels)
        done += 1
    if content or not done:
        raise AudioError(
            f"{STANDARD_INPUT}: expected clips of {samples} samples, got {len(content) // width}"
            f" samples at the end, after {done} clips. They are not scored; send whole clips."
        )


def blocks_of(stream: io.BufferedReader, pcm: str, channels: int = 1) -> Iterator[np.ndarray]:
    """Raw samples as they arrive, without waiting for more: float32, (samples,) or, of two
    interleaved channels, (samples, 2), full scale ±1.

    Raises
    ------
    AudioError
        If the stream is a wav, or ends within a sample; then after all whole ones.
    """
    width, content = FORMATS[pcm][1] * channels, stream.read(len(WAV_MARK))
    _check_no_wav(content, pcm, "Send the samples alone, as arecord -t raw does.")
    while True:
        whole = len(content) - len(content) % width
        if whole:
            _check_packed(content[:whole], pcm)
            wav = _decoded(content[:whole], pcm, channels)
            check_finite(wav, STANDARD_INPUT)
            yield wav
        arrived = stream.read1()
        if not arrived:
            break
        content = content[whole:] + arrived
    if len(content) > whole:
        raise _cut_off(pcm, channels, len(content))


def encoded(wav: np.ndarray, pcm: str) -> bytes:
    """Raw samples, clipped at full scale, of float32 (samples,)."""
    content, subtype = io.BytesIO(), FORMATS[pcm][0]
    stored = "PCM_32" if FORMATS[pcm] == IN_WORDS else subtype
    soundfile.write(
        content, rounded(wav, subtype), 1, format="RAW", subtype=stored, endian="LITTLE"
    )
    if stored == subtype:
        return content.getvalue()
    return (np.frombuffer(content.getvalue(), "<i4") >> 8).tobytes()


def _decoded(content: bytes, pcm: str, channels: int) -> np.ndarray:
    subtype = FORMATS[pcm][0]
    if FORMATS[pcm] == IN_WORDS:  # the upper byte of a word may hold anything
        content, subtype = (np.frombuffer(content, "<i4") << 8).tobytes(), "PCM_32"
    return soundfile.read(
        io.BytesIO(content),
        dtype="float32",
        format="RAW",
        subtype=subtype,
        samplerate=1,
        channels=channels,
        endian="LITTLE",
    )[0]


def _check_no_wav(content: bytes, pcm: str, advice: str) -> None:
    if content.startswith(WAV_MARK):
        raise AudioError(
            f"{STANDARD_INPUT}: expected raw {pcm} samples, got a wav header. {advice}"
        )


def _check_packed(content: bytes, pcm: str) -> None:
    """Refuses words of 4 bytes in the place of packed 24 bits: each fourth byte is a sign alone."""
    if FORMATS[pcm][1] != 3 or len(content) < SHORTEST_GUESS_BYTES or set(content) <= SIGNS:
        return
    if any(set(content[start::4]) <= SIGNS for start in range(4)):
        raise AudioError(
            f"{STANDARD_INPUT}: expected {pcm} samples of 3 bytes, got 24 bits in words of 4"
            " bytes. Name them --pcm S24_LE."
        )


def _cut_off(pcm: str, channels: int, count: int, after: str = "") -> AudioError:
    """For `count` bytes that are no whole samples."""
    width = FORMATS[pcm][1] * channels
    both = " (near, far)" if channels > 1 else ""
    return AudioError(
        f"{STANDARD_INPUT}: expected whole samples of {width} bytes{both}, got {count % width}"
        f" bytes of one at the end{after}. The sender was cut off, or --pcm names another format."
    )


def _opened(stream: BinaryIO, sample_rate_hz: int, expected: int) -> tuple[str, float]:
    """Reads a wav stream up to its first sample: the samples' format, and how many bytes of them
    follow, infinite where nobody can have known. `expected` channels are taken.

    Python's `wave` opens neither extensible nor float files before 3.12, and libsndfile no pipe.
    """
    head, layout = stream.read(12), b""
    if head[:4] != WAV_MARK or head[8:] != b"WAVE":
        raise _no_wav("no RIFF header")
    while (chunk := stream.read(8))[:4] != b"data":
        if len(chunk) < 8:
            raise _no_wav("an end before its header was whole")
        name, size = struct.unpack("<4sI", chunk)
        content = _chunk(stream, size + size % 2)
        layout = content if name == b"fmt " else layout
    if len(chunk) < 8 or len(layout) < 16:
        raise _no_wav(
            "an end before its header was whole" if layout else "no format before its samples"
        )
    tag, channels, rate_hz, bytes_a_second, frame_bytes, bits = struct.unpack(
        "<HHIIHH", layout[:16]
    )
    if tag == EXTENSIBLE and len(layout) >= 26:
        (tag,) = struct.unpack("<H", layout[24:26])
    if channels != expected:
        raise AudioError(
            f"{STANDARD_INPUT}: expected one channel, got {channels}. Convert it to mono."
            if expected == 1
            else f"{STANDARD_INPUT}: expected two channels (near the machine, far from it), got"
            f" {channels}. Send both."
        )
    if (tag, bits) not in {kind[:2] for kind in OF_WAV}:
        raise _no_wav(f"format {tag} of {bits} bits")
    if rate_hz != sample_rate_hz:
        raise AudioError(
            f"{STANDARD_INPUT}: expected {sample_rate_hz} Hz as in training, got {rate_hz} Hz."
            " Resample it."
        )
    width, bytes_a_second = frame_bytes // channels, bytes_a_second // channels
    stored = 32 if (bits, width) == (24, 4) else bits
    check_layout(stored, width, rate_hz, bytes_a_second, "wav", STANDARD_INPUT)
    (announced,) = struct.unpack("<I", chunk[4:])
    pcm = OF_WAV[tag, bits, width]
    return pcm, announced if 0 < announced < UNKNOWN_BYTES else math.inf


def _chunk(stream: BinaryIO, size: int) -> bytes:
    """The start of a chunk of the header, all of which is read."""
    start = content = stream.read(min(size, SKIPPED_BYTES))
    while content and (size := size - len(content)):
        content = stream.read(min(size, SKIPPED_BYTES))
    return start


def _no_wav(found: str) -> AudioError:
    return AudioError(
        f"{STANDARD_INPUT}: expected a wav of PCM or float samples, got something else ({found}). "
        "Pipe a wav, or name the samples' format with --pcm."
    )
