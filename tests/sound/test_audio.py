import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.audio import read_wav, write_wav

RATE_HZ = 16000


def tone(seconds=1.0):
    return (0.1 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def test_what_is_written_is_read_back_to_16_bits(tmp_path):
    write_wav(tmp_path / "deep" / "a.wav", tone(), RATE_HZ)
    wav, rate = read_wav(tmp_path / "deep" / "a.wav")
    assert rate == RATE_HZ and wav.dtype == np.float32
    np.testing.assert_allclose(wav, tone(), atol=2**-15)


@pytest.mark.parametrize(
    "spoil, message",
    [
        (lambda path: None, "expected a readable wav file"),
        (lambda path: path.write_bytes(b""), "expected a readable wav file"),
        (lambda path: path.write_text("no sound"), "expected a readable wav file"),
        (
            lambda path: soundfile.write(path, np.stack([tone(), tone()], 1), RATE_HZ),
            r"expected one channel, got 2",
        ),
        (
            lambda path: soundfile.write(path, tone()[:1], RATE_HZ),
            "expected at least 1 s .16000 samples., got 1 samples",
        ),
        (lambda path: soundfile.write(path, tone() * 0, RATE_HZ), "expected sound, got only zeros"),
        (
            lambda path: soundfile.write(
                path, np.where(tone() > 0.09, np.nan, tone()), RATE_HZ, subtype="FLOAT"
            ),
            "expected finite samples, got [0-9]+ that are NaN or infinite",
        ),
    ],
    ids=["missing", "zero-byte", "non-wav", "stereo", "one-sample", "silent", "nan"],
)
def test_a_bad_clip_is_refused_by_name_with_the_reason_and_the_fix(tmp_path, spoil, message):
    path = tmp_path / "bad.wav"
    spoil(path)
    with pytest.raises(AudioError, match=message) as error:
        read_wav(path)
    assert "bad.wav" in str(error.value) and str(error.value).endswith(".")


def test_a_truncated_clip_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", tone(2.0), RATE_HZ)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(
        AudioError,
        match="expected the 64000 bytes of sound its header announces, got 4[0-9]+ in .*truncated",
    ):
        read_wav(tmp_path / "a.wav")


def test_a_clip_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    target = tmp_path / "a.wav"
    target.mkdir()
    with pytest.raises(AudioError, match="denoised clip: expected to write"):
        write_wav(target, tone(), RATE_HZ)
    assert list(tmp_path.iterdir()) == [target]
