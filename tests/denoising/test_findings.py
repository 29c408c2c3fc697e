import dataclasses

import numpy as np
import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, hiss, hum, small_machine, write

from dcase_denoise_plugin.denoising.findings import (
    Findings,
    find,
    louder_than_clips_db,
    noise_spread_of,
)
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.clips import Clips, spectrum
from dcase_denoise_plugin.sound.noise import Reel
from dcase_denoise_plugin.sound.noise_recordings import noise_recordings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

SPECTROGRAM = Spectrogram(FEATURES, RATE_HZ, "mel")


def test_noise_alone_is_as_loud_as_clips_of_nothing_else_and_louder_than_clips_without_it(tmp_path):
    def louder_db(name, wavs):
        files = [
            write(tmp_path / name / f"{index}.wav", wav.astype(np.float32))
            for index, wav in enumerate(wavs)
        ]
        return louder_than_clips_db(
            Reel(spectrum(hiss(9, 4 * RATE_HZ), SPECTROGRAM)), Clips(files, SPECTROGRAM)
        )

    assert louder_db("the same", [hiss(index) for index in range(4)]) == pytest.approx(0, abs=0.5)
    assert louder_db("half of it", [hiss(index) / 2 for index in range(4)]) == pytest.approx(
        6, abs=0.5
    )
    assert louder_db("machine in it", [hum(index) + hiss(index) for index in range(4)]) < 0


def test_noise_varies_by_what_its_level_does_and_not_by_one_silent_recording(tmp_path):
    file = write(tmp_path / "clip.wav", hum(0))

    def spread_db(*gains):
        wavs = [gain * hiss(seed, RATE_HZ) for seed, gain in enumerate(gains)]
        reel = Reel(torch.cat([spectrum(wav, SPECTROGRAM) for wav in wavs], -1))
        return noise_spread_of(reel, Clips([file], SPECTROGRAM))

    assert spread_db(1) == 0
    assert spread_db(*[1] * 20, 1e-4) == pytest.approx(0, abs=1)
    assert spread_db(*[1, 10] * 10) == pytest.approx(10, abs=1)


@pytest.mark.parametrize(
    ("held", "keys", "known"),
    [
        (True, {}, True),
        (False, {}, False),
        (False, {"noise_source": "supplemental"}, True),
        (True, {"noise_source": "floor"}, False),
    ],
)
def test_supplemental_noise_is_known_if_the_clips_hold_it_or_the_user_says_so(
    tmp_path, held, keys, known
):
    machine = small_machine(tmp_path)
    for index, file in enumerate(machine.train_files):
        write(file, hum(index) + held * hiss(index))
    clips, config = Clips(machine.train_files, SPECTROGRAM), dataclasses.replace(SMALL, **keys)
    files = noise_recordings(machine, config)
    reel = Reel.from_files(files, SPECTROGRAM) if files else None
    assert find(machine, config, clips, reel, None).noise_known is known


TOLD = dict(noise_recordings=60, noise_above_clips_db=-14.0, noise_known=True, quantile_told=True)


@pytest.mark.parametrize(
    ("findings", "keys", "line"),
    [
        (
            Findings(**TOLD, quantile=0.1, stands_out_db=4.23),
            {"network": "always"},
            "60 noise recordings; machine stands out by 4.2 dB in pauses → spectrum taken at the"
            " lower tenth, cleaned by the U-Net, 50 % of the fluctuation kept",
        ),
        (
            Findings(**TOLD, quantile=0.1, stands_out_db=4.23),
            {"epochs": 0, "fluctuation": 1.0},
            "60 noise recordings; machine stands out by 4.2 dB in pauses → spectrum taken at the"
            " lower tenth",
        ),
        (
            Findings(60, 0, -2.8, True, 9.4, 0.1, True, 1.6),
            {"output": "frames"},
            "60 noise recordings; machine stands out by 1.6 dB in pauses → every frame cleaned by"
            " the U-Net",
        ),
        (
            Findings(60, 0, -2.8, True, 3.0, stands_out_db=0.4),
            {},
            "60 noise recordings, 2.8 dB softer than the clips, varying by 3.0 dB; machine stands"
            " out at no moment → clips handed over as they are",
        ),
        (
            Findings(**TOLD, quantile=0.1, stands_out_db=4.23),
            {"epochs": 0, "output": "frames"},
            "60 noise recordings; machine stands out by 4.2 dB in pauses → clips handed over as"
            " they are",
        ),
        (
            Findings(quantile=0.1, quantile_told=True, stands_out_db=1.0, far_helps=True),
            {},
            "far microphone hears the noise; machine stands out by 1.0 dB in pauses → what the far"
            " one hears subtracted, spectrum taken at the lower tenth, 50 % of the fluctuation"
            " kept",
        ),
        (
            Findings(far_problem="it is silent"),
            {"network": "auto"},
            "far microphone of no help (it is silent); no recordings of the noise or of the machine"
            " alone → clips handed over as they are",
        ),
        (
            Findings(**TOLD, quantile=0.9, stands_out_db=2.0),
            {"network": "always"},
            "60 noise recordings; machine stands out by 2.0 dB at loud moments → spectrum taken at"
            " the upper tenth, cleaned by the U-Net",
        ),
        (
            Findings(60, 0, -2.8, True, 9.4, stands_out_db=0.4),
            {},
            "60 noise recordings, 2.8 dB softer than the clips, varying by 9.4 dB; machine stands"
            " out at no moment → spectrum taken at the mean over time, cleaned by the U-Net",
        ),
        (
            Findings(60, 0, 6.04),
            {},
            "60 noise recordings, 6.0 dB louder than the clips → clips handed over as they are; if"
            " they hold this noise, set denoise_noise_source: supplemental",
        ),
        (
            Findings(),
            {},
            "no recordings of the noise or of the machine alone → clips handed over as they are",
        ),
        (
            Findings(0, 60, quantile=0.1, quantile_told=True, stands_out_db=3.0),
            {},
            "60 recordings of the machine alone; machine stands out by 3.0 dB in pauses → spectrum"
            " taken at the lower tenth, 50 % of the fluctuation kept",
        ),
        (
            Findings(),
            {"network": "always", "output": "frames"},
            "no recordings of the noise or of the machine alone → every frame cleaned by the U-Net",
        ),
    ],
)
def test_one_plain_line_tells_what_was_found_and_what_follows(findings, keys, line):
    assert findings.line("fan", DenoiseConfig(**keys)) == f"fan: {line}"
