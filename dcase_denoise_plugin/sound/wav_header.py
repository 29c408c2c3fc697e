"""What a wav file says of itself, and whether that fits what is there. libsndfile reads past most
contradictions and tells of them in its report alone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Container
from pathlib import Path
from typing import NamedTuple

import soundfile

from dcase_denoise_plugin.errors import AudioError, warn_once

# Who does not know a length announces 0, or so much and more: SoX 0x7FFFF000 less what it rounds
# to whole samples, arecord 0x80000000, FFmpeg 0xFFFFFFFF.
UNKNOWN_BYTES = 0x7FFF0000
MOST_CHANNELS = 2  # near the machine, far from it
CONTAINERS = ("WAV", "WAVEX")
# Codings with a number of bytes for each sample. The others come in blocks, and a file that is
# written in them is longer than what it was written of.
OF_WHOLE_SAMPLES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
_FIELD = re.compile(r"^ *(Length|Block Align|Bit Width|Bytes/sec|data) *: (\d+)", re.MULTILINE)
_SHORTFALL = re.compile(r"^data : (\d+) \(should be (\d+)\)", re.MULTILINE)


class Header(NamedTuple):
    """What a wav file says of itself; `subtype` is libsndfile's name of the format of its samples,
    such as PCM_16.
    """

    samples: int
    sample_rate_hz: int
    subtype: str
    channels: int


def check_file(path: Path | str, channels: int | None = 1) -> Header:
    """Refuses a file that is no whole wav of so many `channels` (None: one or two), by its header
    alone, which it returns.

    Raises
    ------
    AudioError
        Naming the file, what was expected and what to do.
    """
    header = read_header(path)
    check_channels(header.channels, channels, path)
    return header


def read_header(
    path: Path | str, containers: Container[str] = CONTAINERS, kind: str = "wav"
) -> Header:
    """The header of a whole file in one of these `containers`, called `kind`. Raises AudioError
    for any other, and for one that contradicts itself.
    """
    check_present(path)
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            header = Header(file.frames, file.samplerate, file.subtype, file.channels)
            container, report = file.format, file.extra_info
    except (OSError, RuntimeError) as error:
        why = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(
            f"clip: expected a readable {kind} file, got {why} in {path}. Replace or remove the"
            " file."
        ) from None
    if container not in containers:
        raise AudioError(
            f"clip: expected a {kind} file, got {container} in {path}. Convert it to {kind}."
        )
    fields = {name: int(value) for name, value in _FIELD.findall(report)}
    if header.subtype in OF_WHOLE_SAMPLES and {"Bit Width", "Block Align"} <= fields.keys():
        check_layout(
            fields["Bit Width"],
            fields["Block Align"] // header.channels,
            header.sample_rate_hz,
            fields.get("Bytes/sec", 0) // header.channels,
            "clip",
            path,
        )
    if not header.samples:
        raise AudioError(
            f"clip: expected the length of its sound in its header, got 0 in {path}. If a recorder"
            " was cut off, write the header anew, as sox --ignore-length does."
        )
    if shortfall := _SHORTFALL.search(report):
        _check_length(int(shortfall[1]), int(shortfall[2]), fields["Length"], path)
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


KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def check_present(path: Path | str) -> None:
    """Asks the system for a regular file that may be read, before anyone calls the clip broken.

    Raises
    ------
    AudioError
        With what the system says.
    """
    try:
        mode = os.stat(path).st_mode
        found = next((what for is_kind, what in KINDS.items() if is_kind(mode)), "")
        if not found:
            with open(path, "rb"):
                return
        cure = "Take it out of the folder."
    except OSError as error:
        found, cure = error.strerror or type(error).__name__, "Correct the path or its rights."
        if os.path.islink(path):
            found = f"a link to {os.readlink(path)} ({found})"
            cure = "Fetch the file, as with git annex get or dvc pull, or correct its rights."
    raise AudioError(f"clip: expected a regular file, got {found} in {path}. {cure}")


def check_layout(
    bits: int, sample_bytes: int, sample_rate_hz: int, bytes_a_second: int, what: str, place: object
) -> None:
    """Refuses a header whose fields contradict each other: one channel's samples of `bits` bits in
    `sample_bytes` bytes each. Raises AudioError.
    """
    whole = -(-bits // 8)
    if sample_bytes != whole:
        advice = "Its header contradicts itself; record or convert it anew."
        if (bits, sample_bytes) == (24, 4):
            advice = "These are 4-byte words (ALSA's S24_LE); record as S24_3LE or S16_LE."
        raise AudioError(
            f"{what}: expected {whole} bytes for a sample of {bits} bits, got {sample_bytes} in"
            f" {place}. {advice}"
        )
    if bytes_a_second != sample_rate_hz * sample_bytes:
        raise AudioError(
            f"{what}: expected {sample_rate_hz * sample_bytes} bytes a second at {sample_rate_hz}"
            f" Hz and {sample_bytes} bytes a sample, got {bytes_a_second} in {place}. Its header"
            " contradicts itself; record or convert it anew."
        )


def _check_length(announced: int, there: int, file_bytes: int, path: Path | str) -> None:
    """Refuses a file with less sound than its header announces, unless that is no length of it."""
    if announced >= UNKNOWN_BYTES:
        return
    # Some recorders announce the size of the file, or what RIFF counts of it.
    if announced in (file_bytes, file_bytes - 8):
        warn_once(
            "wav headers",
            Path(path).parent,
            f"expected the length of the sound, got that of the whole file in {path}. Every sample"
            " is read.",
        )
        return
    if there < announced:
        raise AudioError(
            f"clip: expected the {announced} bytes of sound its header announces, got {there} in"
            f" {path}. The file is truncated; copy it again."
        )
