import dataclasses

import pytest
import torch
from small_machine import FEATURES, RATE_HZ, SMALL, small_machine

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.sound.clips import Clips
from dcase_denoise_plugin.sound.images import ImageFormat, Scaling
from dcase_denoise_plugin.sound.noise import CHANCES, noise_source
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.loop import train_denoiser
from dcase_denoise_plugin.training.stopping import (
    RULES,
    BestEpoch,
    Probe,
    details,
    epoch_by,
    hold_out,
)

CPU = torch.device("cpu")
KEPT = dataclasses.replace(SMALL, stopping="balance", epochs=4)


def generator():
    return torch.Generator().manual_seed(0)


def clips_and_noise(folder, clips=4, **keys):
    machine = small_machine(folder, clips)
    read = Clips(machine.train_files, Spectrogram(FEATURES, RATE_HZ, "mel"))
    return read, noise_source(machine, dataclasses.replace(SMALL, **keys), read, generator())


def probe_of(folder, **keys):
    clips, noise = clips_and_noise(folder)
    return Probe(
        clips,
        noise,
        Scaling(torch.full((16, 1), -40.0), 10.0),
        ImageFormat(0, 4, 20),
        dataclasses.replace(SMALL, **keys),
        generator(),
    )


class Network(torch.nn.Module):
    """Stands for a U-Net: its residual is a function of the image."""

    def __init__(self, residual):
        super().__init__()
        self.residual, self.mark = residual, torch.nn.Parameter(torch.zeros(1))

    def forward(self, image):
        return self.residual(image)


def test_a_network_that_takes_nothing_keeps_all_detail_and_removes_no_noise(tmp_path):
    assert probe_of(tmp_path).balance(Network(torch.zeros_like)) == pytest.approx(
        (1.0, 0.0), abs=1e-5
    )


def test_a_network_that_takes_everything_keeps_no_detail_and_removes_all_noise(tmp_path):
    assert probe_of(tmp_path).balance(Network(lambda image: image)) == pytest.approx(
        (0.0, 1.0), abs=1e-5
    )


def test_a_network_that_smooths_over_time_keeps_lasting_detail_and_loses_clicks(tmp_path):
    probe = probe_of(tmp_path)
    smooth = Network(lambda image: image - image.mean(-1, keepdim=True))
    survivals = []
    for detail in list(probe.details):
        probe.details = [detail]
        survivals.append(probe.balance(smooth)[0])
    line, band, clicks = survivals
    assert (
        line == pytest.approx(1, abs=1e-4) and band == pytest.approx(1, abs=1e-4) and clicks < 0.5
    )


def test_noise_is_added_at_the_level_of_the_pairs(tmp_path):
    loud, quiet, matched = (
        probe_of(tmp_path, snr_db_min=snr_db, snr_db_max=snr_db, level_match=match)
        for snr_db, match in ((-20.0, False), (20.0, False), (-20.0, True))
    )
    assert (loud.noisy - loud.clean).mean() > 1 > (quiet.noisy - quiet.clean).mean() > 0
    assert (matched.noisy - matched.clean).mean() < (loud.noisy - loud.clean).mean() - 1


def test_details_lie_inside_the_image_each_at_places_of_its_own():
    line, band, clicks = details(20, 128, 50, generator())
    assert set(line.sum(1).unique().tolist()) == {2.0} and set(band.sum(1).unique().tolist()) == {
        16.0
    }
    assert all(1 <= count <= 8 for count in clicks[:, 0].sum(-1).tolist())
    assert len(line[:, :, 0].unique(dim=0)) > 10 and len(clicks[:, 0].unique(dim=0)) > 10


def test_details_fit_the_smallest_image():
    assert [shape.shape for shape in details(1, 4, 1, generator())] == [(1, 4, 1)] * 3


@pytest.mark.parametrize("source", ["auto", "floor", "coloured"])
def test_one_clip_in_ten_is_held_out_with_its_share_of_the_noise(tmp_path, source):
    clips, noise = clips_and_noise(tmp_path, 12, noise_source=source)
    (trained, training_noise), (held, held_noise) = hold_out(clips, noise)
    assert held.files == [clips.files[1], clips.files[11]]
    assert sorted([*trained.files, *held.files]) == sorted(clips.files) and len(trained) == 10
    assert torch.equal(held[1], clips[len(clips) - 1])
    for part, part_noise in ((trained, training_noise), (held, held_noise)):
        assert part_noise.draw(
            torch.arange(len(part)), 30, torch.rand(len(part), CHANCES, generator=generator())
        ).shape == (len(part), 129, 30)


