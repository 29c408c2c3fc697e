import os
import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch
from small_machine import RATE_HZ, SMALL, hum, small_machine, write

from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.folder import denoise_folder
from dcase_denoise_plugin.errors import AudioError, CheckpointError, DataError
from dcase_denoise_plugin.sound.audio import read_wav, write_wav
from dcase_denoise_plugin.training.loop import train_denoiser


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train_denoiser(
        small_machine(folder),
        SMALL,
        folder / "denoiser.pt",
        torch.device("cpu"),
    )
    return folder / "denoiser.pt"


def test_every_clip_is_denoised_under_its_own_name_and_the_originals_stay(tmp_path, checkpoint):
    clips = [write(tmp_path / "in" / name, hum(1)) for name in ("a.wav", "deeper/b.wav")]
    before = [clip.read_bytes() for clip in clips]
    assert denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint) == 2
    assert [clip.read_bytes() for clip in clips] == before
    for name in ("a.wav", "deeper/b.wav"):
        wav, sample_rate_hz = read_wav(tmp_path / "out" / name)
        assert (
            len(wav) == RATE_HZ
            and sample_rate_hz == RATE_HZ
            and not np.allclose(wav, hum(1), rtol=0, atol=1 / 32768)
        )


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_strength_0_hands_over_the_clips_as_they_are_in_their_own_format(
    tmp_path, checkpoint, subtype
):
    louder = 3 if subtype in ("FLOAT", "DOUBLE") else 0.9
    write_wav(tmp_path / "in/a.wav", louder * hum(1) / np.abs(hum(1)).max(), RATE_HZ, subtype)
    denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint, strength=0.0)
    before, after = (soundfile.SoundFile(tmp_path / folder / "a.wav") for folder in ("in", "out"))
    with before, after:
        assert after.subtype == subtype and np.array_equal(after.read(), before.read())


def test_recordings_with_any_name_are_denoised_and_hidden_files_left(tmp_path, checkpoint):
    for name in (b"A.WAV", b"caf\xe9.wav", b"._a.wav"):
        os.rename(write(tmp_path / "in/new.wav", hum(1)), tmp_path / "in" / os.fsdecode(name))
    assert denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint) == 2
    assert sorted(map(os.fsencode, os.listdir(tmp_path / "out"))) == [b"A.WAV", b"caf\xe9.wav"]


def test_a_folder_without_clips_is_refused(tmp_path, checkpoint):
    with pytest.raises(DataError, match="IN: expected a wav file, or a folder of them"):
        denoise_folder(tmp_path, tmp_path / "out", checkpoint)


@pytest.mark.parametrize("target", [".", "denoised", "deeper/denoised"])
def test_the_recordings_cannot_be_overwritten_nor_what_was_denoised_be_denoised_again(
    tmp_path, checkpoint, target
):
    write(tmp_path / "a.wav", hum(1))
    with pytest.raises(DataError, match="OUT: expected a folder outside IN,"):
        denoise_folder(tmp_path, tmp_path / target, checkpoint)


@pytest.mark.parametrize("target", ["new.wav", "new", "folder"])
def test_one_file_becomes_a_file_of_that_name_or_of_its_own_in_a_folder(
    tmp_path, checkpoint, target
):
    clip = write(tmp_path / "a.wav", hum(1))
    (tmp_path / "folder").mkdir()
    assert denoise_folder(clip, tmp_path / target, checkpoint) == 1
    written = tmp_path / target if target == "new.wav" else tmp_path / target / "a.wav"
    assert len(read_wav(written)[0]) == RATE_HZ and not np.allclose(read_wav(written)[0], hum(1))
    with pytest.raises(DataError, match="OUT: expected a place of its own for each denoised clip"):
        denoise_folder(clip, clip, checkpoint, overwrite=True)


def test_a_file_that_is_there_is_overwritten_only_when_that_is_asked_for(tmp_path, checkpoint):
    write(tmp_path / "in/a.wav", hum(1))
    there = write(tmp_path / "out/a.wav", hum(2))
    before = there.read_bytes()
    with pytest.raises(DataError, match=r"OUT: expected no files .*got 1, such as .*--overwrite"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert there.read_bytes() == before
    assert denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint, overwrite=True) == 1
    assert there.read_bytes() != before


def test_clips_that_come_out_as_they_went_in_are_told(tmp_path, checkpoint, caplog):
    write(tmp_path / "in/a.wav", hum(1))
    write(tmp_path / "in/b.wav", hum(2))
    denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert caplog.messages == []
    denoise_folder(tmp_path / "in", tmp_path / "same", checkpoint, strength=0.0)
    (line,) = caplog.messages
    assert "expected denoised clips, got 2 of 2 as they were in" in line


