import io
import struct

import numpy as np
import pytest
import soundfile
from small_machine import RATE_HZ, hum

from dcase_denoise_plugin.edge.pcm import FORMATS, blocks_of, clips_of, encoded
from dcase_denoise_plugin.errors import AudioError

SAMPLES = 1000
KINDS = ("u8", "s16le", "s24le", "S24_LE", "s32le", "f32le")


class Pipe:
    """Cannot be rewound, like standard input."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def read(self, count=-1):
        return self._content.read(count)


def wav_of(wav, subtype="PCM_16", channels=1, container="WAV"):
    stream = io.BytesIO()
    soundfile.write(
        stream, np.repeat(wav[:, None], channels, 1), RATE_HZ, format=container, subtype=subtype
    )
    return stream.getvalue()


def raw_of(wav, pcm):
    stream = io.BytesIO()
    soundfile.write(stream, wav, RATE_HZ, format="RAW", subtype=FORMATS[pcm][0], endian="LITTLE")
    return in_words(stream.getvalue()) if pcm == "S24_LE" else stream.getvalue()


def in_words(packed):
    """24 bits as ALSA's S24_LE has them: the low three bytes of a word."""
    words = np.frombuffer(packed, np.uint8).reshape(-1, 3)
    sign = np.where(words[:, 2:] & 0x80, 0xFF, 0).astype(np.uint8)
    return np.concatenate([words, sign], 1).tobytes()


def wav_in_words(wav, bits=24, frame_bytes=4, bytes_a_second=4 * RATE_HZ):
    """A wav as `arecord -f S24_LE` writes it."""
    fields = struct.pack("<HHIIHH", 1, 1, RATE_HZ, bytes_a_second, frame_bytes, bits)
    content = raw_of(wav, "S24_LE")
    chunks = struct.pack("<4sI", b"fmt ", 16) + fields + struct.pack("<4sI", b"data", len(content))
    return b"RIFF" + struct.pack("<I", 36 + len(content)) + b"WAVE" + chunks + content


def clips(content, pcm=None):
    return list(clips_of(Pipe(content), SAMPLES, RATE_HZ, pcm))


@pytest.mark.parametrize("pcm", KINDS)
def test_raw_samples_are_cut_into_clips_with_the_values_that_a_file_would_have(pcm):
    wav = hum(0)
    stored = soundfile.read(io.BytesIO(wav_of(wav, FORMATS[pcm][0])), dtype="float32")[0]
    found = clips(raw_of(wav, pcm), pcm)
    assert len(found) == 4 and np.array_equal(np.concatenate(found), stored)


@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_a_wav_is_cut_into_clips_with_the_values_of_the_file(subtype, container):
    content = wav_of(hum(0), subtype, container=container)
    assert np.array_equal(
        np.concatenate(clips(content)), soundfile.read(io.BytesIO(content), dtype="float32")[0]
    )


def test_a_format_has_the_names_of_alsa_and_sox_too():
    names = {kind: {name for name in FORMATS if FORMATS[name] == FORMATS[kind]} for kind in KINDS}
    assert names["s24le"] == {"s24le", "S24_3LE", "s24"} and names["S24_LE"] == {"S24_LE"}
    assert names["f32le"] == {"f32le", "FLOAT_LE", "f32"} and set().union(*names.values()) == {
        *FORMATS
    }


def test_24_bits_in_words_of_4_bytes_are_told_from_packed_ones():
    expected = np.concatenate(clips(raw_of(hum(0), "s24le"), "s24le"))
    assert np.array_equal(np.concatenate(clips(raw_of(hum(0), "S24_LE"), "S24_LE")), expected)
    assert np.array_equal(np.concatenate(clips(wav_in_words(hum(0)))), expected)
    message = "expected s24le samples of 3 bytes, got 24 bits in words of 4 bytes. .*S24_LE"
    after_whole_clips(0, raw_of(hum(0), "S24_LE"), "s24le", message)
    with pytest.raises(AudioError, match=message):
        list(blocks_of(io.BufferedReader(io.BytesIO(raw_of(hum(0), "S24_LE"))), "s24le"))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"bits": 16, "frame_bytes": 4}, "expected 2 bytes for a sample of 16 bits, got 4"),
        ({"bits": 32, "frame_bytes": 3}, "expected 4 bytes for a sample of 32 bits, got 3"),
        (
            {"bytes_a_second": 3 * RATE_HZ},
            "expected 16000 bytes a second at 4000 Hz and 4 bytes a sample, got 12000",
        ),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(header, message):
    with pytest.raises(AudioError, match=f"wav: {message} in standard input"):
        clips(wav_in_words(hum(0), **header))


