import pytest
import torch

from dcase_denoise_plugin.training.steps import reconstruction_loss, structural_similarity


@pytest.mark.parametrize("name", ["mse", "l1", "mse+ssim+l1"])
def test_a_loss_is_zero_for_equal_images_and_grows_with_the_error(name):
    image = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    losses = [reconstruction_loss(name, image + error, image).item() for error in (0.0, 0.1, 1.0)]
    assert losses[0] == pytest.approx(0, abs=1e-5) and losses[0] < losses[1] < losses[2]


def test_the_losses_differ_as_their_names_say():
    image, target = torch.full((1, 1, 8, 8), 3.0), torch.zeros(1, 1, 8, 8)
    mse, l1, both = (
        reconstruction_loss(name, image, target).item() for name in ("mse", "l1", "mse+ssim+l1")
    )
    assert (
        mse == 9
        and l1 == 3
        and both == pytest.approx(13 - structural_similarity(image, target).item())
    )


def test_structural_similarity_is_one_for_equal_and_negative_for_inverted_images():
    image = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    assert (
        structural_similarity(image + 5, image + 5).item() == pytest.approx(1)
        and structural_similarity(5 + image, 5 - image) < -0.5
    )