def test_held_out_noise_is_none_that_trains(tmp_path):
    clips, noise = clips_and_noise(tmp_path, 10)
    (_, training_noise), (_, held_noise) = hold_out(clips, noise)
    assert torch.equal(torch.cat([training_noise.spec, held_noise.spec], -1), noise.spec)
    assert held_noise.spec.shape[-1] == pytest.approx(noise.spec.shape[-1] / 10, abs=1)


def test_clips_that_are_read_again_each_time_can_be_held_out_too(tmp_path):
    machine = small_machine(tmp_path)
    clips = Clips(machine.train_files, Spectrogram(FEATURES, RATE_HZ, "mel"), memory_bytes=0)
    assert torch.equal(clips.part([2])[0], clips[2])


class Balances:
    """Stands for a probe that finds these, one after another."""

    def __init__(self, *found):
        self.found = iter(found)

    def balance(self, network):
        return next(self.found)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("balance", [(0.7, 0.2), (0.8, 0.3), (0.8, 0.29)]),
        ("guard", [(0.94, 0.5), (0.95, 0.2), (0.96, 0.1)]),
    ],
)
def test_the_weights_of_the_best_epoch_are_kept_and_none_while_nothing_is_gained(rule, found):
    network = Network(torch.zeros_like)
    best = BestEpoch(rule, Balances(*found), network)
    kept = []
    for epoch in (1, 2, 3):
        torch.nn.init.constant_(network.mark, epoch)
        best.look(network)
        kept.append((best.epoch, best.weights["mark"].item()))
    assert kept == [(0, 0.0), (2, 2.0), (2, 2.0)] and best.balances == found


def test_the_line_of_an_epoch_tells_what_was_found():
    best = BestEpoch("balance", Balances((0.8, 0.3)), Network(torch.zeros_like))
    assert (
        best.look(Network(torch.zeros_like))
        == "detail kept 0.800, noise removed 0.300, best epoch 1"
    )


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("balance", [(1.0, 0.0), (0.0, 1.0), (0.5, 0.4)])
def test_no_rule_keeps_a_network_that_takes_everything_or_more_of_the_detail_than_of_the_noise(
    rule, balance
):
    assert epoch_by(rule, [balance]) == 0


def test_training_hands_over_the_epoch_with_the_best_balance_and_says_so(tmp_path):
    lines = []
    train_denoiser(small_machine(tmp_path), KEPT, tmp_path / "kept.pt", CPU, say=lines.append)
    kept = Checkpoint.load(tmp_path / "kept.pt")
    sums = [sum(balance) for balance in kept.balances]
    assert (
        len(sums) == 4
        and kept.epochs_kept == sums.index(max(sums)) + 1
        and lines[-1].endswith(f"best epoch {kept.epochs_kept}")
    )


def test_a_denoiser_without_the_rule_has_the_weights_of_its_last_epoch(tmp_path):
    train_denoiser(small_machine(tmp_path), SMALL, tmp_path / "last.pt", CPU, say=[].append)
    assert (
        Checkpoint.load(tmp_path / "last.pt").epochs_kept,
        Checkpoint.load(tmp_path / "last.pt").balances,
    ) == (2, ())


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs."""


@pytest.mark.parametrize("killed_after", [1, 3])
def test_a_killed_training_resumed_keeps_what_an_uninterrupted_one_keeps(tmp_path, killed_after):
    machine, lines = small_machine(tmp_path), []

    def die(line):
        lines.append(line)
        if len(lines) == killed_after:
            raise Killed

    with pytest.raises(Killed):
        train_denoiser(machine, KEPT, tmp_path / "killed.pt", CPU, say=die)
    train_denoiser(machine, KEPT, tmp_path / "killed.pt", CPU, say=lines.append)
    train_denoiser(machine, KEPT, tmp_path / "whole.pt", CPU, say=[].append)
    assert (
        len(lines) == 4
        and Checkpoint.load(tmp_path / "killed.pt").digest
        == Checkpoint.load(tmp_path / "whole.pt").digest
    )
