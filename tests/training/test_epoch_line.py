import subprocess
import sys

import pytest

from dcase_denoise_plugin.training.epoch_line import EpochLine


def test_an_epoch_is_one_line():
    line = str(EpochLine("fan", 3, 12, 0.534344, 168.27, 2.4))
    assert line == "denoiser fan: epoch 3/12  loss 0.53434  168.3 clips/s  ETA 0:00:02"


@pytest.mark.parametrize("left_s", [0, 3725, 86400, 200000])
def test_the_line_of_an_epoch_tells_it_wherever_it_stands(left_s):
    epoch = EpochLine("ToyCar", 100, 100, 0.25, 9.5, left_s)
    assert EpochLine.from_text(f"10:00 {epoch} and more") == epoch


@pytest.mark.parametrize(
    "text", ["", "Train Epoch: 5 [12800/55620 (23%)]", "denoiser fan: starting over."]
)
def test_other_lines_tell_of_no_epoch(text):
    assert EpochLine.from_text(text) is None


def test_reading_a_log_needs_no_pytorch():
    program = (
        "import sys, dcase_denoise_plugin.training.epoch_line; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
