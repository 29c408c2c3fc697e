"""Scores of a machine of two microphones against the CSVs of whole runs: the stand-in always, the
real baseline where DCASE_BASELINE_DIR is set.
"""

import numpy as np
import pytest
import soundfile
from baseline_checkouts import RATE_HZ, TINY_UNET, Checkout, hash_of, make_machine
from test_monitor import arm_options, assert_as_in_the_csvs, call, lines_of, monitored

from dcase_denoise_plugin.demo import stand_in as stand_in_baseline

pytestmark = pytest.mark.slow

BEHIND = ("--denoise", "true", *TINY_UNET, "--denoise_far_microphone", "auto")
ARMS = {
    "plain": ("--denoise", "false"),
    "mel": (*BEHIND, "--denoise_strength", "0.5"),
    "wave": (*BEHIND, "--denoise_domain", "waveform"),
    "classical": (*BEHIND, "--denoise_method", "far_subtraction", "--denoise_domain", "mel"),
}
DATASET = ("--dataset", "DCASE2026T2")


@pytest.fixture(
    scope="module", params=["stand-in", pytest.param("real", marks=pytest.mark.baseline)]
)
def trained(request, tmp_path_factory, real_checkout_of):
    """A checkout in which every arm was trained and tested on clips whose far channel tells."""
    checkout = Checkout(tmp_path_factory.mktemp("stand_in") / "baseline")
    if request.param == "real":
        checkout = real_checkout_of("v5.1.1")
    else:
        stand_in_baseline.lay_out(checkout.root)
    checkout.dataset = "DCASE2026T2"
    make_machine(checkout.raw, far=True)
    for file in checkout.raw.rglob("*.wav"):
        add_gusts(file)
    for arm, options in ARMS.items():
        name = arm if arm == "plain" else f"{arm}_denoise"
        checkout.train_and_test(*options, "--export_dir", name)
    return checkout


def add_gusts(file):
    """The machine's hiss, heard near it alone, and noise that comes and goes, twice as loud far
    from it.
    """
    clip, rng = soundfile.read(file)[0], np.random.default_rng(hash_of(file.name))
    swell = np.repeat(rng.uniform(0, 1, 20) ** 3, len(clip) // 20)
    gusts = 0.1 * swell * rng.standard_normal(len(clip))
    hiss = 0.03 * rng.standard_normal(len(clip))
    soundfile.write(file, 0.3 * clip + np.stack([hiss + gusts, 2 * gusts], axis=1), RATE_HZ)


@pytest.mark.parametrize("arm", ARMS)
def test_a_checkout_scores_both_channels_as_the_baselines_csvs(trained, arm):
    lines = monitored(trained, *arm_options(trained, arm), *DATASET)
    assert_as_in_the_csvs(trained, arm, lines, rtol=1e-3)
    found = call("doctor", "--baseline", trained.root).stdout
    assert "v5 (2026) family" in found and "fan: far microphone hears the noise; " in found


@pytest.mark.parametrize("arm", ["plain", "mel", "wave"])
def test_an_exported_file_scores_both_channels_from_files_and_from_a_pipe(trained, tmp_path, arm):
    model = tmp_path / "model.onnx"
    call("export", "--out", model, *arm_options(trained, arm), *DATASET)
    lines = monitored(trained, "--onnx", model)
    assert_as_in_the_csvs(trained, arm, lines, rtol=1e-3)
    files = sorted((trained.raw / "fan/test").glob("*.wav"))[:2]
    sound = b"".join(soundfile.read(file, dtype="int16")[0].tobytes() for file in files)
    words = ("monitor", "-", "--pcm", "s16le", "--json", "--onnx", model)
    piped = [line["scores"]["MSE"] for line in lines_of(call(*words, stdin=sound)).values()]
    assert piped == [lines[file.name]["scores"]["MSE"] for file in files]


def test_a_method_of_both_channels_that_is_no_network_cannot_be_exported(trained, tmp_path):
    out = ("--out", tmp_path / "model.onnx")
    result = call("export", *out, *arm_options(trained, "classical"), *DATASET)
    assert result.exit_code == 2
    assert "expected unet or identity for an export, got far_subtraction" in result.stderr
