import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("pyroomacoustics", reason="not installed: pip install '.[rooms]'")

from benchmarks.sets.rooms import Room, main
from dcase_denoise_plugin.sound.audio import write_wav

RATE_HZ = 8000
SMALL = Room(size_m=(4.0, 3.0, 2.5), rt60_s=0.15, far_m=1.5, leakage_db=-10.0, snr_db=(-6.0, -6.0))


def tone(hz, level=0.1):
    return level * np.sin(2 * np.pi * hz * np.arange(RATE_HZ) / RATE_HZ)


@pytest.fixture
def folders(tmp_path):
    """Machine clips of 500 Hz, and a noise of 1000 Hz for training, of 2000 Hz for test clips."""
    for name in ("train/section_00_source_train_normal_0.wav", "test/section_00_target_test_1.wav"):
        write_wav(tmp_path / "machine" / name, tone(500), RATE_HZ)
    for number, hz in enumerate((1000, 2000)):
        write_wav(tmp_path / "noise" / f"{number}.wav", tone(hz), RATE_HZ)
    return tmp_path / "machine", tmp_path / "noise"


def rms(wav):
    return np.sqrt(np.mean(np.square(wav), axis=0))


def test_snr_and_leakage_are_those_asked_for_and_the_noise_is_louder_far_away(folders):
    for split, _, machine, noise, _ in SMALL.clips(*folders, seed=1):
        assert machine.shape == noise.shape == (RATE_HZ, 2)
        near, far = rms(machine)
        np.testing.assert_allclose(20 * np.log10([far / near, rms(noise)[0] / near]), [-10, 6])
        assert rms(noise)[1] > rms(noise)[0] / 2
        assert np.argmax(np.abs(np.fft.rfft(noise[:, 0]))) == (2000 if split == "test" else 1000)


def test_reverberation_lasts_longer_where_it_is_asked_to():
    def length_s(rt60_s):
        room = Room(size_m=SMALL.size_m, rt60_s=rt60_s, far_m=1.5)
        response = room.responses(RATE_HZ, np.random.default_rng(1))[0][1]
        left = np.cumsum(response[::-1] ** 2)[::-1]
        return np.argmax(left < left[0] / 1000) / RATE_HZ  # by 30 dB

    assert length_s(0.25) > 1.5 * length_s(0.12)


def test_the_command_writes_the_same_machine_folder_again(folders, tmp_path):
    outs = []
    for out in ("a", "b"):
        words = [*map(str, (*folders, tmp_path / out)), "--rt60-s", "0.2", "--far-m", "1.5"]
        result = CliRunner().invoke(main, words, catch_exceptions=False)
        assert result.output == f"2 clips of two channels in {tmp_path / out}\n"
        files = sorted((tmp_path / out).rglob("*.wav"))
        outs.append([file.read_bytes() for file in files])
    assert [file.parent.name for file in files] == ["test", "train"] and outs[0] == outs[1]
    assert soundfile.info(files[0]).channels == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--rt60-s", "0.05"), "--rt60-s: expected what walls of this room can do, got 0.05"),
        (("--far-m", "30"), "--far-m: expected microphones that fit into the room"),
        (("--size-m", "0.5", "0.5", "0.5", "--rt60-s", "0.3"), "--far-m: expected microphones th"),
    ],
)
def test_a_room_that_cannot_be_is_refused_in_one_line(folders, tmp_path, options, message):
    result = CliRunner().invoke(main, [*map(str, (*folders, tmp_path / "out")), *options])
    assert result.exit_code == 1 and message in result.output
    assert len(result.output.splitlines()) == 1


def test_what_gives_no_clips_is_refused_in_one_line(folders, tmp_path):
    (tmp_path / "empty").mkdir()
    (folders[1] / "1.wav").unlink()
    for machine, noise, message in (
        (tmp_path / "empty", folders[1], "MACHINE: expected mono wav files, got none under"),
        (folders[0], tmp_path / "empty", "NOISE: expected wav or FLAC recordings of at least 1 s"),
        (folders[0], folders[1], "NOISE: expected at least 2 recordings"),
    ):
        result = CliRunner().invoke(main, [str(machine), str(noise), str(tmp_path / "out")])
        assert result.exit_code == 1 and message in result.output
        assert len(result.output.splitlines()) == 1