@pytest.mark.parametrize("value", [3e25, 1e20, np.nan, np.inf])
def test_blocks_of_samples_whose_spectrum_is_not_finite_are_refused(value):
    content = np.float32([0.1, value, 0.1]).tobytes()
    with pytest.raises(AudioError, match="clip: expected .* in standard input"):
        list(blocks_of(Trickle(content), "f32le"))


def test_what_stands_before_and_behind_the_samples_is_no_sound():
    content = wav_of(hum(0))
    note = (
        b"LIST" + (200001).to_bytes(4, "little") + bytes(200002)
    )  # an odd size is followed by one more byte
    found = clips(content[:36] + note + content[36:] + note)
    assert np.array_equal(np.concatenate(found), np.concatenate(clips(content)))


def test_a_wav_whose_header_announces_more_than_any_pipe_holds_is_read_to_its_end():
    content = bytearray(wav_of(hum(0)))
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    assert len(clips(bytes(content))) == 4


@pytest.mark.parametrize("announced", [0x7FFF0000, 0x7FFFF000, 0x7FFFFFFE, 0x80000000, 0xFFFFFFFF])
def test_a_length_that_means_unknown_limits_nothing(announced):
    class Asked(Pipe):
        def read(self, count):
            self.most = count
            return super().read(count)

    pipe = Asked(wav_of(hum(0))[:40] + announced.to_bytes(4, "little"))
    with pytest.raises(AudioError, match="got 0 samples at the end"):
        next(clips_of(pipe, 2**33, RATE_HZ))
    assert pipe.most == 2 * 2**33


@pytest.mark.parametrize("riff_size", [0, 8, 36])
def test_a_wav_whose_header_announces_no_data_is_read_to_its_end(riff_size):
    content = bytearray(wav_of(hum(0)))
    content[4:8], content[40:44] = riff_size.to_bytes(4, "little"), bytes(4)
    assert np.array_equal(
        np.concatenate(clips(bytes(content))), np.concatenate(clips(wav_of(hum(0))))
    )
    after_whole_clips(
        2,
        bytes(content[: 44 + 5001]),
        None,
        "expected whole samples of 2 bytes, got 1 bytes of one at the end, after 2 clips.",
    )
    after_whole_clips(
        0,
        bytes(content[:44]),
        None,
        "expected clips of 1000 samples, got 0 samples at the end, after 0 clips",
    )


