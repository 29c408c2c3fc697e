"""A rate of false alarms that is promised by normal clips, and what becomes of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from small_machine import RATE_HZ, hum, write

from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.errors import ConfigError, DataError
from dcase_denoise_plugin.monitor.calibration import (
    Calibration,
    calibrate,
    clips_needed,
    smallest_rate,
)
from dcase_denoise_plugin.monitor.verdicts import as_text, verdicts
from dcase_denoise_plugin.sound.recordings import Clip


class Loudness:
    """Scores a clip by its loudness; the other score is blind."""

    sample_rate_hz, samples, thresholds = RATE_HZ, RATE_HZ, {"MSE": 0.5, "MAHALA": 0.5}
    name, channel, calibration = "pump7", 1, None

    def __call__(self, wav, clip):
        level = float(np.square(wav).mean())
        return {"MSE": level % 1e-9, "MAHALA": level}


def calibration_of(values, false_alarms=0.05):
    return Calibration({"MSE": values}, false_alarms, "MSE")


@pytest.mark.parametrize(("rate", "clips"), [(0.01, 99), (0.05, 19), (0.1, 9), (0.5, 1)])
def test_a_rate_takes_this_many_clips_and_not_one_less(rate, clips):
    assert clips_needed(rate) == clips
    calibration_of(range(clips), rate)
    with pytest.raises(DataError, match=f"at least {clips} normal clips to promise {rate}, got"):
        calibration_of(range(clips - 1), rate)


def test_too_few_clips_say_how_many_more_and_what_they_can_promise():
    with pytest.raises(DataError, match="got 20 clips .* Record 79 more, or ask for 0.048, the l"):
        calibration_of(range(20), 0.01)
    with pytest.raises(DataError, match=r"got 0 clips to calibrate with. Record 99 more\.$"):
        calibration_of([], 0.01)


@pytest.mark.parametrize("clips", [1, 9, 19, 20, 72, 99, 1234])
def test_the_smallest_rate_that_is_told_can_be_promised(clips):
    calibration_of(range(clips), smallest_rate(clips))


@pytest.mark.parametrize("rate", [0, 1, -0.1, float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ConfigError, match="--false-alarms: expected a rate above 0 and below 1"):
        calibration_of(range(100), rate)


def test_an_anomaly_is_what_has_a_p_value_of_at_most_the_rate():
    calibration = calibration_of(np.random.default_rng(0).integers(0, 50, 99).tolist(), 0.05)
    for value in range(-1, 52):
        (p_value,) = calibration.p_values({"MSE": value}).values()
        assert (value > calibration.thresholds["MSE"]) == (p_value <= 0.05)
        assert 0.01 <= p_value <= 1


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1])
def test_of_normal_clips_no_more_are_anomalies_than_was_promised(rate):
    rng, alarms, draws = np.random.default_rng(0), [], 2000
    for _ in range(draws):
        scores = rng.gamma(2.0, size=100)
        alarms.append(scores[99] > calibration_of(scores[:99], rate).thresholds["MSE"])
    assert abs(np.mean(alarms) - rate) < 3 * np.sqrt(rate * (1 - rate) / draws)


def test_a_calibration_survives_a_file_and_the_user_may_ask_for_another_rate():
    kept = calibration_of(list(range(40)), 0.05)
    facts = json.loads(json.dumps(kept.as_facts()))
    assert Calibration.from_facts(facts) == kept
    assert Calibration.from_facts(facts, false_alarms=0.1).thresholds == {"MSE": 36}
    with pytest.raises(ConfigError, match="--score: expected one of MSE, got F1. Correct the na"):
        Calibration.from_facts(facts, score="F1")


def clips(count):
    rng = np.random.default_rng(0)
    return [Clip(f"{at}.wav", hum(at) * np.float32(rng.uniform(0.9, 1.1))) for at in range(count)]


def test_the_score_that_finds_more_known_faults_decides():
    calibration, problems, _ = calibrate(Loudness(), clips(20), 0.05)
    assert calibration.score == "MAHALA" and problems == []
    assert calibrate(Loudness(), clips(20), 0.05, "MSE")[0].score == "MSE"
    with pytest.raises(ConfigError, match="--score: expected one of MSE, MAHALA, got F1"):
        calibrate(Loudness(), clips(20), 0.05, "F1")


def test_clips_that_cannot_be_scored_do_not_count():
    broken = [Clip("x.wav", None, "no sound")]
    calibration, problems, _ = calibrate(Loudness(), broken + clips(19), 0.05, "MSE")
    assert calibration.clips == 19 and problems == ["x.wav: no sound"]


def test_a_verdict_tells_the_p_value_and_rests_on_one_score():
    calibration, *_ = calibrate(Loudness(), clips(19), 0.05)
    loud, usual = verdicts(
        [Clip("loud.wav", 2 * hum(0)), Clip("usual.wav", hum(0))], Loudness(), calibration
    )
    assert loud["p_values"]["MAHALA"] == 0.05 and loud["verdict"] == "anomaly"
    assert usual["verdict"] == "normal" and usual["score"] == "MAHALA"
    assert "loud.wav: MAHALA " in as_text(loud) and " ANOMALY (p 0.05, thres" in as_text(loud)
    assert as_text(loud).count("ANOMALY") == 1 and "normal" not in as_text(loud)


def test_without_a_calibration_the_score_asked_for_decides_at_the_baselines_threshold():
    (verdict,) = verdicts([Clip("a.wav", hum(0))], Loudness(), score="MAHALA")
    assert verdict["score"] == "MAHALA" and "p_values" not in verdict


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An exported scorer that scores loudness, without a baseline."""
    import torch

    from dcase_denoise_plugin.edge.export import write_graph

    class Graph(torch.nn.Module):
        def forward(self, wav):
            level = wav.square().mean()
            return torch.stack([0 * level, level])

    facts = {"input": "wav", "output": "scores", "sample_rate_hz": RATE_HZ, "samples": RATE_HZ}
    facts |= {"thresholds": Loudness.thresholds, "machine": "pump7"}
    out = tmp_path_factory.mktemp("exported") / "pump7.onnx"
    write_graph(Graph(), torch.zeros(RATE_HZ), facts, out)
    return out


