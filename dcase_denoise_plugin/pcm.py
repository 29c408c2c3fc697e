"""Sound through pipes that cannot be rewound, such as standard input: wav, or raw PCM."""
from __future__ import annotations

import io
import wave
from typing import BinaryIO, Callable, Iterator

import numpy as np
import soundfile

from dcase_denoise_plugin.errors import AudioError

NAME = "standard input"
WAV_MARK = b"RIFF"
# libsndfile's name of each format, and bytes of a sample.
FORMATS = {"u8": ("PCM_U8", 1), "s16le": ("PCM_16", 2), "s24le": ("PCM_24", 3), "s32le": ("PCM_32", 4), "f32le": ("FLOAT", 4)}
OF_WAV = {width: name for name, (subtype, width) in FORMATS.items() if subtype != "FLOAT"}  # Python's wave module opens no other


def clips_of(stream: BinaryIO, samples: int, sample_rate_hz: int, pcm: str | None = None) -> Iterator[np.ndarray]:
    """Cuts a stream of one channel into clips, one after the other, holding no more than one.

    Parameters
    ----------
    samples, sample_rate_hz : of each clip; a wav stream must have that rate.
    pcm : format of headerless samples, a key of `FORMATS`; None for a wav stream, whose announced length may be wrong, as in a pipe: too large or 0.

    Yields
    ------
    float32, (samples,), full scale ±1

    Raises
    ------
    AudioError
        If the stream is no wav, of another rate, not mono, or ends within a sample; or within a clip, after the whole ones.
    """
    if pcm:
        read = stream.read
    else:
        read, pcm = _opened(stream, sample_rate_hz)
    done, width = 0, FORMATS[pcm][1]
    while True:
        content = read(samples * width)
        if not done:
            _check_no_wav(content, pcm, "Leave --pcm out.")
        if len(content) % width:
            raise _cut_off(width, len(content) % width, f", after {done} clips")
        if len(content) < samples * width:
            break
        yield _decoded(content, pcm)
        done += 1
    if content or not done:
        raise AudioError(f"{NAME}: expected clips of {samples} samples, got {len(content) // width} samples at the end, after {done} clips. "
                         "They are not scored; send whole clips.")


def blocks_of(stream: io.BufferedReader, pcm: str) -> Iterator[np.ndarray]:
    """Raw samples of one channel as they arrive, without waiting for more: float32, (samples,), full scale ±1.

    Raises
    ------
    AudioError
        If the stream is a wav, or ends within a sample; then after all whole ones.
    """
    width, content = FORMATS[pcm][1], stream.read(len(WAV_MARK))
    _check_no_wav(content, pcm, "Send the samples alone, as arecord -t raw does.")
    while True:
        whole = len(content) - len(content) % width
        if whole:
            yield _decoded(content[:whole], pcm)
        arrived = stream.read1()
        if not arrived:
            break
        content = content[whole:] + arrived
    if len(content) > whole:
        raise _cut_off(width, len(content) - whole)


def encoded(wav: np.ndarray, pcm: str) -> bytes:
    """Raw samples, clipped at full scale, of float32 (samples,)."""
    content = io.BytesIO()
    soundfile.write(content, wav, 1, format="RAW", subtype=FORMATS[pcm][0], endian="LITTLE")
    return content.getvalue()


def _decoded(content: bytes, pcm: str) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), dtype="float32", format="RAW", subtype=FORMATS[pcm][0], samplerate=1, channels=1, endian="LITTLE")[0]


def _check_no_wav(content: bytes, pcm: str, advice: str) -> None:
    if content.startswith(WAV_MARK):
        raise AudioError(f"{NAME}: expected raw {pcm} samples, got a wav header. {advice}")


def _cut_off(width: int, left: int, after: str = "") -> AudioError:
    return AudioError(f"{NAME}: expected whole samples of {width} bytes, got {left} bytes of one at the end{after}. "
                      "The sender was cut off, or --pcm names another format.")


class _AnySize:
    """A wav stream whose RIFF size, which nobody can know who writes into a pipe, is as large as can be."""

    def __init__(self, stream: BinaryIO):
        head = stream.read(len(WAV_MARK) + 4)
        self._head, self._stream = head[:4] + b"\xff" * len(head[4:]), stream

    def read(self, count: int) -> bytes:
        head, self._head = self._head[:count], self._head[count:]
        return head + self._stream.read(count - len(head))


def _opened(stream: BinaryIO, sample_rate_hz: int) -> tuple[Callable[[int], bytes], str]:
    """What reads the samples of a wav stream, and their format."""
    try:
        wav = wave.open(_AnySize(stream))
    except (wave.Error, EOFError) as error:
        raise AudioError(f"{NAME}: expected a wav of PCM samples, got something else ({str(error) or 'an end before its header was whole'}). "
                         "Pipe a wav, or name the samples' format with --pcm.") from None
    if wav.getnchannels() != 1:
        raise AudioError(f"{NAME}: expected one channel, got {wav.getnchannels()}. Convert it to mono.")
    if wav.getframerate() != sample_rate_hz:
        raise AudioError(f"{NAME}: expected {sample_rate_hz} Hz as in training, got {wav.getframerate()} Hz. Resample it.")
    width = wav.getsampwidth()
    if not wav.getnframes():  # never filled in, as nothing in a pipe can be: all that follows is sound
        return stream.read, OF_WAV[width]
    return lambda count: wav.readframes(count // width), OF_WAV[width]
