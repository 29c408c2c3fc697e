import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, small_machine, write

from dcase_denoise_plugin.errors import AudioError, DataError
from dcase_denoise_plugin.sound.clips import Clips, spectrum
from dcase_denoise_plugin.sound.machine import Machine, own_noise
from dcase_denoise_plugin.sound.noise import (
    CHANCES,
    Coloured,
    Floor,
    Reel,
    gain_at_snr,
)
from dcase_denoise_plugin.sound.noise_recordings import (
    guessed_noise,
    noise_recordings,
    source_name,
)
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

SPECTROGRAM = Spectrogram(FEATURES, RATE_HZ, "mel")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def source_of(machine, name="auto", **keys):
    config = dataclasses.replace(SMALL, noise_source=name, **keys)
    if files := noise_recordings(machine, config):
        return Reel.from_files(files, SPECTROGRAM)
    return guessed_noise(machine, config, Clips(machine.train_files, SPECTROGRAM), generator())


def drawn(source, clips, frames, seed=0):
    return source.draw(
        torch.tensor(clips), frames, torch.rand(len(clips), CHANCES, generator=generator(seed))
    )


def level_db(spec):
    return 10 * spec.abs().square().mean((0, -1)).log10()


def test_auto_takes_the_supplemental_clips_where_there_are_any(tmp_path):
    assert isinstance(source_of(small_machine(tmp_path)), Reel)


def test_auto_takes_the_clips_own_floor_where_there_are_none(tmp_path):
    assert isinstance(source_of(small_machine(tmp_path, noise_clips=0)), Floor)


def test_supplemental_noise_is_a_stretch_of_the_noise_clips(tmp_path):
    machine = small_machine(tmp_path)
    frames = torch.cat([spectrum(hiss(index), SPECTROGRAM) for index in range(2)], -1).mT
    noises = drawn(source_of(machine, "supplemental"), [0, 1, 2], 5)
    assert noises.shape == (3, 129, 5)
    for noise in noises:
        start = [torch.equal(frame, noise[:, 0]) for frame in frames].index(True)
        assert torch.equal(frames.roll(-start, 0)[:5].mT, noise)


def test_noise_shorter_than_a_clip_goes_round(tmp_path):
    short = drawn(Reel(spectrum(hiss(0), SPECTROGRAM)), [0], 100)
    assert torch.equal(short[..., :32], short[..., 32:64]) and short.shape[-1] == 100


def test_other_machines_lend_their_training_clips(tmp_path):
    small_machine(tmp_path)
    write(tmp_path / "valve" / "train" / "v.wav", hiss(9))
    reel = source_of(Machine.from_folder(tmp_path / "fan", "MADEUP", FEATURES), "other_machines")
    assert torch.equal(reel.spec, spectrum(hiss(9), SPECTROGRAM))


def test_more_noise_than_fits_is_thinned_out_evenly(tmp_path):
    files = [write(tmp_path / f"{index}.wav", hiss(index)) for index in range(6)]
    one = spectrum(hiss(0), SPECTROGRAM)
    reel = Reel.from_files(files, SPECTROGRAM, memory_bytes=3 * one.nbytes)
    assert torch.equal(
        reel.spec, torch.cat([spectrum(hiss(index), SPECTROGRAM) for index in (0, 2, 4)], -1)
    )


def test_recordings_of_any_lengths_fit_into_the_memory(tmp_path):
    files = [
        write(tmp_path / f"{index}.wav", hiss(index, 4000 if index == 0 else 40000))
        for index in range(9)
    ]
    long = spectrum(hiss(1, 40000), SPECTROGRAM).nbytes
    assert long < Reel.from_files(files, SPECTROGRAM, memory_bytes=4 * long).spec.nbytes <= 4 * long


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("supplemental", "its supplemental folder"),
        ("other_machines", "the train folders of the machine types beside it"),
    ],
)
def test_a_source_without_clips_is_refused(tmp_path, name, where):
    expected = (
        f"denoise_noise_source {name}: expected at least 1 noise clip for machine fan, got 0 in"
        f" {where}.* choose denoise_noise_source: floor"
    )
    with pytest.raises(DataError, match=expected):
        source_of(small_machine(tmp_path, noise_clips=0), name)


def test_a_folder_of_ones_own_noise_is_a_source(tmp_path):
    write(tmp_path / "own" / "fan_heater.wav", hiss(9))
    named = source_of(small_machine(tmp_path), str(tmp_path / "own"))
    assert torch.equal(named.spec, spectrum(hiss(9), SPECTROGRAM))


@pytest.mark.parametrize(
    ("noise_clips", "keys", "name"),
    [
        (2, {}, "supplemental"),
        (0, {}, "floor"),
        (2, {"noise_source": "./mine"}, "./mine"),
        (2, {"noise_source": "coloured"}, "coloured"),
    ],
)
def test_auto_comes_to_the_best_source_there_is(tmp_path, noise_clips, keys, name):
    assert (
        source_name(
            small_machine(tmp_path, noise_clips=noise_clips), dataclasses.replace(SMALL, **keys)
        )
        == name
    )


