from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from dcase_denoise_plugin.balance import StandIn, stand_ins


def clips(source, target):
    return [Path(f"raw/fan/train/section_00_{domain}_train_normal_{number:04d}_noAttribute.wav")
            for domain, count in (("source", source), ("target", target)) for number in range(count)]


@pytest.mark.parametrize("source, target, share, given_way", [
    (990, 10, 0.5, 490), (190, 10, 0.5, 90), (190, 10, 0.05, 0), (190, 10, 0.0, 0), (10, 30, 0.5, 0), (6, 2, 1.0, 6), (8, 0, 0.5, 0), (0, 8, 1.0, 0)])
def test_source_clips_give_way_until_the_target_domain_has_its_share(source, target, share, given_way):
    taken = stand_ins(clips(source, target), share, 7)
    assert len(taken) == given_way and all("_source_" in name and "_target_" in other.target for name, other in taken.items())


def test_the_target_clips_take_turns():
    assert set(Counter(stand_in.target for stand_in in stand_ins(clips(190, 10), 0.5, 7).values()).values()) == {9}


def test_which_clips_give_way_depends_on_the_seed_alone():
    first, again, other = (stand_ins(clips(190, 10), 0.5, seed) for seed in (7, 7, 8))
    assert first == again and first.keys() != other.keys()
    assert 20 < len({name for name in first if int(name.split("_")[5]) < 95}) < 70  # from all over the list


def test_the_way_from_target_to_source_is_drawn_evenly():
    ways = [stand_in.way for stand_in in stand_ins(clips(990, 10), 0.5, 7).values()]
    assert len(ways) == 490 and np.allclose(np.quantile(ways, [0, 0.25, 0.5, 0.75, 1]), [0, 0.25, 0.5, 0.75, 1], atol=0.06)


@pytest.mark.parametrize("way", [0.0, 0.25, 1.0])
def test_between_lies_the_targets_fluctuation_around_a_mean_on_the_way_to_the_sources(way):
    target, source = np.random.default_rng(0).normal([-40, -50, -60], 3, (20, 3)), np.random.default_rng(1).normal([-30, -55, -60], 3, (30, 3))
    between = StandIn("target.wav", way).between(target, source)
    np.testing.assert_allclose(between.mean(0), (1 - way) * target.mean(0) + way * source.mean(0))
    np.testing.assert_allclose(between - between.mean(0), target - target.mean(0))
