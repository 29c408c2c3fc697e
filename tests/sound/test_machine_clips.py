import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, noise_of, small_machine, write

from dcase_denoise_plugin.errors import AudioError
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.machine_clips import MachineClips
from dcase_denoise_plugin.sound.noise import CHANCES, energy
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.loop import Training
from dcase_denoise_plugin.training.pairs import Draws, Pairs
from dcase_denoise_plugin.training.random_streams import generator_for

SPECTROGRAM = Spectrogram(FEATURES, RATE_HZ, "mel")
TONE_BIN = 64  # 1000 Hz, where neither the hum of the training clips nor anything else stands out
CLIPS = [0, 1, 2, 3] * 10


def machine_with_clean_clips(folder, rate_hz=RATE_HZ, level=0.01):
    small_machine(folder, noise_clips=0)
    tone = (level * np.sin(2 * np.pi * 1000 * np.arange(3 * rate_hz // 2) / rate_hz)).astype(
        np.float32
    )
    for index in range(2):
        write(
            folder / "fan" / "supplemental" / f"section_00_machine_{index:04d}_.wav", tone, rate_hz
        )
    return Machine.from_folder(folder / "fan", "MADEUP", FEATURES, seed=7)


def sides_of(machine, noisy, **keys):
    config = dataclasses.replace(SMALL, noise_source="coloured", **keys)
    clips = Clips(machine.train_files, SPECTROGRAM)
    pairs = Pairs(
        clips,
        noise_of(machine, config, clips),
        clips.scaling(),
        ImageFormat(16, 4, 26),
        config,
        MachineClips.from_machine(machine, SPECTROGRAM),
    )
    return pairs.specs(
        Draws.from_generator(torch.tensor(CLIPS), noisy, 4, clips.frames - 25, generator_for(1))
    )[1:]


def chances_of(pairs):
    return torch.rand(pairs, 1 + CHANCES, generator=generator_for(0))


def is_machine_alone(spec):
    power = spec.abs().square().sum(-1)
    return power[:, TONE_BIN - 1 : TONE_BIN + 2].sum(-1) > 0.99 * power.sum(-1)


def test_a_machine_without_recordings_of_it_alone_has_none(tmp_path):
    assert MachineClips.from_machine(small_machine(tmp_path), SPECTROGRAM) is None


@pytest.mark.parametrize("pairing", ["two_draws", "to_original", "different_clips"])
def test_about_half_of_the_noisy_pairs_go_from_the_machine_under_noise_to_the_machine_alone(
    tmp_path, pairing
):
    first, second = sides_of(
        machine_with_clean_clips(tmp_path),
        torch.ones(len(CLIPS), dtype=torch.bool),
        pairing=pairing,
    )
    alone = is_machine_alone(second)
    assert 10 <= alone.sum() <= 30 and not is_machine_alone(first).any()
    added = first[alone] - second[alone]
    likeness = (added * second[alone].conj()).sum((1, 2)).abs() / (
        energy(added) * energy(second[alone])
    ).sqrt()
    assert (
        energy(added).min() > 0 and likeness.max() < 0.3
    )  # the noisy side is the clean one and noise


def test_original_pairs_keep_the_training_clip(tmp_path):
    first, second = sides_of(
        machine_with_clean_clips(tmp_path), torch.zeros(len(CLIPS), dtype=torch.bool)
    )
    assert torch.equal(first, second) and not is_machine_alone(first).any()


def test_the_machine_alone_comes_at_the_level_of_the_clip_it_replaces(tmp_path):
    spec = torch.stack([SPECTROGRAM.spec(torch.from_numpy(hum(index))) for index in range(8)])
    machine_clips = MachineClips.from_machine(machine_with_clean_clips(tmp_path), SPECTROGRAM)
    put_in, replaced = machine_clips.put_in(spec, torch.ones(8, dtype=torch.bool), chances_of(8))
    assert replaced.any() and torch.equal(put_in[~replaced], spec[~replaced])
    torch.testing.assert_close(energy(put_in[replaced]), energy(spec[replaced]), rtol=0.1, atol=0)


def test_a_machine_that_pauses_is_not_raised_in_its_pauses(tmp_path):
    machine = machine_with_clean_clips(tmp_path)
    wav = hum(0, 40 * RATE_HZ) * (np.arange(40 * RATE_HZ) % (8 * RATE_HZ) < RATE_HZ)
    for file in machine.machine_files:
        write(file, wav.astype(np.float32))
    spec = torch.stack([SPECTROGRAM.spec(torch.from_numpy(hum(0)))] * 100)
    put_in, replaced = MachineClips.from_machine(machine, SPECTROGRAM).put_in(
        spec, torch.ones(100, dtype=torch.bool), chances_of(100)
    )
    assert energy(put_in[replaced]).min() < 1e-3 * energy(spec[:1])


def test_a_machine_clip_of_another_rate_is_refused_by_name(tmp_path):
    with pytest.raises(
        AudioError,
        match=(
            r"machine clip: expected 4000 Hz .*, got 8000 Hz in .*section_00_machine_0000_\.wav\."
            r" Resample"
        ),
    ):
        MachineClips.from_machine(machine_with_clean_clips(tmp_path, rate_hz=8000), SPECTROGRAM)


def test_training_takes_the_machine_clips_and_does_without_where_there_are_none(tmp_path):
    device, path = torch.device("cpu"), tmp_path / "denoiser.pt"
    assert (
        Training(
            machine_with_clean_clips(tmp_path / "a"), SMALL, path, device, print
        ).pairs.machine_clips
        is not None
    )
    assert (
        Training(small_machine(tmp_path / "b"), SMALL, path, device, print).pairs.machine_clips
        is None
    )


def test_pairs_are_what_they_were_where_there_are_no_machine_clips(tmp_path):
    machine = small_machine(tmp_path)
    write(tmp_path / "fan" / "supplemental" / "readme_clip.wav", hiss(3))
    again = Machine.from_folder(tmp_path / "fan", "MADEUP", FEATURES, seed=7)
    assert again.machine_files == () and again.training_digest(
        DenoiseConfig()
    ) == machine.training_digest(DenoiseConfig())
