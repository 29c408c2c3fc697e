"""A made-up machine small enough to train in a second: a hum with a little hiss, 1 s at 4 kHz."""
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.machine import Machine

RATE_HZ = 4000
FEATURES = FeatureSettings(n_fft=256, hop_length=128, n_mels=16)
PUBLISHED = {"output": "frames", "clip_level": "mean", "guessed_noise_share": 1.0, "pairing": "two_draws", "noisy_pair_share": 0.7, "level_match": False,
             "level_jitter_db": 0.0, "response_jitter_db": 0.0, "snr_db_min": -5.0, "snr_db_max": 10.0}
SMALL = DenoiseConfig(**PUBLISHED, image_size=16, width=2, depth=2, pairs_per_clip=2, batch_size=4, epochs=2)


def hum(seed, samples=RATE_HZ, rate_hz=RATE_HZ):
    time_s = np.arange(samples) / rate_hz
    hiss = np.random.default_rng(seed).standard_normal(samples)
    return (0.2 * np.sin(2 * np.pi * (200 + seed) * time_s) + 0.02 * hiss).astype(np.float32)


def hiss(seed, samples=RATE_HZ):
    return (0.1 * np.random.default_rng(1000 + seed).standard_normal(samples)).astype(np.float32)


def write(path: Path, wav, rate_hz=RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wav, rate_hz, subtype="FLOAT")
    return path


def small_machine(folder: Path, clips=4, noise_clips=2, seed=7) -> Machine:
    for index in range(clips):
        write(folder / "fan" / "train" / f"clip_{index}.wav", hum(index))
    for index in range(noise_clips):
        write(folder / "fan" / "supplemental" / f"section_00_noise_{index}.wav", hiss(index))
    return Machine.from_folder(folder / "fan", "MADEUP", FEATURES, seed)
