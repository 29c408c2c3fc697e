"""Clips of two microphones in whole runs of a baseline's own train.py: the stand-in always, the
real one from v5.0.0 on where DCASE_BASELINE_DIR is set.
"""

import numpy as np
import pytest
import soundfile
from baseline_checkouts import PROJECT, RATE_HZ, TINY_UNET, make_machine

pytestmark = pytest.mark.slow

IDENTITY = ("--denoise", "true", "--denoise_method", "identity")
UNET = ("--denoise", "true", *TINY_UNET, "--export_dir", "unet")
TAGS_OF_TWO_CHANNELS = ("v5.0.0", "v5.0.1", "v5.1.0", "v5.1.1")


@pytest.fixture
def checkout(stand_in):
    stand_in.dataset = "DCASE2026T2"
    make_machine(stand_in.raw, far=True)
    return stand_in


def stopped(run, *parts):
    (line,) = [line for line in run.stderr.splitlines() if line.startswith("dcase-denoise: ")]
    assert run.returncode == 2 and all(part in line for part in parts), run.stderr


def test_off_and_identity_leave_the_near_channel_what_it_is_to_the_last_byte(checkout):
    checkout.train_and_test(hooked=False)
    plain = checkout.csvs("baseline")
    checkout.train_and_test("--export_dir", "hooked", "--denoise", "false")
    checkout.train_and_test(*IDENTITY)
    assert len(plain) == 6
    assert checkout.csvs("hooked") == plain and checkout.csvs("baseline_denoise") == plain


def test_the_unet_works_on_the_near_channel_as_on_a_mono_machine(checkout, tmp_path):
    checkout.train_and_test(*UNET, scores=("MSE",))
    of_two = checkout.csvs("unet")
    for clip in checkout.raw.rglob("*.wav"):
        wavs, rate_hz = soundfile.read(clip, dtype="int16")
        soundfile.write(clip, wavs[:, 0], rate_hz)
    checkout.train_and_test(*UNET[:-1], "unet_of_mono", "--mono", "True", scores=("MSE",))
    assert checkout.csvs("unet_of_mono") == of_two


@pytest.mark.parametrize(
    "channels, mono, message",
    [
        (1, "False", "expected two channels (near the machine, far from it), got one"),
        (3, "False", "expected one channel, or two (near the machine, far from it), got 3"),
        (None, "True", "expected one channel, got 2"),
    ],
    ids=["one mono clip", "one of three channels", "told to be mono"],
)
def test_a_clip_of_other_channels_stops_the_run_in_one_line(checkout, channels, mono, message):
    clip = sorted((checkout.raw / "fan/train").glob("*.wav"))[3 if channels else 0]
    if channels:
        soundfile.write(clip, np.ones((int(1.5 * RATE_HZ), channels)) / 2, RATE_HZ)
    run = checkout.train_py("--train_only", *IDENTITY, "--mono", mono, ok=False)
    stopped(run, message, clip.name)


@pytest.mark.baseline
@pytest.mark.parametrize("tag", TAGS_OF_TWO_CHANNELS)
def test_every_tag_of_two_channels_is_the_same_off_and_behind_identity(real_checkout_of, tag):
    checkout = real_checkout_of(tag)
    checkout.dataset = "DCASE2026T2"
    make_machine(checkout.raw, far=True)
    checkout.train_and_test(hooked=False, scores=("MSE",))
    plain = checkout.csvs("baseline")
    checkout.train_and_test("--export_dir", "off", "--denoise", "false", scores=("MSE",))
    checkout.train_and_test(*IDENTITY, scores=("MSE",))
    checkout.train_and_test(*UNET, scores=("MSE",))
    assert checkout.csvs("off") == plain and checkout.csvs("baseline_denoise") == plain
    assert checkout.csvs("unet").keys() == plain.keys() and checkout.csvs("unet") != plain


@pytest.mark.baseline
def test_scripts_with_the_yaml_flag_and_the_runner_leave_what_the_scripts_leave(real_checkout_of):
    checkout = real_checkout_of("v5.1.1")
    checkout.dataset = "DCASE2026T2"
    make_machine(checkout.raw, "valveEmu", far=True)
    settings = checkout.root / "baseline.yaml"
    written = settings.read_text().replace("--epochs: 100", "--epochs: 2")
    for flag in ("", "\ndenoise: true\ndenoise_method: identity\n"):
        settings.write_text(written + flag)
        for script in ("01_train", "02a_test", "02b_test"):
            checkout.bash(f"{script}_2026t2.sh", "-d", hooked=bool(flag))
    run = checkout.python(
        *("-m", "dcase_denoise_plugin", "run", "-d", "compare", "--dataset", "DCASE2026T2"),
        *("--baseline", str(checkout.root), "--set", "export_dir=mine"),
        PYTHONPATH=str(PROJECT),
    )
    assert run.returncode == 0, run.stderr[-3000:]
    plain = checkout.csvs("baseline")
    assert len(plain) == 6
    for export_dir in ("baseline_denoise", "mine", "mine_denoise"):
        assert checkout.csvs(export_dir) == plain
