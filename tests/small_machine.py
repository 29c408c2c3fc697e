"""A made-up machine small enough to train in a second: a hum with a little hiss, 1 s at 4 kHz."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import soundfile
import torch

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.denoising.findings import Findings
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.images import Scaling
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.noise import Reel
from dcase_denoise_plugin.sound.noise_recordings import guessed_noise, noise_recordings
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.training.random_streams import generator_for

RATE_HZ = 4000
FEATURES = FeatureSettings(n_fft=256, hop_length=128, n_mels=16)
PUBLISHED = {
    "output": "frames",
    "clip_level": "mean",
    "network": "always",
    "pairing": "two_draws",
    "noisy_pair_share": 0.7,
    "snr_db_min": -5.0,
    "snr_db_max": 10.0,
}
SMALL = DenoiseConfig(
    **PUBLISHED, image_size=16, width=2, depth=2, pairs_per_clip=2, batch_size=4, epochs=2
)


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


def near_and_far(seed, samples=4 * RATE_HZ):
    """(samples, 2): the hum under noise that comes and goes, half as loud near it as far from
    it.
    """
    rng = np.random.default_rng(seed)
    swell = np.repeat(rng.uniform(0, 1, 32) ** 3, samples // 32)
    noise = 0.3 * swell * rng.standard_normal(samples)
    return np.stack([hum(1, samples) + noise / 2, 0.3 * hum(1, samples) + noise], axis=1)


def with_far(change):
    """A change of clips: of `near_and_far`, the far channel alone becomes `change(near, far)`."""
    return lambda wav: np.stack([wav[:, 0], change(*wav.T)], axis=1)


def two_channel_machine(folder: Path, change=lambda wav: wav, clips=6, seed=7) -> Machine:
    for index in range(clips):
        wav = change(near_and_far(index)).astype(np.float32)
        write(folder / "fan" / "train" / f"clip_{index}.wav", wav)
    return Machine.from_folder(folder / "fan", "MADEUP", FEATURES, seed)


def noise_of(machine, config, clips, seed=0):
    """The noise that training adds: the machine's recordings, else the guess."""
    if files := noise_recordings(machine, config):
        return Reel.from_files(files, clips.spectrogram)
    return guessed_noise(machine, config, clips, generator_for(seed))


def denoiser_that(
    takes_away=None,
    domain="mel",
    image_size=16,
    strength=1.0,
    std_db=10.0,
    tile_frames=26,
    quantile=None,
    noise_known=True,
    noise_above_clips_db=None,
    noise_spread_db=9.0,
    guard_db=(-math.inf, math.inf),
    channels=1,
    far_helps=False,
    **keys,
):
    """A denoiser with an untrained U-Net, or one that takes away a constant (in units of
    std_db).
    """
    config = dataclasses.replace(
        SMALL, domain=domain, image_size=image_size, strength=strength, **keys
    )
    network = UNet(config.width, config.depth, torch.Generator().manual_seed(0))
    if takes_away is not None:
        torch.nn.init.constant_(network.last.bias, takes_away)
    rows = Spectrogram(FEATURES, RATE_HZ, domain).rows
    scaling = Scaling(torch.full((rows, 1), -40.0), std_db)
    return Denoiser(
        Checkpoint(
            config,
            FEATURES,
            RATE_HZ,
            "MADEUP",
            "fan",
            "0",
            tile_frames,
            scaling,
            Findings(
                noise_known=noise_known,
                noise_above_clips_db=noise_above_clips_db,
                noise_spread_db=noise_spread_db,
                quantile=quantile,
                quantile_told=config.clip_level == "auto" and quantile is not None,
                guard_db=torch.tensor(guard_db, dtype=torch.float32).view(2, 1, 1),
                far_helps=far_helps,
            ),
            network.state_dict(),
            channels=channels,
        ),
        "cpu",
    )


def log_mel_of(wav):
    spectrogram = Spectrogram(FEATURES, RATE_HZ, "mel")
    return spectrogram.level_of_wav_db(wav)