@pytest.fixture
def scorer_file(exported, tmp_path):
    return Path(shutil.copy(exported, tmp_path))


@pytest.fixture
def normal(tmp_path):
    for clip in clips(20):
        write(tmp_path / "normal" / clip.name, clip.wav)
    return tmp_path / "normal"


def test_a_folder_of_normal_clips_sets_the_threshold_of_a_watch(scorer_file, normal):
    watch = "monitor", normal, "--once", "--json", "--onnx", scorer_file
    result = call(*watch, "--normal", normal, "--false-alarms", 0.05)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(lines) == 20 and not any(line["verdict"] == "anomaly" for line in lines)
    assert {line["score"] for line in lines} == {"MAHALA"}
    refused(call(*watch, "--normal", normal, "--false-alarms", 0), "--false-alarms: expected a r")
    refused(call(*watch, "--normal", normal), "at least 99 normal clips to promise 0.01, got 20")
    refused(call(*watch, "--false-alarms", 0.05), "--false-alarms: expected normal recordings to")
    refused(call(*watch, "--score", "F1"), "--score: expected one of MSE, MAHALA, got F1")


def test_a_file_that_was_calibrated_keeps_its_threshold(scorer_file, normal, tmp_path):
    result = call("recalibrate", scorer_file, normal, "--false-alarms", 0.05)
    assert (
        result.exit_code == 0
        and result.stderr == ""
        and "by 20 normal clips, at most 5 % of normal ones" in (result.stdout)
    )
    write(tmp_path / "new" / "loud.wav", 3 * hum(0))
    result = call("monitor", tmp_path / "new", "--once", "--onnx", scorer_file)
    assert "loud.wav: MAHALA" in result.stdout and "ANOMALY (p 0.048" in result.stdout
    assert result.exit_code == 1 and result.stderr.endswith("pump7: ALARM (loud.wav)\n")
    watch = "monitor", tmp_path / "new", "--once", "--onnx", scorer_file
    refused(call(*watch, "--false-alarms", 0.01), "Record 79 more, or ask for 0.048, the least")
    assert call(*watch, "--false-alarms", 0.1, "--score", "MSE").exit_code == 0


def test_normal_recordings_of_another_rate_are_refused(scorer_file, tmp_path):
    write(tmp_path / "fast" / "a.wav", hum(0, 9000), 8000)
    refused(
        call("recalibrate", scorer_file, tmp_path / "fast"),
        "expected 4000 Hz as in training, got 8000 Hz in",
    )


def refused(result, text):
    assert result.exit_code == 2 and text in result.stderr, result.output
    assert len(result.stderr.splitlines()) == 1
