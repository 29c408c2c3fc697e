import dataclasses
import statistics

import pytest
import torch
from small_machine import SMALL, hum, small_machine, write

from benchmarks.speed.loops import OurLoop, PlainLoop, final_loss

CONFIG = dataclasses.replace(
    SMALL,
    image_size=32,
    width=4,
    epochs=6,
    pairs_per_clip=20,
    batch_size=8,
    noisy_pair_share=1.0,
    pairing="to_original",
    snr_db_min=0.0,
    snr_db_max=0.0,
    learning_rate=1e-2,
)


@pytest.mark.slow
def test_the_plain_loops_and_ours_end_at_the_same_loss_within_the_spread_of_seeds(tmp_path):
    machine, cpu = small_machine(tmp_path, noise_clips=60), torch.device("cpu")
    for index, file in enumerate(machine.train_files):
        write(file, hum(index, samples=16000))
    machines = [dataclasses.replace(machine, seed=seed) for seed in range(3)]
    ours = [final_loss(OurLoop(one, CONFIG, cpu, tmp_path)) for one in machines]
    untrained = final_loss(
        OurLoop(machine, dataclasses.replace(CONFIG, learning_rate=1e-8), cpu, tmp_path)
    )
    for as_the_baseline in (True, False):
        plain = [
            final_loss(PlainLoop(one, CONFIG, cpu, tmp_path, as_the_baseline)) for one in machines
        ]
        spread = statistics.stdev(ours) + statistics.stdev(plain)
        assert (
            abs(statistics.mean(ours) - statistics.mean(plain)) < spread
            and max(*ours, *plain) < 0.8 * untrained
        ), (ours, plain, untrained)
