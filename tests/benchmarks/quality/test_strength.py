import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.detectors import harmonic_mean, linear_scores, log_mels
from benchmarks.quality.strength import SHARES, SWEEPS, draw, main, sweep
from dcase_denoise_plugin.demo.machines import make_machines
from dcase_denoise_plugin.settings.config import DenoiseConfig

QUICK = DenoiseConfig(
    image_size=16,
    width=2,
    depth=2,
    pairs_per_clip=1,
    epochs=1,
    output="clip_spectrum",
    clip_level="0.1",
    fluctuation=0.5,
    strength=1.0,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    (folder,) = make_machines(
        tmp_path_factory.mktemp("made up"),
        6,
        2,
        test=4,
        noise=3,
        clip_s=2.0,
        machine_types=("fan",),
    )
    return folder


def test_untouched_clips_are_those_at_strength_0_and_both_sweeps_meet_at_the_preset(folder):
    found = sweep(folder, QUICK, seed=1)
    (train, _), (test, names) = (log_mels(folder / split) for split in ("train", "test"))
    assert found["denoise_strength"][0] == pytest.approx(
        harmonic_mean(linear_scores(train, test), names)
    )
    assert (
        found["denoise_strength"][SHARES.index(1.0)]
        == found["denoise_fluctuation"][SHARES.index(0.5)]
    )


def test_the_command_prints_both_curves_and_draws_them(folder, tmp_path):
    small = [
        argument
        for key in ("epochs=1", "pairs_per_clip=1", "width=2")
        for argument in ("--set", f"denoise_{key}")
    ]
    result = CliRunner().invoke(
        main, [str(folder), "--seed", "1", "--picture", str(tmp_path / "strength.png"), *small]
    )
    assert result.exit_code == 0, result.output
    assert [line.split(": ")[0] for line in result.stdout.splitlines()] == [
        f"fan {key}" for key in SWEEPS
    ]
    assert (tmp_path / "strength.png").read_bytes().startswith(b"\x89PNG")


def test_a_curve_of_one_seed_has_no_spread(tmp_path):
    draw({"fan": {key: np.full((1, len(SHARES)), 60.0) for key in SWEEPS}}, tmp_path / "one.png")
    assert (tmp_path / "one.png").is_file()
