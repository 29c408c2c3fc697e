import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, small_machine, write

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum, steady_machine_residual_db
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.quantile import least_noisy_quantile, standing_out_quantile
from dcase_denoise_plugin.training.loop import train_denoiser

ROWS, FRAMES = 12, 120


def stretches(count, seed, bursts_db=0.0, share=0.5):
    """Steady sound that for a share of the time is louder by `bursts_db`: levels in dB, each
    stretch at a loudness of its own.
    """
    generator = torch.Generator().manual_seed(seed)
    loud = torch.rand(count, 1, FRAMES, generator=generator) < share
    own_db = 10 * torch.randn(count, 1, 1, generator=generator)
    return list(own_db + bursts_db * loud + torch.randn(count, ROWS, FRAMES, generator=generator))


def sum_of(*levels):
    return [
        10 * torch.log10(sum(10 ** (level / 10) for level in together)) for together in zip(*levels)
    ]


def test_the_spectrum_is_the_mean_or_the_quantile_over_time():
    level_db = torch.from_numpy(np.random.default_rng(0).normal(-40, 10, (2, ROWS, 101)))
    torch.testing.assert_close(clip_spectrum(level_db, None), level_db.mean(-1, keepdim=True))
    for quantile in (0.0, 0.1, 0.5, 1.0):
        torch.testing.assert_close(
            clip_spectrum(level_db, quantile), level_db.quantile(quantile, dim=-1, keepdim=True)
        )


def test_a_steady_machine_in_noise_that_comes_and_goes_stands_out_at_a_low_quantile():
    noise = stretches(30, 1, bursts_db=15)
    clips = sum_of(stretches(40, 2), stretches(40, 3, bursts_db=15))
    assert standing_out_quantile(clips, noise) <= 0.25


def test_a_machine_that_knocks_in_steady_noise_stands_out_at_a_high_quantile():
    noise = stretches(30, 1)
    clips = sum_of(stretches(40, 2, bursts_db=15, share=0.1), stretches(40, 3))
    assert standing_out_quantile(clips, noise) >= 0.9


def test_how_loud_the_noise_was_recorded_does_not_matter():
    noise, clips = (
        stretches(30, 1, bursts_db=15),
        sum_of(stretches(40, 2), stretches(40, 3, bursts_db=15)),
    )
    assert standing_out_quantile(clips, noise) == standing_out_quantile(
        clips, [level_db - 30 for level_db in noise]
    )


@pytest.mark.parametrize("seed", range(5))
def test_clips_that_fluctuate_as_the_noise_does_keep_their_mean(seed):
    assert (
        standing_out_quantile(
            stretches(60, seed, bursts_db=6), stretches(30, seed + 100, bursts_db=6)
        )
        is None
    )


def test_a_single_clip_or_stretch_of_noise_tells_nothing():
    assert standing_out_quantile(stretches(1, 0), stretches(30, 1, bursts_db=15)) is None
    assert standing_out_quantile(stretches(30, 0), stretches(1, 1, bursts_db=15)) is None


def test_noise_that_comes_and_goes_raises_a_low_quantile_least_above_the_machine_alone():
    assert (
        least_noisy_quantile(
            sum_of(stretches(40, 2), stretches(40, 3, bursts_db=15)), stretches(30, 1)
        )
        <= 0.25
    )


@pytest.mark.parametrize("seed", range(5))
def test_clips_that_fluctuate_as_the_machine_alone_keep_their_mean(seed):
    assert (
        least_noisy_quantile(
            stretches(60, seed, bursts_db=6), stretches(30, seed + 100, bursts_db=6)
        )
        is None
    )


@pytest.mark.parametrize(
    "rule", [lambda louder, steadier: standing_out_quantile(steadier, louder), least_noisy_quantile]
)
def test_a_difference_that_is_sure_but_small_tells_nothing(rule):
    assert rule(stretches(200, 0, bursts_db=1.0), stretches(200, 1)) is None
    assert rule(stretches(200, 0, bursts_db=6.0), stretches(200, 1)) is not None


def test_however_little_a_machine_stands_out_the_quantile_is_found_if_asked_for():
    assert (
        standing_out_quantile(stretches(200, 1), stretches(200, 0, bursts_db=1.0), least_db=0.0)
        is not None
    )