def test_no_more_than_one_clip_is_held_of_an_endless_stream():
    class Endless:
        def read(self, count):
            assert count <= 2 * SAMPLES
            return bytes(range(250)) * (count // 250)

    stream = clips_of(Endless(), SAMPLES, RATE_HZ, "s16le")
    assert [len(next(stream)) for _ in range(100)] == [SAMPLES] * 100


def after_whole_clips(count, content, pcm, message):
    found = []
    with pytest.raises(AudioError, match=f"standard input: {message}"):
        for clip in clips_of(Pipe(content), SAMPLES, RATE_HZ, pcm):
            found.append(clip)
    assert len(found) == count


def test_a_stream_that_ends_within_a_sample_is_told_after_its_whole_clips():
    after_whole_clips(
        2,
        raw_of(hum(0), "s16le")[:5001],
        "s16le",
        "expected whole samples of 2 bytes, got 1 bytes of one at the end, after 2 clips.",
    )
    after_whole_clips(
        2,
        wav_of(hum(0))[: 44 + 5001],
        None,
        "expected whole samples of 2 bytes, got 1 bytes of one at the end, after 2 clips.",
    )


def test_a_stream_that_ends_within_a_clip_is_told_after_its_whole_clips():
    after_whole_clips(
        3,
        raw_of(hum(0)[:3400], "s16le"),
        "s16le",
        "expected clips of 1000 samples, got 400 samples at the end, after 3 clips.",
    )


@pytest.mark.parametrize(
    ("content", "pcm", "message"),
    [
        (
            b"",
            None,
            (
                r"expected a wav of PCM or float samples, got something else \(no RIFF header\)."
                r" Pipe a wav, or"
            ),
        ),
        (b"", "s16le", "expected clips of 1000 samples, got 0 samples at the end, after 0 clips"),
        (
            b"no sound at all, but a text",
            None,
            r"expected a wav .*, got something else \(no RIFF header\)",
        ),
        (
            wav_of(hum(0))[:20],
            None,
            r"expected a wav .*, got something else \(an end before its header was whole\)",
        ),
        (
            wav_of(hum(0))[:12] + wav_of(hum(0))[36:],
            None,
            r"expected a wav .*, got something else \(no format before its samples\)",
        ),
        (
            wav_of(hum(0), "ULAW"),
            None,
            r"expected a wav .*, got something else \(format 7 of 8 bits\)",
        ),
        (wav_of(hum(0), channels=2), None, "expected one channel, got 2. Convert it to mono."),
        (wav_of(hum(0)), "s16le", "expected raw s16le samples, got a wav header. Leave --pcm out."),
    ],
)
def test_what_is_no_sound_of_this_kind_is_refused(content, pcm, message):
    after_whole_clips(0, content, pcm, message)


def test_another_rate_is_refused():
    with pytest.raises(
        AudioError,
        match="standard input: expected 8000 Hz as in training, got 4000 Hz. Resample it.",
    ):
        list(clips_of(Pipe(wav_of(hum(0))), SAMPLES, 8000))


class Trickle(Pipe):
    """Hands over at most five bytes at a time."""

    def read1(self):
        return self._content.read(5)


@pytest.mark.parametrize("pcm", KINDS)
def test_raw_samples_arrive_as_blocks_however_they_are_cut_and_go_out_as_they_came(pcm):
    content = raw_of(hum(0), pcm)
    blocks = list(blocks_of(Trickle(content), pcm))
    assert len(blocks) > 100 and np.array_equal(
        np.concatenate(blocks), np.concatenate(clips(content, pcm))
    )
    assert encoded(np.concatenate(blocks), pcm) == content


def test_samples_go_to_the_nearest_step():
    steps = np.float32([0.4, 0.6, -0.4, -0.6, -1.5])
    assert encoded(steps / 2**15, "s16le") == np.int16([0, 1, 0, -1, -2]).tobytes()


def test_samples_beyond_full_scale_are_clipped():
    assert encoded(np.float32([1.5, -1.5]), "s16le") == np.int16([32767, -32768]).tobytes()


def test_a_stream_of_blocks_may_be_shorter_than_a_wav_mark_or_empty():
    assert [block.tolist() for block in blocks_of(Trickle(b"\x80"), "u8")] == [[0.0]]
    assert list(blocks_of(Trickle(b""), "s16le")) == []


def test_blocks_of_a_wav_or_of_a_broken_sample_are_refused_after_the_whole_ones():
    with pytest.raises(
        AudioError, match="expected raw s16le samples, got a wav header. Send the samples alone"
    ):
        next(blocks_of(Trickle(wav_of(hum(0))), "s16le"))
    blocks = blocks_of(Trickle(raw_of(hum(0), "s16le")[:-1]), "s16le")
    with pytest.raises(
        AudioError, match="expected whole samples of 2 bytes, got 1 bytes of one at the end"
    ):
        total = 0
        for block in blocks:
            total += len(block)
    assert total == len(hum(0)) - 1
