import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, write

from benchmarks.denoisers import trained
from benchmarks.quality.decomposition import Part, survival
from benchmarks.quality.survival import known_sounds
from dcase_denoise_plugin.demo.machines import REFERENCE_FOLDER, make_machines
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.findings import Findings
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.images import Scaling

SOUNDS = [
    (hum(index).astype(float), 0.3 * (1 + index) * hiss(index).astype(float)) for index in range(3)
]


def rng():
    return np.random.default_rng(0)


def denoiser_that_takes(constant, quantile=None, **keys):
    """One that takes away a constant, in tens of dB."""
    config = dataclasses.replace(SMALL, **keys)
    network = UNet(config.width, config.depth, torch.Generator().manual_seed(0))
    torch.nn.init.constant_(network.last.bias, constant)
    scaling = Scaling(torch.full((FEATURES.n_mels, 1), -40.0), 10.0)
    return Denoiser(
        Checkpoint(
            config,
            FEATURES,
            RATE_HZ,
            "MADEUP",
            "fan",
            "0",
            32,
            scaling,
            Findings(noise_known=True, quantile=quantile),
            network.state_dict(),
        ),
        "cpu",
    )


@pytest.mark.parametrize("taken", [0.0, 1.0])
def test_a_denoiser_that_takes_the_same_from_everything_costs_no_anomaly_anything(taken):
    found = survival(denoiser_that_takes(taken), SOUNDS, "tone", 0.0, rng())
    assert found.spectrum.kept == pytest.approx(
        1, abs=1e-4
    ) and found.fluctuation.kept == pytest.approx(1, abs=1e-4)
    assert [found.machine_db, found.anomaly_db, found.noise_db] == pytest.approx(
        [-10 * taken] * 3, abs=1e-3
    )
    assert (
        found.noise_loss_db == pytest.approx(0, abs=1e-3)
        and not found.gain_holds
        and not found.spectrum_holds
    )


@pytest.mark.parametrize(("quantile", "kept"), [(None, 1.0), (0.1, 0.25)])
def test_half_the_fluctuation_is_kept_as_a_quarter_of_its_energy_where_pauses_tell_the_machine(
    quantile, kept
):
    denoiser = denoiser_that_takes(0.0, quantile=quantile, output="clip_spectrum", fluctuation=0.5)
    assert survival(denoiser, SOUNDS, "clicks", 10.0, rng()).fluctuation.kept == pytest.approx(
        kept, abs=1e-3
    )


def test_a_low_quantile_over_time_keeps_a_tone_and_erases_clicks():
    low = denoiser_that_takes(0.0, quantile=0.1, output="clip_spectrum")
    clips = [(clean, np.zeros_like(clean)) for clean, _ in SOUNDS]
    tone, clicks = (
        survival(
            low, [(clean, noise + 1e-4 * hiss(9)) for clean, noise in clips], kind, 0.0, rng()
        ).spectrum
        for kind in ("tone", "clicks")
    )
    assert tone.kept > 0.9 and clicks.kept < 0.1


def test_an_anomaly_that_turns_into_its_opposite_is_not_kept():
    assert Part(0.5, -0.5).kept == 0 and Part(0.5, 0.25).kept == 0.25


def test_the_noise_of_a_clip_is_what_it_has_more_than_its_reference(tmp_path):
    for index in range(4):
        write(tmp_path / "reference" / f"section_00_source_test_normal_{index}.wav", hum(index))
        write(
            tmp_path / "test" / f"section_00_source_test_normal_{index}.wav",
            hum(index) + hiss(index),
        )
    write(tmp_path / "reference" / "section_00_source_test_anomaly_0.wav", hum(7))
    sounds = known_sounds(tmp_path / "test", tmp_path / "reference", 2)
    assert (
        len(sounds) == 2
        and np.allclose(sounds[1][0], hum(2))
        and np.allclose(sounds[1][1], hiss(2), atol=1e-6)
    )


def test_a_steady_tone_keeps_nine_tenths_of_its_energy_in_pauses(tmp_path):
    (folder,) = make_machines(
        tmp_path,
        source_train=14,
        target_train=2,
        test=3,
        noise=8,
        clip_s=2.0,
        machine_types=("fan",),
    )
    denoiser = trained(
        folder, resolve({"preset": "recommended", "epochs": 2, "clip_level": "0.1"}, {}), seed=1
    )
    sounds = known_sounds(folder / "test", tmp_path / REFERENCE_FOLDER / "fan" / "test", 6)
    assert all(
        survival(denoiser, sounds, "tone", level_db, rng()).spectrum.kept >= 0.9
        for level_db in (-10.0, 0.0)
    )
