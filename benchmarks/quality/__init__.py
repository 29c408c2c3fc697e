"""What the denoiser does to clips: detection, SI-SDR, what survives."""
