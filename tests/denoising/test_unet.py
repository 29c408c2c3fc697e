import pytest
import torch
import torch.nn.functional as F

from dcase_denoise_plugin.denoising.unet import UNet, channels_to_pixels, pixels_to_channels


def network(width=4, depth=3, seed=0):
    return UNet(width, depth, torch.Generator().manual_seed(seed))


def image(height=32, width=32):
    return torch.randn(2, 1, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_the_residual_has_the_shape_of_the_image(depth):
    assert network(3, depth)(image(64, 2**depth * 3)).shape == (2, 1, 64, 2**depth * 3)


def test_an_untrained_network_takes_nothing_away():
    assert network()(image()).eq(0).all()


def test_every_weight_but_the_last_layers_is_drawn_and_every_weight_learns():
    net = network()
    assert all(weight.isfinite().all() for weight in net.state_dict().values())
    for _ in range(2):
        net.zero_grad()
        (net(image()) - image()).square().mean().backward()
        with torch.no_grad():
            for weight in net.parameters():
                weight -= 0.1 * weight.grad
    assert [
        name
        for name, weight in net.named_parameters()
        if weight.grad.eq(0).all() and "up" not in name and "0.bias" not in name
    ] == []


def test_the_weights_depend_on_the_generator_alone():
    first, again, other = (network(seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_building_a_network_leaves_the_global_random_stream_alone():
    before = torch.get_rng_state()
    network()
    assert torch.equal(before, torch.get_rng_state())


def test_channels_double_up_to_eight_times_the_width():
    assert [level.convolutions[0].out_channels for level in network(2, 6).encoder] == [
        2,
        4,
        8,
        16,
        16,
        16,
    ]


def test_each_output_pixel_sees_far_around_it():
    net = network().eval()
    torch.nn.init.ones_(net.last.weight)
    seen = image(64, 64).requires_grad_()
    net(seen)[0, 0, 32, 32].backward()
    rows = seen.grad[0, 0].abs().sum(1).nonzero()
    assert rows.max() - rows.min() > 20


def test_pixels_move_into_channels_and_back_as_pixel_shuffle_moves_them():
    image = torch.randn(3, 1, 8, 12, generator=torch.Generator().manual_seed(0))
    channels = pixels_to_channels(image)
    assert torch.equal(channels, F.pixel_unshuffle(image, 2)) and torch.equal(
        channels_to_pixels(channels), image
    )
    assert channels.is_contiguous(memory_format=torch.channels_last) and pixels_to_channels(
        image[:0]
    ).shape == (0, 4, 4, 6)
