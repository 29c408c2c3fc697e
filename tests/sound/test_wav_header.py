import struct

import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.audio import read_wav
from dcase_denoise_plugin.sound.wav_header import OF_WHOLE_SAMPLES, check_file

RATE_HZ = 16000
SOUND = (np.sin(np.arange(2 * RATE_HZ) / 10) * 2**14).astype("<i2")
BYTES = SOUND.nbytes


def write(path, announced=BYTES, bits=16, frame_bytes=2, bytes_a_second=None):
    """A wav with these fields in its header and the same samples behind it, whatever they say."""
    fields = (1, 1, RATE_HZ, bytes_a_second or RATE_HZ * frame_bytes, frame_bytes, bits)
    riff_size = min(announced + 36, 0xFFFFFFFF)
    path.write_bytes(
        struct.pack("<4sI8sI", b"RIFF", riff_size, b"WAVEfmt ", 16)
        + struct.pack("<HHIIHH", *fields)
        + struct.pack("<4sI", b"data", announced)
        + SOUND.tobytes()
    )
    return path


@pytest.mark.parametrize(
    "announced",
    [0x7FFF0000, 0x7FFFEFFC, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFF000, 0xFFFFFFFF],
)
def test_a_length_that_means_unknown_is_none(tmp_path, announced, said):
    wav, _ = read_wav(write(tmp_path / "a.wav", announced))
    assert np.array_equal(wav, SOUND.astype(np.float32) / 2**15) and not said


def test_a_length_of_0_with_sound_behind_it_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"expected the length of its sound in its header, got 0"):
        check_file(write(tmp_path / "a.wav", 0))


@pytest.mark.parametrize("too_many", [44, 36])
def test_a_length_that_counts_the_header_is_read_with_a_word(tmp_path, too_many, said):
    for name in ("a.wav", "b.wav"):
        wav, _ = read_wav(write(tmp_path / name, BYTES + too_many))
        assert np.array_equal(wav, SOUND.astype(np.float32) / 2**15)
    assert len(said) == 1 and "that of the whole file in" in said[0] and "a.wav" in said[0]


@pytest.mark.parametrize("too_many", [2, 43, 45, 5000])
def test_any_other_length_beyond_the_file_is_a_truncated_one(tmp_path, too_many):
    with pytest.raises(AudioError, match="The file is truncated"):
        check_file(write(tmp_path / "a.wav", BYTES + too_many))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"bits": 24, "frame_bytes": 4},
            "expected 3 bytes for a sample of 24 bits, got 4.*S24_LE",
        ),
        ({"frame_bytes": 4}, "expected 2 bytes for a sample of 16 bits, got 4 .*contradicts"),
        ({"frame_bytes": 1}, "expected 2 bytes for a sample of 16 bits, got 1"),
        ({"bytes_a_second": 16000}, "expected 32000 bytes a second at 16000 Hz .*, got 16000"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(tmp_path, fields, message):
    with pytest.raises(AudioError, match=f"clip: {message}"):
        check_file(write(tmp_path / "a.wav", **fields))


def test_bits_that_fill_no_byte_are_no_contradiction(tmp_path):
    assert check_file(write(tmp_path / "a.wav", bits=12)).samples == len(SOUND)


@pytest.mark.parametrize("subtype", OF_WHOLE_SAMPLES)
@pytest.mark.parametrize("container", ["WAV", "WAVEX"])
def test_every_coding_of_whole_samples_passes(tmp_path, container, subtype):
    sound = SOUND / 2**15
    soundfile.write(tmp_path / "a.wav", sound, RATE_HZ, format=container, subtype=subtype)
    assert check_file(tmp_path / "a.wav") == (len(SOUND), RATE_HZ, subtype, 1)
    both = np.stack([sound, sound / 2], axis=1)
    soundfile.write(tmp_path / "b.wav", both, RATE_HZ, format=container, subtype=subtype)
    assert check_file(tmp_path / "b.wav", 2) == (len(SOUND), RATE_HZ, subtype, 2)


@pytest.mark.parametrize("container", ["OGG", "FLAC", "MP3", "RF64", "W64", "AIFF", "CAF"])
def test_a_container_that_is_not_what_the_name_says_is_named(tmp_path, container):
    soundfile.write(tmp_path / "a.wav", SOUND / 2**15, RATE_HZ, format=container)
    with pytest.raises(AudioError, match=f"expected a wav file, got {container} in .*Convert"):
        check_file(tmp_path / "a.wav")
