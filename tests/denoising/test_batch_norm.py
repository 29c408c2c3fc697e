import torch
from torch import nn

from dcase_denoise_plugin.denoising import unet as batch_norm
from dcase_denoise_plugin.denoising.unet import BatchNorm2d


def features(seed):
    return (
        5 + torch.randn(6, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    ).requires_grad_()


def after_two_steps(norm):
    """Outputs, gradients and statistics of two training steps."""
    found = []
    for seed in range(2):
        whole = features(seed)
        out = norm(whole)
        (out * torch.arange(out.numel()).reshape(out.shape)).sum().backward()
        found += [out, whole.grad]
    return [
        *found,
        norm.weight.grad,
        norm.bias.grad,
        norm.running_mean,
        norm.running_var,
        norm.num_batches_tracked,
    ]


def test_in_one_process_it_is_pytorchs_own():
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(after_two_steps(BatchNorm2d(3)), after_two_steps(nn.BatchNorm2d(3)))
    )


def test_with_sums_over_processes_it_is_pytorchs_own_within_rounding(monkeypatch):
    monkeypatch.setattr(batch_norm, "processes", lambda: 2)
    monkeypatch.setattr(
        batch_norm, "all_reduce", lambda sums: sums
    )  # the other process has nothing
    for ours, theirs in zip(after_two_steps(BatchNorm2d(3)), after_two_steps(nn.BatchNorm2d(3))):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-3)


def test_outside_training_it_asks_no_other_process(monkeypatch):
    monkeypatch.setattr(batch_norm, "processes", lambda: 2)
    norm = BatchNorm2d(3).eval()
    torch.testing.assert_close(norm(features(0)), features(0), rtol=1e-4, atol=1e-4)