def test_a_single_recording_of_the_machine_tells_nothing():
    assert least_noisy_quantile(stretches(30, 0, bursts_db=15), stretches(1, 1)) is None


def quantile_trained(folder, level, noise_clips, fresh=True, **keys):
    if fresh:
        small_machine(folder, clips=12, noise_clips=0)
    for index in range(noise_clips):
        gate = np.repeat(np.random.default_rng(index).random(20) < 0.5, RATE_HZ // 20)
        write(
            folder / "fan" / "supplemental" / f"section_00_noise_{index}.wav",
            hiss(index) * (0.01 + gate).astype(np.float32),
        )
    machine = Machine.from_folder(folder / "fan", "MADEUP", FEATURES, 7)
    train_denoiser(
        machine,
        dataclasses.replace(SMALL, epochs=1, clip_level=level, **keys),
        folder / "denoiser.pt",
        torch.device("cpu"),
        say=lambda line: None,
    )
    return Checkpoint.load(folder / "denoiser.pt").quantile


def test_training_finds_the_quantile_and_the_denoiser_keeps_it(tmp_path):
    assert quantile_trained(tmp_path, "auto", 12, noise_source="supplemental") <= 0.25


def test_a_machine_that_stands_out_little_is_taken_at_its_mean_unless_the_surest_is_asked_for(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("dcase_denoise_plugin.sound.quantile.LEAST_DIFFERENCE_DB", 100.0)
    assert quantile_trained(tmp_path, "auto", 12, noise_source="supplemental") is None
    assert quantile_trained(tmp_path / "again", "surest", 12, noise_source="supplemental") <= 0.25


def test_training_finds_the_quantile_by_recordings_of_the_machine_alone(tmp_path):
    machine = small_machine(tmp_path, clips=12, noise_clips=0)
    for index, file in enumerate(machine.train_files):
        gate = np.repeat(np.random.default_rng(index).random(20) < 0.5, RATE_HZ // 20)
        write(file, hum(index) + hiss(index) * gate.astype(np.float32))
        write(
            tmp_path / "fan" / "supplemental" / f"section_00_machine_{index}.wav", hum(100 + index)
        )
    assert quantile_trained(tmp_path, "auto", 0, fresh=False) <= 0.25


@pytest.mark.parametrize(
    "level, noise_clips, quantile", [("mean", 12, None), ("0.3", 12, 0.3), ("auto", 0, None)]
)
def test_without_recorded_noise_or_when_told_otherwise_nothing_is_looked_for(
    tmp_path, level, noise_clips, quantile
):
    assert quantile_trained(tmp_path, level, noise_clips) == quantile


def test_the_wiener_gain_is_the_machines_share_of_the_power_around_each_point():
    level_db = torch.full((ROWS, 30), -40.0)
    level_db[:, 15:] = -20.0
    residual_db = steady_machine_residual_db(level_db, torch.full((ROWS, 1), -43.0))
    torch.testing.assert_close(
        residual_db[:, :13], torch.full((ROWS, 13), 6.0)
    )  # half of the power: half of the amplitude
    torch.testing.assert_close(residual_db[:, 17:], torch.full((ROWS, 13), 46.0))
    assert (residual_db.diff(dim=-1) > -1e-4).all()


def test_nothing_is_taken_where_the_machine_is_all_there_is_or_louder_than_the_clip():
    level_db = torch.full((ROWS, 30), -40.0)
    for spectrum_db in (-40.0, -20.0):
        torch.testing.assert_close(
            steady_machine_residual_db(level_db, torch.full((ROWS, 1), spectrum_db)),
            torch.zeros(ROWS, 30),
            atol=1e-4,
            rtol=0,
        )


def test_a_digitally_silent_clip_has_no_infinite_gain():
    assert (
        steady_machine_residual_db(torch.full((ROWS, 30), -200.0), torch.full((ROWS, 1), -156.5))
        .isfinite()
        .all()
    )


def test_several_clips_at_once_are_filtered_as_each_alone():
    clips = torch.randn(3, 6, 40, generator=torch.Generator().manual_seed(0)) * 10 - 50
    spectra = clip_spectrum(clips, 0.1)
    together = steady_machine_residual_db(clips, spectra)
    torch.testing.assert_close(
        together, torch.stack([steady_machine_residual_db(*clip) for clip in zip(clips, spectra)])
    )
