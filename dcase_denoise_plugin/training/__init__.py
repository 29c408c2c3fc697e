"""How a denoiser learns: the loop, pairs, steps, several processes, stopping."""
