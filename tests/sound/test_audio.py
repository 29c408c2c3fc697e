import os
import socket
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.audio import check_alike, read_wav, wav_files, write_wav

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
        (lambda path: None, "expected a regular file, got No such file"),
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


def test_of_two_channels_the_one_near_the_machine_is_read(tmp_path):
    near, far = tone(), tone() / 2
    soundfile.write(tmp_path / "a.wav", np.stack([near, far], 1), RATE_HZ, subtype="FLOAT")
    for channels in (2, None):
        wav, _ = read_wav(tmp_path / "a.wav", channels)
        np.testing.assert_array_equal(wav, near)


@pytest.mark.parametrize(
    "clip_channels, expected, message",
    [
        (2, 1, "expected one channel, got 2 in .*Convert the clip to mono; or, .*--mono=False"),
        (1, 2, "expected two channels .*, got one in .*remove the file; or, .*--mono=True"),
        (3, None, "expected one channel, or two .*, got 3 in .*Keep one or two"),
    ],
)
def test_a_clip_of_another_number_of_channels_is_refused_with_the_remedies(
    tmp_path, clip_channels, expected, message
):
    soundfile.write(tmp_path / "a.wav", np.stack([tone()] * clip_channels, 1), RATE_HZ)
    with pytest.raises(AudioError, match=message):
        read_wav(tmp_path / "a.wav", expected)


def test_a_truncated_clip_is_refused(tmp_path):
    write_wav(tmp_path / "a.wav", tone(2.0), RATE_HZ)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(whole[: len(whole) * 3 // 4])
    with pytest.raises(
        AudioError,
        match="expected the 64000 bytes of sound its header announces, got 4[0-9]+ in .*truncated",
    ):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("peak", [1e20, 3e25])
def test_samples_whose_spectrum_would_not_be_finite_are_refused(tmp_path, peak):
    wav = tone()
    wav[100] = peak
    soundfile.write(tmp_path / "a.wav", wav, RATE_HZ, subtype="FLOAT")
    with pytest.raises(AudioError, match="expected samples of full scale 1, got .* in .*a.wav"):
        read_wav(tmp_path / "a.wav")


@pytest.mark.parametrize("peak", [3e25, np.nan])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_floats_that_the_plain_baseline_would_take_are_named(tmp_path, peak, subtype):
    files = [tmp_path / name for name in ("a.wav", "b.wav")]
    for file in files:
        soundfile.write(file, tone(), RATE_HZ, subtype=subtype)
    check_alike(files, 1)
    soundfile.write(files[1], np.append(tone()[1:], peak), RATE_HZ, subtype=subtype)
    with pytest.raises(AudioError, match="expected .* in .*b.wav"):
        check_alike(files, 1)


def test_samples_that_cannot_be_decoded_are_named(tmp_path, monkeypatch):
    def broken_disk(*_, **__):
        raise OSError("Input/output error")

    write_wav(tmp_path / "a.wav", tone(), RATE_HZ)
    monkeypatch.setattr(soundfile, "read", broken_disk)
    with pytest.raises(AudioError, match="expected samples that can be decoded, got .* in .*a.wav"):
        read_wav(tmp_path / "a.wav")


def test_a_clip_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    target = tmp_path / "a.wav"
    target.mkdir()
    with pytest.raises(AudioError, match="denoised clip: expected to write"):
        write_wav(target, tone(), RATE_HZ)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    "make, told",
    [
        (os.mkfifo, "got a pipe in .*a.wav. Take it out of the folder."),
        (os.mkdir, "got a folder in .*a.wav. Take it out of the folder."),
        (
            lambda path: os.symlink("../.annex/none", path),
            r"got a link to ../.annex/none .No such file or directory. in .* Fetch the file, as",
        ),
        (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
        (lambda path: os.symlink("/dev/zero", path), "got a device in"),
    ],
    ids=["pipe", "folder", "link to nothing", "link to itself", "device"],
)
def test_what_is_no_file_of_sound_is_told_and_not_waited_for(tmp_path, make, told):
    make(tmp_path / "a.wav")
    with pytest.raises(AudioError, match=f"clip: expected a regular file, .*{told}") as error:
        read_wav(tmp_path / "a.wav")
    assert "emove" not in str(error.value)


def test_a_socket_is_not_waited_for():
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/a.wav")
        with pytest.raises(AudioError, match="got a socket in"):
            read_wav(Path(folder, "a.wav"))


@pytest.fixture
def forbidden():
    """A folder of one clip that may be read by nobody else than root, and we are not root."""
    before = os.geteuid()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)
        clip = Path(folder, "train", "a.wav")
        clip.parent.mkdir()
        soundfile.write(clip, tone(), RATE_HZ)
        if not before:
            os.seteuid(65534)
        else:
            clip.chmod(0)
        yield clip
        os.seteuid(before)
        clip.parent.chmod(0o755)


def test_a_clip_that_may_not_be_read_is_not_called_broken(forbidden):
    if os.getuid() == 0:
        os.seteuid(0)
        forbidden.chmod(0)
        os.seteuid(65534)
    with pytest.raises(AudioError, match="got Permission denied in .* Correct the path or its r"):
        read_wav(forbidden)


def test_a_folder_of_clips_that_may_not_be_read_is_not_called_empty(forbidden):
    if os.getuid() == 0:
        os.seteuid(0)
        forbidden.parent.chmod(0)
        os.seteuid(65534)
    else:
        forbidden.parent.chmod(0)
    with pytest.raises(DataError, match="got Permission denied in .*train. Correct its rights"):
        wav_files(forbidden.parent)
