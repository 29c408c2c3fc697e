"""Away from the benchmark: a trained denoiser, and the baseline behind it, on sound as it comes,
and as graphs that need no PyTorch.
"""
