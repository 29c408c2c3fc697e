import dataclasses

import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, small_machine

from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat
from dcase_denoise_plugin.sound.noise import energy, noise_source
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.pairs import Draws, Pairs, match_db, schedule
from dcase_denoise_plugin.training.random_streams import generator_for


def pairs_of(folder, **keys):
    config = dataclasses.replace(SMALL, **keys)
    machine = small_machine(folder)
    clips = Clips(machine.train_files, Spectrogram(FEATURES, RATE_HZ, config.domain))
    images = ImageFormat.for_clips(config.image_size, config.depth, clips.frames)
    return Pairs(
        clips,
        noise_source(machine, config, clips, generator_for(0)),
        clips.scaling(),
        images,
        config,
    )


def draws_of(pairs, clips, noisy, seed=0):
    starts = pairs.clips.frames - pairs.images.tile_frames + 1
    return Draws.of(
        torch.tensor(clips), torch.tensor(noisy), len(pairs.clips), starts, generator_for(seed)
    )


def epoch_of(pairs, *place):
    draws = pairs.draws(generator_for(0, *place))
    return [
        pairs.batch(draws[start : start + pairs.config.batch_size])
        for start in range(0, len(draws), pairs.config.batch_size)
    ]


def test_of_ten_pairs_a_clip_seven_are_noisy():
    order, noisy = schedule(30, 10, 0.7, generator_for(0))
    assert [noisy[order == clip].tolist().count(True) for clip in range(30)] == [7] * 30
    assert order.bincount().tolist() == [10] * 30


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.35, 35), (0.7, 70), (1.0, 100)])
def test_the_share_holds_over_an_epoch_of_single_pairs(share, expected):
    assert schedule(100, 1, share, generator_for(0))[1].sum() == expected


def test_single_noisy_pairs_fall_to_other_clips_in_the_next_epoch():
    (first, first_noisy), (second, second_noisy) = (
        schedule(100, 1, 0.5, generator_for(0, epoch)) for epoch in (0, 1)
    )
    assert set(first[first_noisy].tolist()) != set(second[second_noisy].tolist())


def test_noise_to_noise_pairs_share_the_clip_but_not_the_noise(tmp_path):
    pairs = pairs_of(tmp_path, image_size=32)
    _, first, second = pairs.specs(draws_of(pairs, [0, 1, 2, 3], [True] * 4))
    clean = torch.stack([pairs.clips[index] for index in range(4)])
    noise_a, noise_b = first - clean, second - clean
    assert energy(noise_a).min() > 0 and energy(noise_b).min() > 0
    likeness = (noise_a.conj() * noise_b).sum((1, 2)).abs() / (
        energy(noise_a) * energy(noise_b)
    ).sqrt()
    assert likeness.max() < 0.2


def test_original_pairs_are_the_clip_itself_on_both_sides(tmp_path):
    pairs = pairs_of(tmp_path, image_size=32)
    _, first, second = pairs.specs(draws_of(pairs, [2, 0], [False, False]))
    assert (
        torch.equal(first, second)
        and torch.equal(first[0], pairs.clips[2])
        and torch.equal(first[1], pairs.clips[0])
    )


def test_a_mixed_pair_has_the_drawn_snr(tmp_path):
    pairs = pairs_of(tmp_path, image_size=32, snr_db_min=3.0, snr_db_max=3.0)
    clean = torch.stack([pairs.clips[index] for index in range(4)])
    for side in pairs.specs(draws_of(pairs, [0, 1, 2, 3], [True] * 4))[1:]:
        assert (10 * (energy(clean) / energy(side - clean)).log10()).tolist() == pytest.approx(
            [3.0] * 4, abs=1e-3
        )


def test_snrs_are_drawn_from_the_whole_range_and_apart_for_both_sides(tmp_path):
    pairs = pairs_of(tmp_path, image_size=32, snr_db_min=-5.0, snr_db_max=10.0)
    clean = torch.stack([pairs.clips[0]] * 200)
    first, second = (
        10 * (energy(clean) / energy(side - clean)).log10()
        for side in pairs.specs(draws_of(pairs, [0] * 200, [True] * 200))[1:]
    )
    assert (
        first.min() == pytest.approx(-5, abs=0.5)
        and first.max() == pytest.approx(10, abs=0.5)
        and (first - second).abs().mean() > 2
    )


def test_a_long_clip_is_cut_at_the_same_place_on_both_sides(tmp_path):
    pairs = pairs_of(tmp_path, image_size=16)
    _, first, second = pairs.specs(draws_of(pairs, [1] * 8, [False] * 8))
    assert first.shape == (8, 129, 26) and torch.equal(first, second)
    assert len({first[index].sum().item() for index in range(8)}) > 1


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_an_epoch_is_batches_of_scaled_images(tmp_path, domain):
    batches = epoch_of(pairs_of(tmp_path, domain=domain, batch_size=3))
    assert [first.shape for first, _ in batches] == [(3, 1, 16, 16), (3, 1, 16, 16), (2, 1, 16, 16)]
    originals = torch.cat(
        [
            first[index]
            for first, second in batches
            for index in range(len(first))
            if torch.equal(first[index], second[index])
        ]
    )
    assert abs(originals.mean()) < 0.5 and 0.5 < originals.std() < 1.5


