"""How fast and how large: denoising, features, training, the monitor."""
