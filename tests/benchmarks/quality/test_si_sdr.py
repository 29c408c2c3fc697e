import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.quality.si_sdr import ideal, main, row
from dcase_denoise_plugin.demo.machines import make_machines
from dcase_denoise_plugin.report.denoised_clips import si_sdr_db

METHODS = [
    "unet, preset waveform",
    "the same without the U-Net",
    "preset recommended, mel gains",
    "wiener",
    "spectral_gate",
    "noisereduce",
    "ideal ratio mask",
]


def test_the_table_has_every_method_and_the_upper_bound_is_above_the_noisy_clip(tmp_path):
    pytest.importorskip("noisereduce", reason="noisereduce is not installed (extra test)")
    (folder,) = make_machines(
        tmp_path,
        source_train=3,
        target_train=2,
        test=1,
        noise=2,
        clip_s=2.0,
        machine_types=("fan",),
    )
    arguments = [
        folder,
        tmp_path / "reference" / "fan" / "test",
        "--seed",
        1,
        "--seed",
        2,
        "--set",
        "denoise_epochs=1",
        "--keep",
        tmp_path / "kept",
    ]
    result = CliRunner().invoke(
        main, [str(argument) for argument in arguments], catch_exceptions=False
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("| ")][1:]
    assert [line.split("|")[1].strip().split(" (")[0] for line in lines] == METHODS
    assert len(list((tmp_path / "kept").glob("fan_*.pt"))) == 4
    assert float(lines[-1].split("|")[4].split("±")[0]) > 5


@pytest.mark.parametrize(
    "setting, line",
    [
        (
            "epochs",
            "--set: expected key=value, got 'epochs'. Write it as --set denoise_epochs=2.\n",
        ),
        (
            "denoise_epochs=no",
            (
                "denoise_epochs: expected a whole number from 0 to 100000 epochs, got 'no'. Correct"
                " the value.\n"
            ),
        ),
    ],
)
def test_a_setting_that_is_none_ends_it_in_one_line(tmp_path, setting, line):
    result = CliRunner().invoke(main, [str(tmp_path), str(tmp_path), "--set", setting])
    assert (result.exit_code, result.output) == (1, line)


def test_a_row_says_how_the_gain_scatters_over_clips_and_seeds():
    assert (
        row("x", np.array([-10.0, -20.0]), np.array([[-5.0, -10.0], [-7.0, -12.0]]))
        == "| x | -15.0 ± 5.0 | -8.5 ± 2.5 | +6.5 ± 2.5 | +6.5 | +4.0 | +7.5, +5.5 |"
    )


@pytest.mark.parametrize("snr_db", [-17, 0])
def test_the_ideal_ratio_mask_gains(snr_db):
    time_s = np.arange(32000) / 16000
    clean = np.sin(2 * np.pi * 440 * time_s).astype(np.float32)
    noisy = (
        clean
        + np.random.default_rng(0).standard_normal(32000).astype(np.float32)
        * 10 ** (-snr_db / 20)
        / 2**0.5
    )
    assert si_sdr_db(ideal(noisy, clean, 16000), clean) > si_sdr_db(noisy, clean) + 10