def test_a_checkpoint_that_is_none_writes_nothing(tmp_path):
    write(tmp_path / "in/a.wav", hum(1))
    (tmp_path / "empty.pt").touch()
    with pytest.raises(CheckpointError):
        denoise_folder(tmp_path / "in", tmp_path / "out", tmp_path / "empty.pt")
    assert not (tmp_path / "out").exists()


def test_no_output_takes_the_place_of_a_clip(tmp_path, checkpoint):
    before = [write(tmp_path / "in" / name, hum(1)) for name in ("in/x.wav", "x.wav")]
    content = [clip.read_bytes() for clip in before]
    with pytest.raises(DataError, match="expected a place of its own for each denoised clip, got"):
        denoise_folder(tmp_path / "in", tmp_path, checkpoint)
    assert [clip.read_bytes() for clip in before] == content


def test_no_output_takes_the_place_of_another_or_of_a_folder(tmp_path, checkpoint):
    for name in ("a/x.wav", "b/x.wav"):
        write(tmp_path / "in" / name, hum(1))
    (tmp_path / "out/a").mkdir(parents=True)
    (tmp_path / "out/b").symlink_to("a")
    with pytest.raises(DataError, match=r"got .*out/b/x\.wav for .*, which is .*out/a/x\.wav"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    (tmp_path / "out/b").unlink()
    (tmp_path / "out/b/x.wav").mkdir(parents=True)
    with pytest.raises(DataError, match=r"got .*out/b/x\.wav for .*, which is a folder"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert list((tmp_path / "out/a").iterdir()) == []


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    "spoil, complaint",
    [
        (cut, "expected the 16000 bytes of sound its header announces, got 15000"),
        (lambda path: soundfile.write(path, 0 * hum(1), RATE_HZ), "got only zeros"),
        (lambda path: soundfile.write(path, hum(1)[:99], RATE_HZ), "expected at least 1 s"),
        (
            lambda path: soundfile.write(path, 1e20 * hum(1), RATE_HZ, subtype="FLOAT"),
            "expected samples of full scale 1",
        ),
        (
            lambda path: soundfile.write(path, hum(1), RATE_HZ, subtype="IMA_ADPCM"),
            "expected PCM, float, u-law or A-law samples, got IMA_ADPCM",
        ),
        (lambda path: soundfile.write(path, hum(1), RATE_HZ, format="FLAC"), "got FLAC in"),
    ],
    ids=["truncated", "silent", "short", "loud", "coding", "container"],
)
def test_everything_is_checked_before_anything_is_written(tmp_path, checkpoint, spoil, complaint):
    write(tmp_path / "in/a.wav", hum(1))
    spoil(write(tmp_path / "in/b.wav", hum(2)))
    with pytest.raises(AudioError, match=f"{complaint}.*b.wav"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert not (tmp_path / "out").exists()


def test_what_is_not_finite_is_not_written(tmp_path, checkpoint, monkeypatch):
    write(tmp_path / "in/a.wav", hum(1))
    monkeypatch.setattr(Denoiser, "__call__", lambda self, wav, rate_hz: wav * np.nan)
    with pytest.raises(AudioError, match="4000 that are NaN or infinite in what .*a.wav became"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "wav, rate_hz, complaint",
    [
        (hum(1, 8000), 8000, "clip: expected 4000 Hz as in training, got 8000 Hz in {}. Resample"),
        (
            np.stack([hum(1), hum(2)], 1),
            RATE_HZ,
            "clip: expected one channel, got 2 in {}. Convert",
        ),
    ],
)
def test_a_clip_that_does_not_fit_is_named_before_any_is_written(
    tmp_path, checkpoint, wav, rate_hz, complaint
):
    write(tmp_path / "in/a.wav", hum(1))
    other = write(tmp_path / "in/deeper/b.wav", wav, rate_hz)
    with pytest.raises(AudioError, match=complaint.format(re.escape(str(other)))):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert not (tmp_path / "out").exists()


def test_a_pipe_among_the_clips_is_told_before_anything_is_written(tmp_path, checkpoint):
    write(tmp_path / "in/b.wav", hum(1))
    os.mkfifo(tmp_path / "in/c.wav")
    with pytest.raises(AudioError, match="expected a regular file, got a pipe in .*c.wav"):
        denoise_folder(tmp_path / "in", tmp_path / "out", checkpoint)
    assert not (tmp_path / "out").exists()


def test_two_calls_at_once_into_one_folder_both_end_well(tmp_path, checkpoint):
    for index in range(4):
        write(tmp_path / "in" / f"{index}.wav", hum(index))
    folders = tmp_path / "in", tmp_path / "out"
    with ThreadPoolExecutor(2) as pool:
        calls = [
            pool.submit(denoise_folder, *folders, checkpoint, overwrite=True) for _ in range(2)
        ]
        assert [call.result() for call in calls] == [4, 4]
    assert sorted(os.listdir(tmp_path / "out")) == [f"{index}.wav" for index in range(4)]