def test_a_noise_folder_is_taken_whole_and_what_is_passed_over_is_said(tmp_path, said):
    for name in ("a.wav", "B.WAV", "c.Wav", "._d.wav"):
        write(tmp_path / "noise" / name, hiss(0))
    for name in ("e.flac", "f.mp3", "._g.mp3", "notes.txt"):
        (tmp_path / "noise" / name).touch()
    config = dataclasses.replace(SMALL, noise_source=str(tmp_path / "noise"))
    for _ in range(2):
        files = own_noise(config)
        assert {file.name for file in files} == {"a.wav", "B.WAV", "c.Wav"}
    (line,) = said
    assert f"got 2 others such as e.flac in {tmp_path / 'noise'}. They are passed over." in line


def test_an_empty_noise_folder_is_refused(tmp_path):
    with pytest.raises(
        DataError,
        match=(
            r"denoise_noise_source: expected .* got 0 in /.*/nowhere\. Correct the path, or leave"
            r" the key at auto"
        ),
    ):
        source_of(small_machine(tmp_path), name="./nowhere")


def test_a_noise_folder_may_lie_at_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "own" / "fan_heater.wav", hiss(9))
    assert torch.equal(
        source_of(small_machine(tmp_path), name="~/own").spec,
        spectrum(hiss(9), SPECTROGRAM),
    )


def test_a_noise_clip_of_another_rate_is_refused_by_name(tmp_path):
    machine = small_machine(tmp_path)
    write(machine.noise_files[1], hiss(1, 8000), 8000)
    with pytest.raises(
        AudioError,
        match=r"noise clip: expected 4000 Hz .*, got 8000 Hz in .*noise_1\.wav\. Resample",
    ):
        source_of(machine)


def test_floor_noise_has_the_spectrum_of_the_clips_floor_without_its_tone(tmp_path):
    rumble = np.cumsum(np.random.default_rng(0).standard_normal(40000)) * 1e-3
    tone = np.sin(2 * np.pi * 500 * np.arange(40000) / RATE_HZ)
    files = [
        write(tmp_path / f"{index}.wav", (rumble + tone).astype(np.float32)) for index in range(2)
    ]
    source = Floor(Clips(files, SPECTROGRAM), Reel.white(SPECTROGRAM, generator()))
    noise_db, rumble_db = (
        level_db(drawn(source, [0] * 50, 50)),
        level_db(spectrum(rumble.astype(np.float32), SPECTROGRAM)[None]),
    )
    falls_by_db = rumble_db[20:25].mean() - rumble_db[95:105].mean()
    assert noise_db[20:25].mean() - noise_db[95:105].mean() == pytest.approx(
        falls_by_db.item(), abs=3
    )
    assert noise_db[32] - noise_db[20] < 3  # the tone lies in bin 32


def test_a_clip_without_a_noise_floor_is_refused_by_name(tmp_path):
    machine = small_machine(tmp_path, noise_clips=0)
    write(
        machine.train_files[1],
        np.where(np.arange(RATE_HZ) < RATE_HZ / 2, hum(1), 0).astype(np.float32),
    )
    with pytest.raises(
        DataError,
        match=(
            r"got digital silence for a tenth of the time in .*clip_1\.wav\. Choose"
            r" denoise_noise_source: coloured"
        ),
    ):
        source_of(machine, "floor")


def test_coloured_noise_falls_by_up_to_six_db_per_octave_and_never_the_same(tmp_path):
    noise = source_of(small_machine(tmp_path), "coloured")
    assert isinstance(noise, Coloured)
    noises = drawn(noise, [0] * 20, 200)
    slopes = [
        level_db(one[None])[60:68].mean() - level_db(one[None])[30:34].mean() for one in noises
    ]
    assert -7 < min(slopes) < -4 and -2 < max(slopes) < 1


def test_draws_depend_on_the_generator_alone(tmp_path):
    source = source_of(small_machine(tmp_path), "coloured")
    assert torch.equal(drawn(source, [0], 8, 1), drawn(source, [0], 8, 1))
    assert not torch.equal(drawn(source, [0], 8, 1), drawn(source, [0], 8, 2))


@pytest.mark.parametrize("snr_db", [-20.0, 0.0, 7.5])
def test_the_gain_puts_noise_at_the_snr(snr_db):
    clip, noise = hum(0, 40000), hiss(0, 40000)
    gain = gain_at_snr(
        spectrum(clip, SPECTROGRAM)[None],
        spectrum(noise, SPECTROGRAM)[None],
        torch.tensor([snr_db]),
    ).item()
    assert 10 * np.log10((clip**2).sum() / ((gain * noise) ** 2).sum()) == pytest.approx(
        snr_db, abs=0.1
    )


def test_digitally_silent_noise_stays_silence():
    silence = torch.zeros(1, 129, 4, dtype=torch.complex64)
    assert (
        (gain_at_snr(torch.ones_like(silence), silence, torch.zeros(1))[:, None, None] * silence)
        .isfinite()
        .all()
    )
