from collections import Counter
from pathlib import Path

import pytest

from dcase_denoise_plugin.balance import stand_ins


def clips(source, target):
    return [Path(f"raw/fan/train/section_00_{domain}_train_normal_{number:04d}_noAttribute.wav")
            for domain, count in (("source", source), ("target", target)) for number in range(count)]


@pytest.mark.parametrize("source, target, share, given_way", [
    (990, 10, 0.5, 490), (190, 10, 0.5, 90), (190, 10, 0.05, 0), (190, 10, 0.0, 0), (10, 30, 0.5, 0), (6, 2, 1.0, 6), (8, 0, 0.5, 0), (0, 8, 1.0, 0)])
def test_source_clips_give_way_until_the_target_domain_has_its_share(source, target, share, given_way):
    taken = stand_ins(clips(source, target), share, 7)
    assert len(taken) == given_way and all("_source_" in name and "_target_" in other for name, other in taken.items())


def test_the_target_clips_take_turns():
    assert set(Counter(stand_ins(clips(190, 10), 0.5, 7).values()).values()) == {9}


def test_which_clips_give_way_depends_on_the_seed_alone():
    first, again, other = (stand_ins(clips(190, 10), 0.5, seed) for seed in (7, 7, 8))
    assert first == again and first.keys() != other.keys()
    assert 20 < len({name for name in first if int(name.split("_")[5]) < 95}) < 70  # from all over the list
