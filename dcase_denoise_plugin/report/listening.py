"""A clip to look at and listen to: spectrograms before and after on one colour scale, and sound
small enough for a page.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import sys
from typing import Any

import librosa
import matplotlib
import numpy as np
import soundfile
from PIL import Image

from dcase_denoise_plugin.settings.features import FeatureSettings

COLOURS = "magma"
WIDEST_RANGE_DB = 60.0
# full scale 1; all sounds of a clip are raised together to it, for recordings of machines are often
# too quiet to listen to
LOUDEST = 0.9
PAGE_RATE_HZ = 16000
MP3_COMPRESSION = (
    0.2  # of libsndfile's 0 … 1 with variable bit rate: about 6 kB a second of noise at 16 kHz
)
TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000, 16000)


@dataclasses.dataclass(frozen=True)
class Sight:
    """Pictures and sounds as data URIs, by "noisy", "denoised" and, of sounds, "removed"; of two
    microphones "near" in place of "noisy" and, of sounds, "far".

    Attributes
    ----------
    ticks : (share of the height from below, text) of the frequency axis.
    range_db : lowest and highest level of the colour scale.
    gain_db : by how much the sounds were raised, all alike.
    """

    pictures: dict[str, str]
    sounds: dict[str, str]
    clip_s: float
    ticks: tuple[tuple[float, str], ...]
    range_db: tuple[float, float]
    gain_db: float

    @property
    def size_bytes(self) -> int:
        return sum(map(len, (*self.pictures.values(), *self.sounds.values())))


def band_centres_hz(sample_rate_hz: int, features: FeatureSettings) -> np.ndarray:
    """(n_mels,) centre frequencies of the mel bands."""
    return librosa.mel_frequencies(
        features.n_mels + 2, fmin=features.fmin, fmax=features.fmax or sample_rate_hz / 2
    )[1:-1]


def show(
    clip: np.ndarray, denoised: np.ndarray | None, sample_rate_hz: int, features: FeatureSettings
) -> Sight:
    """Pictures and sounds of a clip, (samples,) or (samples, 2), before the denoiser and, if one is
    at hand, after it, (samples,).
    """
    noisy, *far = clip.reshape(len(clip), -1).T.copy()
    wavs = {"near": noisy, "far": far[0]} if far else {"noisy": noisy}
    if denoised is not None:
        wavs |= {"denoised": denoised, "removed": noisy - denoised}
    log_mels = {
        name: log_mel(wav, sample_rate_hz, features)
        for name, wav in wavs.items()
        if name not in ("far", "removed")
    }
    highest = max(float(np.quantile(picture, 0.999)) for picture in log_mels.values())
    lowest = max(
        min(float(np.quantile(picture, 0.02)) for picture in log_mels.values()),
        highest - WIDEST_RANGE_DB,
    )
    pictures = {
        name: _png((picture - lowest) / max(highest - lowest, 1e-9))
        for name, picture in log_mels.items()
    }
    gain = LOUDEST / max(max(float(np.abs(wav).max()) for wav in wavs.values()), 1e-9)
    sounds = {name: _mp3(gain * wav, sample_rate_hz) for name, wav in wavs.items()}
    return Sight(
        pictures,
        sounds,
        len(noisy) / sample_rate_hz,
        ticks(sample_rate_hz, features),
        (lowest, highest),
        20 * np.log10(gain),
    )


def ticks(sample_rate_hz: int, features: FeatureSettings) -> tuple[tuple[float, str], ...]:
    """Where frequencies that one remembers lie on the mel axis."""
    low, high = librosa.hz_to_mel([features.fmin, features.fmax or sample_rate_hz / 2])
    places = (
        (float((librosa.hz_to_mel(frequency) - low) / (high - low)), frequency)
        for frequency in TICKS_HZ
    )
    return tuple(
        (place, f"{frequency / 1000:g}") for place, frequency in places if 0.03 < place < 0.97
    )


def colour_ramp() -> str:
    """The colour scale as CSS, lowest level first."""
    return ", ".join(
        matplotlib.colors.to_hex(matplotlib.colormaps[COLOURS](share))
        for share in np.linspace(0, 1, 9)
    )


def _png(shares: np.ndarray) -> str:
    """(rows, frames), 0 … 1, lowest row first in, lowest row at the bottom out."""
    image = Image.fromarray(
        np.round(255 * np.clip(shares[::-1], 0, 1)).astype(np.uint8), mode=None
    ).convert("P")
    image.putpalette(_palette())
    return _data_uri("image/png", lambda target: image.save(target, format="PNG", optimize=True))


@functools.cache
def _palette() -> list[int]:
    return (
        np.round(255 * matplotlib.colormaps[COLOURS](np.arange(256))[:, :3])
        .astype(int)
        .ravel()
        .tolist()
    )


def _mp3(wav: np.ndarray, sample_rate_hz: int) -> str:
    if sample_rate_hz != PAGE_RATE_HZ:
        wav = librosa.resample(wav, orig_sr=sample_rate_hz, target_sr=PAGE_RATE_HZ)
    # MP3 and not the smaller Opus or Vorbis in Ogg: every browser plays it, Safari's older versions
    # too.
    settings = {
        "format": "MP3",
        "subtype": "MPEG_LAYER_III",
        "compression_level": MP3_COMPRESSION,
        "bitrate_mode": "VARIABLE",
    }
    return _data_uri(
        "audio/mpeg",
        lambda target: soundfile.write(target, np.clip(wav, -1, 1), PAGE_RATE_HZ, **settings),
    )


def _data_uri(kind: str, write: Any) -> str:
    target = io.BytesIO()
    write(target)
    return f"data:{kind};base64,{base64.b64encode(target.getvalue()).decode()}"


def log_mel(wav: np.ndarray, sample_rate_hz: int, features: FeatureSettings) -> np.ndarray:
    """(n_mels, frames) float32, dB, of a waveform, float32 (samples,)."""
    power = librosa.feature.melspectrogram(y=wav, sr=sample_rate_hz, **dataclasses.asdict(features))
    return 20 / features.power * np.log10(np.maximum(power, sys.float_info.epsilon))
