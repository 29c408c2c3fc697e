import dataclasses

import pytest
import torch
from small_machine import hum, write

from benchmarks.stopping import Sweep, draw, snapshots, sweep
from dcase_denoise_plugin.settings.config import DenoiseConfig

QUICK = DenoiseConfig(
    image_size=16, width=2, depth=2, pairs_per_clip=1, epochs=2, stopping="balance", strength=1.0
)


@pytest.fixture
def folder(tmp_path):
    for index in range(4):
        write(
            tmp_path / "fan" / "train" / f"section_00_source_train_normal_{index}.wav",
            hum(index, 16000, 16000),
            16000,
        )
        for domain in ("source", "target"):
            for label, shift in (("normal", 0), ("anomaly", 900)):
                write(
                    tmp_path / "fan" / "test" / f"section_00_{domain}_test_{label}_{index}.wav",
                    hum(shift + index, 16000, 16000),
                    16000,
                )
    return tmp_path / "fan"


def test_a_sweep_judges_the_epochs_asked_for_and_those_the_rules_keep(folder):
    found = sweep(folder, QUICK, [0, 2], seed=1, steps=0)
    assert (
        {0, 2, *found.kept.values()} == set(found.values)
        and set(found.kept) == {"balance", "guard"}
        and len(found.balances) == 2
    )
    assert found.values[0] == pytest.approx(found.plain)


def test_the_snapshots_end_with_what_the_training_hands_over(folder):
    checkpoint, weights = snapshots(folder, dataclasses.replace(QUICK, stopping="none"), seed=1)
    assert sorted(weights) == [0, 1, 2] and all(
        torch.equal(weights[2][name], weight) for name, weight in checkpoint.weights.items()
    )
    assert not weights[0]["last.weight"].any() and weights[1]["last.weight"].any()


def test_the_picture_is_drawn(tmp_path):
    draw(
        {
            "fan": Sweep(
                60.0, {0: 61.0, 1: 62.0, 5: 60.0}, ((0.9, 0.2),) * 5, {"balance": 1, "guard": 0}
            )
        },
        tmp_path / "stopping.png",
    )
    assert (tmp_path / "stopping.png").read_bytes().startswith(b"\x89PNG")
