"""What the monitor makes of clips that cannot be scored; its scores are in test_monitor.py."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.errors import CheckpointError
from dcase_denoise_plugin.monitor.verdicts import as_text, verdicts
from dcase_denoise_plugin.sound.recordings import Clip


class Scorer:
    """Scores a clip by its energy, and knows none above 1e30."""

    sample_rate_hz, samples, thresholds = 4000, 4000, {"MSE": 0.5}
    name, channel, calibration = "fan", 1, None

    def __call__(self, wav, clip):
        with np.errstate(over="ignore"):
            energy = np.square(wav).sum()
        if energy > 1e30 and math.isfinite(energy):
            raise CheckpointError(f"model: expected a clip that it knows, got {clip}.")
        return {"MSE": float(energy)}


@pytest.mark.parametrize(
    ("peak", "why"),
    [
        (1e16, "model: expected a clip that it knows, got loud.wav."),
        (
            3e20,
            (
                "clip: expected samples that can be scored, got a score that is not finite; the"
                " largest sample is 3e+20 in loud.wav. Look at the microphone."
            ),
        ),
    ],
)
def test_a_clip_that_cannot_be_scored_is_skipped_with_the_reason_and_the_watch_goes_on(peak, why):
    loud = np.zeros(4000, np.float32)
    loud[7] = -peak
    first, last = verdicts(
        [Clip("loud.wav", loud), Clip("a.wav", np.ones(4000, np.float32))], Scorer()
    )
    assert (
        first == {"clip": "loud.wav", "skipped": why}
        and as_text(first) == f"loud.wav: skipped: {why}"
    )
    assert (
        last["anomaly"] == {"MSE": True} and json.loads(json.dumps(last, allow_nan=False)) == last
    )


def test_a_reader_that_has_had_enough_ends_a_watch_without_a_word(tmp_path):
    code = (
        "import types; from dcase_denoise_plugin import cli; from dcase_denoise_plugin.edge import"
        " onnx_model; from dcase_denoise_plugin.monitor import folder\n"
        "folder.clips_in = lambda *settings: (folder.Clip('a.wav', None, 'no"
        " sound') for _ in range(100000))\nonnx_model.OnnxScorer = lambda path:"
        " types.SimpleNamespace(name='fan', thresholds={'MSE': 1}, calibration=None)\ncli.main()"
    )
    monitor = subprocess.Popen(
        [sys.executable, "-c", code, "monitor", str(tmp_path), "--onnx", "none.onnx"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert monitor.stdout.readline().endswith(b" a.wav: skipped: no sound\n")
    monitor.stdout.close()
    assert monitor.wait(30) == 1 and len(monitor.stderr.read().splitlines()) == 1
    monitor.stderr.close()


@pytest.mark.parametrize("length", ["inf", "3601"])
def test_a_length_that_no_clip_has_is_refused(tmp_path, length):
    result = CliRunner().invoke(
        main,
        ["export", "--checkpoint", "a.pt", "--clip-s", length, "--out", str(tmp_path / "a.onnx")],
    )
    assert result.exit_code == 2 and "--clip-s" in result.output
