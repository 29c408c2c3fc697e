import numpy as np
import pytest
from small_machine import hum, write

from benchmarks.quality.false_alarms import expected, line, own_folders, threshold

NORMAL = np.arange(99.0)


def test_a_threshold_is_the_monitors_and_as_many_alarms_are_expected_as_were_promised():
    assert [threshold(NORMAL, rate) for rate in (0.01, 0.05, 0.1)] == [98, 94, 89]
    assert expected(99, 1000, 0.05)[0] < 50 < expected(99, 1000, 0.05)[1]
    rng = np.random.default_rng(0)
    alarms = [
        (rng.uniform(size=25) > threshold(rng.uniform(size=99), 0.1)).sum() for _ in range(4000)
    ]
    low, high = expected(99, 25, 0.1)
    assert np.mean((low <= np.array(alarms)) & (high >= np.array(alarms))) == pytest.approx(
        0.96, abs=0.02
    )


def test_a_line_counts_the_alarms_of_each_group():
    scores = {"source normal": np.array([1.0, 95.0]), "source anomaly": np.array([98.5, 99.0])}
    said = line("plain, 5 %", [(threshold(NORMAL, 0.05), scores)], 99, 0.05)
    assert said == (
        "plain, 5 %: source anomaly 2.0 of 2; source normal 1.0 of 2 (expected 0 to 1); F1 80.0"
    )


def test_source_clips_get_made_up_names_and_target_clips_train_nothing(tmp_path):
    raw = tmp_path / "fan"
    for name in ("source_train_normal_0001", "target_train_normal_0002", "noise_0003"):
        split = "supplemental" if "noise" in name else "train"
        write(raw / split / f"section_00_{name}_.wav", hum(0))
    write(raw / "test" / "section_00_target_test_anomaly_0004_.wav", hum(0))
    asked, others = own_folders(raw, tmp_path / "out", 1.0)
    found = sorted(str(file.relative_to(tmp_path)) for file in (tmp_path / "out").rglob("*.wav"))
    assert found == ["out/noise/hall 0.wav", "out/normal/shift 0/Recording (0).wav"]
    assert asked.noise == tmp_path / "out/noise"
    named = {group: [file.name.split("_")[-2] for file in files] for group, files in others.items()}
    assert named == {"ten": ["0002"], "target anomaly": ["0004"]}
