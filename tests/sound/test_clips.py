import pytest
import torch
from small_machine import FEATURES, RATE_HZ, hum, small_machine, write

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.spectrogram import Spectrogram


def clips_of(machine, domain="mel", **options):
    return Clips(machine.train_files, Spectrogram(FEATURES, RATE_HZ, domain), **options)


def test_spectra_are_the_same_whether_kept_or_read_again(tmp_path):
    machine = small_machine(tmp_path)
    kept, read_again = clips_of(machine), clips_of(machine, memory_bytes=0)
    assert kept[0].data_ptr() == kept[0].data_ptr() != read_again[0].data_ptr()
    assert all(torch.equal(kept[index], read_again[index]) for index in range(len(kept)))


def test_clips_that_a_gpus_memory_does_not_hold_are_read_again_and_that_is_said(
    tmp_path, monkeypatch, capsys
):
    def full(*shape):
        raise torch.OutOfMemoryError("CUDA out of memory")

    machine = small_machine(tmp_path)
    kept = clips_of(machine)
    monkeypatch.setattr(torch.Tensor, "new_empty", full)
    read_again = clips_of(machine)
    assert all(torch.equal(kept[index], read_again[index]) for index in range(len(kept)))
    assert (
        capsys.readouterr().err
        == "denoiser: cpu has no memory for the 4 clips; reads each whenever it is needed\n"
    )


@pytest.mark.parametrize("memory_bytes", [0, 2**30])
def test_a_batch_is_cut_out_of_the_clips_at_its_places(tmp_path, memory_bytes):
    clips = clips_of(small_machine(tmp_path), memory_bytes=memory_bytes)
    cut = clips.cut(torch.tensor([2, 0, 2]), torch.tensor([0, 7, 22]), 10)
    assert cut.shape == (3, 129, 10) and cut.stride(1) == 1
    assert all(
        torch.equal(one, clips[clip][:, start : start + 10])
        for one, clip, start in zip(cut, (2, 0, 2), (0, 7, 22))
    )


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_the_scaling_is_that_of_all_clips_together(tmp_path, domain):
    clips = clips_of(small_machine(tmp_path), domain)
    level_db = torch.stack(
        [clips.spectrogram.level_db(clips[index]) for index in range(len(clips))]
    )
    scaling = clips.scaling()
    mean_db = level_db.mean((0, 2))[:, None]
    torch.testing.assert_close(scaling.mean_db, mean_db)
    assert scaling.std_db == pytest.approx(
        (level_db - mean_db).square().mean().sqrt().item(), rel=1e-4
    )


def test_clips_without_any_variation_can_be_scaled(tmp_path):
    spectrogram = Spectrogram(FEATURES, RATE_HZ, "mel")
    clips = Clips([write(tmp_path / f"{index}.wav", hum(0)) for index in range(2)], spectrogram)
    clips._kept.fill_(0.5)
    assert torch.isfinite(clips.scaling().scaled(spectrogram.level_db(clips[0]))).all()


@pytest.mark.parametrize("memory_bytes", [0, 2**30])
def test_a_clip_of_another_rate_is_refused_by_name(tmp_path, memory_bytes):
    small_machine(tmp_path)
    write(tmp_path / "fan" / "train" / "clip_1.wav", hum(1, 8000, 8000), 8000)
    with pytest.raises(
        AudioError,
        match=(
            r"clip: expected 4000 Hz as in .*clip_0\.wav, got 8000 Hz in .*clip_1\.wav\. Resample"
            r" it or leave it out\."
        ),
    ):
        clips_of(small_machine_as_it_is(tmp_path), memory_bytes=memory_bytes).scaling()


@pytest.mark.parametrize("memory_bytes", [0, 2**30])
def test_a_clip_of_another_length_is_refused_by_name(tmp_path, memory_bytes):
    small_machine(tmp_path)
    write(tmp_path / "fan" / "train" / "clip_2.wav", hum(2, 4001))
    with pytest.raises(
        AudioError,
        match=(
            r"clip: expected 4000 samples as in .*clip_0\.wav, got 4001 in .*clip_2\.wav\. Cut, pad"
            r" or remove the file\."
        ),
    ):
        clips_of(small_machine_as_it_is(tmp_path), memory_bytes=memory_bytes).scaling()


def small_machine_as_it_is(folder):
    from dcase_denoise_plugin.sound.machine import Machine

    return Machine.from_folder(folder / "fan", "MADEUP", FEATURES)
