import numpy as np
import pytest
import torch
from small_machine import hum, write

from benchmarks.detectors import (
    autoencoder_scores,
    harmonic_mean,
    linear_scores,
    log_mels,
    mahalanobis_scores,
    vectors,
)

NAMES = [
    f"section_00_{domain}_test_{label}_{number}.wav"
    for domain in ("source", "target")
    for label in ("normal", "anomaly")
    for number in range(5)
]


def clips(count, seed):
    return torch.randn(count, 16, 20, generator=torch.Generator().manual_seed(seed))


def test_vectors_are_five_frames_side_by_side():
    clip = clips(1, 0)
    assert vectors(clip).shape == (1, 16, 80) and torch.equal(
        vectors(clip)[0, 3], clip[0, :, 3:8].mT.flatten()
    )


@pytest.mark.parametrize(
    "scores",
    [
        linear_scores,
        mahalanobis_scores,
        lambda train, test: autoencoder_scores(train, test, 0, 50),
    ],
)
def test_a_clip_unlike_the_training_clips_has_the_highest_score(scores):
    test = clips(5, 1)
    test[3, 4] += 15
    assert scores(clips(20, 0), test).argmax() == 3


def test_the_autoencoder_rests_on_its_seed_alone_and_leaves_the_global_stream():
    before = torch.get_rng_state()
    first, again, other = (
        autoencoder_scores(clips(8, 0), clips(3, 1), seed, 5) for seed in (1, 1, 2)
    )
    assert (
        np.array_equal(first, again)
        and not np.array_equal(first, other)
        and torch.equal(torch.get_rng_state(), before)
    )


def test_the_harmonic_mean_is_100_for_a_perfect_detector_and_lower_where_one_domain_pays():
    anomaly = np.array(["anomaly" in name for name in NAMES], dtype=float)
    loud = np.array(["target_test_normal_1" in name for name in NAMES])
    assert harmonic_mean(anomaly, NAMES) == pytest.approx(100)
    assert 50 < harmonic_mean(anomaly + 2 * loud, NAMES) < 95


def test_log_mels_come_with_their_names_in_order(tmp_path):
    for name in ("b.wav", "a.wav"):
        write(tmp_path / name, hum(0, 16000, 16000), 16000)
    levels, names = log_mels(tmp_path)
    assert (
        levels.shape == (2, 128, 32)
        and levels.dtype == torch.float32
        and names == ["a.wav", "b.wav"]
    )