def test_an_epoch_depends_on_seed_and_number_alone(tmp_path):
    pairs = pairs_of(tmp_path)
    same, again, other = (
        torch.cat([first for first, _ in epoch_of(pairs, epoch)]) for epoch in (4, 4, 5)
    )
    assert torch.equal(same, again) and not torch.equal(same, other)


def test_generators_of_different_places_differ():
    draws = {
        torch.rand(1, generator=generator_for(*place)).item()
        for place in [(0,), (1,), (0, 0), (0, 1), (0, 0, 0), (13711,), (2**40,)]
    }
    assert len(draws) == 7


def test_a_pair_to_the_original_has_noise_on_its_first_side_only(tmp_path):
    pairs = pairs_of(tmp_path, image_size=32, pairing="to_original")
    clean = torch.stack([pairs.clips[index] for index in range(4)])
    _, first, second = pairs.specs(draws_of(pairs, [0, 1, 2, 3], [True] * 4))
    assert torch.equal(second, clean) and energy(first - clean).min() > 0


def test_pairs_of_different_clips_have_another_clip_on_their_second_side_and_original_pairs_do_not(
    tmp_path,
):
    pairs = pairs_of(
        tmp_path, image_size=32, pairing="different_clips", snr_db_min=60.0, snr_db_max=60.0
    )
    clean = torch.stack([pairs.clips[0]] * 40)
    noisy = torch.arange(40) < 30
    _, first, second = pairs.specs(draws_of(pairs, [0] * 40, noisy.tolist()))
    others = energy(second - clean) > 0.01 * energy(clean)
    assert (
        torch.equal(second[30:], clean[30:])
        and 15 <= others.sum() < 30
        and torch.allclose(first, clean, atol=0.1)
    )


@pytest.mark.parametrize("pairing", ["two_draws", "to_original"])
def test_level_matching_brings_the_first_side_to_the_clips_level_and_keeps_the_sides_apart(
    tmp_path, pairing
):
    plain, matched = (
        pairs_of(
            tmp_path,
            image_size=32,
            pairing=pairing,
            level_match=match,
            snr_db_min=-3.0,
            snr_db_max=3.0,
        )
        for match in (False, True)
    )
    draws = draws_of(plain, [0, 1, 2, 3], [True] * 4)
    clean, first, _ = plain.specs(draws)
    change_db = match_db(clean, first)
    torch.testing.assert_close(energy(first) * 10 ** (change_db / 10).flatten(), energy(clean))
    for side, other in zip(plain.batch(draws), matched.batch(draws)):
        torch.testing.assert_close(
            (other - side) * plain.scaling.std_db,
            change_db[:, None].expand_as(side),
            rtol=1e-3,
            atol=1e-3,
        )


def test_a_silent_stretch_stays_silent_and_finite(tmp_path):
    pairs = pairs_of(tmp_path, level_match=True, pairing="to_original")
    pairs.clips._kept[0].zero_()
    first, second = pairs.batch(draws_of(pairs, [0], [True]))
    assert torch.equal(first, second) and first.isfinite().all()


def test_both_sides_get_the_same_change_of_level_and_response(tmp_path):
    pairs = pairs_of(
        tmp_path,
        image_size=0,
        pairing="two_draws",
        noisy_pair_share=0.0,
        level_jitter_db=5.0,
        response_jitter_db=3.0,
    )
    assert all(torch.equal(first, second) for first, second in epoch_of(pairs))


def changes_of(pairs):
    return pairs.change_db(draws_of(pairs, [0] * 500, [True] * 500))


def test_the_change_has_the_range_and_the_spread_that_were_asked_for(tmp_path):
    level = changes_of(pairs_of(tmp_path, level_jitter_db=5.0))
    assert level.shape == (500, 16, 1) and torch.equal(level, level[:, :1].expand_as(level))
    assert level.min() == pytest.approx(-5, abs=0.1) and level.max() == pytest.approx(5, abs=0.1)
    response = changes_of(pairs_of(tmp_path, response_jitter_db=3.0))
    assert response.shape == (500, 16, 1) and response[:, 0].std() == pytest.approx(3, rel=0.15)
    assert not changes_of(pairs_of(tmp_path)).any()


def test_any_part_of_the_draws_gives_the_same_pairs(tmp_path):
    pairs = pairs_of(
        tmp_path, pairing="different_clips", level_jitter_db=5.0, response_jitter_db=3.0
    )
    draws = pairs.draws(generator_for(0))
    for whole, odd, even in zip(
        pairs.batch(draws), pairs.batch(draws[1::2]), pairs.batch(draws[::2])
    ):
        torch.testing.assert_close(odd, whole[1::2])
        torch.testing.assert_close(even, whole[::2])


def test_pairs_are_the_same_whether_the_clips_are_kept_or_read_again(tmp_path):
    kept, read_again = (
        pairs_of(tmp_path, pairing="different_clips"),
        pairs_of(tmp_path, pairing="different_clips"),
    )
    read_again.clips = Clips(kept.clips.files, kept.clips.spectrogram, memory_bytes=0)
    draws = kept.draws(generator_for(0))
    assert all(
        torch.equal(side, other) for side, other in zip(kept.batch(draws), read_again.batch(draws))
    )
