import numpy as np
import pytest
from small_machine import hum, write

from benchmarks.quality.false_alarms import (
    Judged,
    alarms_by_halves,
    expected,
    f1,
    own_folders,
    row,
    table,
    threshold,
)

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


CLIPS = {"source normal": 25, "source anomaly": 25, "target normal": 25, "target anomaly": 25}


def test_a_row_says_the_alarms_of_both_domains_and_f1_over_the_seeds():
    shares = dict.fromkeys(CLIPS, 0.2) | {"source anomaly": 1.0}
    other = shares | {"source anomaly": 0.6}
    assert f1(shares, CLIPS) == pytest.approx(200 * 30 / (40 + 50))
    assert row("usual clips, 10 %", [shares, other], CLIPS, 99, 0.1) == (
        "| usual clips, 10 % | 0–24 | 20 ± 0, 20 ± 0 | 80 ± 28, 20 ± 0 | 58 ± 12 |"
    )


def test_a_table_holds_each_threshold_that_the_clips_can_promise():
    rng = np.random.default_rng(0)
    tests = {group: rng.normal(3 * group.endswith("anomaly"), size=25) for group in CLIPS}
    rows = table([Judged("MSE", 9.0, NORMAL, np.arange(-5.0, 5.0), tests)], 0.01)
    assert [line.split("|")[1].strip() for line in rows[1:]] == [
        "usual clips, 1 %",
        "usual clips, 5 %",
        "usual clips, 10 %",
        "ten changed clips, 10 %",
        "half of the test's normal clips, 10 %",
        "the baseline's threshold rule",
    ]
    assert rows[-1].endswith("| 0 ± 0, 0 ± 0 | 0 ± 0, 0 ± 0 | 0 ± 0 |")


def test_a_half_of_the_normal_clips_keeps_its_promise_on_the_other():
    rng = np.random.default_rng(1)
    tests = {group: rng.uniform(size=200) for group in CLIPS} | {"target anomaly": np.ones(9)}
    shares = alarms_by_halves(tests, 0.1, rng)
    for group in ("source normal", "target normal", "source anomaly"):
        assert shares[group] == pytest.approx(0.1, abs=0.05)
    assert shares["target anomaly"] == 1


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
