"""A trained denoiser at work: wav -> wav, or log-mel -> log-mel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.prediction import Prediction
from dcase_denoise_plugin.denoising.unet import UNet
from dcase_denoise_plugin.errors import AudioError, CheckpointError, ConfigError
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import resolve
from dcase_denoise_plugin.sound.audio import channels_of, check_rate, check_wav
from dcase_denoise_plugin.sound.clip_spectrum import clip_spectrum, steady_machine_residual_db
from dcase_denoise_plugin.sound.far_subtraction import without_noise
from dcase_denoise_plugin.sound.spectrogram import Spectrogram

# The gain put on an STFT bin. A mask only takes away: one that could add 6 dB left a third more
# log-mel error on `fan` clips at 10 dB SNR. Noise that bursts 40 dB above the machine needs a
# Wiener gain of -80 dB: a mask that ended at -40 dB cost 2.7 of 6.9 dB of SI-SDR on `fan`.
MASK_DB = (-80.0, 0.0)
# A clip is milliseconds of work: on two busy cores two threads, waiting for each other, took 20
# times as long as one.
CPU_THREADS = 1
ARRAY = "the array passed in"


def blended(noisy: np.ndarray, denoised: np.ndarray, strength: float) -> np.ndarray:
    """``y = x - alpha * (x - f(x))``: arrays of one shape in, the same out; exact at 0 and 1."""
    if strength == 1.0:
        return denoised
    return (noisy - strength * (noisy - denoised)).astype(noisy.dtype)


class Denoiser:
    """Takes away what its U-Net predicts, at `strength` (alpha in ``y = x - alpha * (x - f(x))``; 0
    returns the input exactly). Where a far microphone helps, what that hears is subtracted first
    (`without_noise`).

    `config` says what is made of the U-Net's prediction (``denoise_output``,
    ``denoise_fluctuation``); the file's own by default.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: torch.device | str | None = None,
        strength: float | None = None,
        config: DenoiseConfig | None = None,
    ):
        self.checkpoint = checkpoint
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.strength = checkpoint.config.strength if strength is None else strength
        self.domain, self.digest = checkpoint.config.domain, checkpoint.digest
        self.spectrogram = Spectrogram(
            checkpoint.features, checkpoint.sample_rate_hz, self.domain, self.device
        )
        self.config = config or checkpoint.config
        config = checkpoint.config
        self.network = UNet(config.width, config.depth, torch.Generator())
        self.network.load_state_dict(checkpoint.weights)
        self.network.to(self.device).eval()
        self.scaling = checkpoint.scaling.to(self.device)
        self.findings = checkpoint.findings
        self.guard_db = checkpoint.findings.guard_db.to(self.device)
        self.uses_network = self.findings.uses_network(config)
        self._predicted = Prediction(self.network, self.device)

    @classmethod
    def load(
        cls,
        path: Path,
        device: torch.device | str | None = None,
        strength: float | None = None,
        preset: str = "",
    ) -> Denoiser:
        """Reads a denoiser file.

        Parameters
        ----------
        device : CUDA where there is one, by default.
        preset : name or YAML file that says what is made of the U-Net's prediction; the file's own
            settings by default, which are those of the recommended preset where a run of the
            baseline trained it.
        strength : the one of these settings by default.

        Raises
        ------
        CheckpointError
            If it cannot be read.
        ConfigError
            If the preset cannot.
        """
        checkpoint = Checkpoint.load(path)
        config = checkpoint.config
        if preset:
            config = config.with_output_of(resolve({"preset": preset}, {}))
        return cls(checkpoint, device, config.strength if strength is None else strength, config)

    def __repr__(self) -> str:
        kept = self.checkpoint
        return (
            f"<Denoiser of {kept.machine_type}: {self.domain}, {kept.sample_rate_hz} Hz,"
            f" {kept.channels} channel(s), strength {self.strength:g}>"
        )

    def __call__(self, wav: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """Denoises a clip: a mask on its STFT, with the noisy phase; a mel denoiser's band gains
        are spread over the STFT bins.

        Parameters
        ----------
        wav : float32, (samples,), full scale ±1, at least 1 s; of a machine with two microphones
            (samples, 2), near and far.

        Returns
        -------
        float32, (samples,), at the level of `wav`

        Raises
        ------
        AudioError
            If the clip is unfit, or has another shape or rate than the denoiser was trained with.
        """
        near, *_ = channels_of(wav, self.checkpoint.channels, ARRAY)
        check_wav(near, sample_rate_hz, ARRAY)
        check_rate(sample_rate_hz, self.checkpoint.sample_rate_hz, ARRAY)
        near = np.asarray(near, dtype=np.float32)
        heard = without_noise(wav, sample_rate_hz) if self.findings.far_helps else near
        return blended(near, self._denoised(heard), self.strength)

    def wavs(self, wavs: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        """The same for clips of one length and one channel at once, whose samples were checked:
        (..., samples) in and out, float32. Of two microphones they are `without_noise` already.
        Raises AudioError for another rate.
        """
        check_rate(sample_rate_hz, self.checkpoint.sample_rate_hz, ARRAY)
        noisy = np.asarray(wavs, dtype=np.float32)
        return blended(noisy, self._denoised(noisy), self.strength)

    @thread_limit(CPU_THREADS)
    @torch.inference_mode()
    def _denoised(self, wavs: np.ndarray) -> np.ndarray:
        noisy = torch.from_numpy(wavs).to(self.device)
        spec = self.spectrogram.spec(noisy)
        mask = self.mask(self.residual_db(self.spectrogram.level_db(spec)))
        # Subtracting what the mask removes, rather than inverting what it leaves, returns the
        # samples untouched where it removes nothing.
        removed = self.spectrogram.wav(spec * (1 - mask), noisy.shape[-1])
        return (noisy - removed).cpu().numpy()

    @thread_limit(CPU_THREADS)
    @torch.inference_mode()
    def log_mel(self, log_mel: np.ndarray, heard: np.ndarray | None = None) -> np.ndarray:
        """Denoises the baseline's log-mel spectrogram, or several of one length: (..., n_mels,
        frames) dB in and out, same dtype. Of two microphones `log_mel` is the near channel's, and
        `heard` that of `without_noise`.

        Raises
        ------
        ConfigError
            If the denoiser was trained on waveforms.
        CheckpointError
            If it was trained on other mel bands.
        AudioError
            If `heard` is missing.
        """
        if self.domain != "mel":
            raise ConfigError(
                f"denoise_domain: expected a denoiser trained for mel, got one for {self.domain} in"
                " this denoiser. Call it with the waveform, or train one with denoise_domain: mel."
            )
        if log_mel.ndim < 2 or log_mel.shape[-2] != self.spectrogram.rows:
            raise CheckpointError(
                f"log-mel: expected shape ({self.spectrogram.rows}, frames), got {log_mel.shape} in"
                " the array passed in. Choose the denoiser trained with its n_mels."
            )
        if heard is None and self.findings.far_helps:
            raise AudioError(
                f"log-mel: expected that of without_noise too, got the near channel's in {ARRAY}."
                " Pass both."
            )
        heard = log_mel if heard is None else heard
        level_db = torch.from_numpy(np.asarray(heard, dtype=np.float32)).to(self.device)
        residual_db = self.residual_db(level_db).cpu().numpy()
        denoised = (heard - residual_db.astype(heard.dtype)).astype(log_mel.dtype)
        return blended(log_mel, denoised, self.strength)

    def mask(self, residual_db: torch.Tensor) -> torch.Tensor:
        """The gain of each STFT bin that takes `residual_db` away: (rows, frames) dB -> (bins,
        frames), a factor.
        """
        return 10 ** (self.spectrogram.bin_gain_db(-residual_db).clamp(*MASK_DB) / 20)

    def residual_db(self, level_db: torch.Tensor) -> torch.Tensor:
        """What is to be taken away at full strength: (..., rows, frames) dB -> the same shape,
        dB.
        """
        if not self.findings.changes_clips(self.checkpoint.config):
            return torch.zeros_like(level_db)
        if self.config.output == "clip_spectrum":
            fluctuation_db = level_db - level_db.mean(-1, keepdim=True)
            kept = self.config.fluctuation if self.findings.in_pauses else 1.0
            return level_db - self._cleaned_spectrum_db(level_db) - kept * fluctuation_db
        if self.config.output == "steady_machine" and self.findings.in_pauses:
            return steady_machine_residual_db(level_db, self._cleaned_spectrum_db(level_db))
        return self._noise_db(level_db)

    @thread_limit(CPU_THREADS)
    @torch.inference_mode()
    def taken_from_spectrum_db(self, level_db: torch.Tensor) -> torch.Tensor:
        """What the U-Net takes out of the clip's spectrum, before the guard: (..., rows, frames) dB
        -> (..., rows, 1) dB.
        """
        return self._taken_from_spectrum_db(
            level_db, clip_spectrum(level_db, self.findings.quantile)
        )

    def _cleaned_spectrum_db(self, level_db: torch.Tensor) -> torch.Tensor:
        """The clip's spectrum without what the U-Net takes: (..., rows, 1) dB."""
        spectrum_db = clip_spectrum(level_db, self.findings.quantile)
        if not self.uses_network:
            return spectrum_db
        return spectrum_db - self._taken_from_spectrum_db(level_db, spectrum_db).clamp(
            *self.guard_db
        )

    def _taken_from_spectrum_db(
        self, level_db: torch.Tensor, spectrum_db: torch.Tensor
    ) -> torch.Tensor:
        cleaned_db = level_db - self._noise_db(level_db)
        return spectrum_db - clip_spectrum(cleaned_db, self.findings.quantile)

    def _noise_db(self, level_db: torch.Tensor) -> torch.Tensor:
        """What the U-Net takes for noise, frame by frame; the shape of `level_db`, dB."""
        if not self.uses_network:
            return torch.zeros_like(level_db)
        images, (rows, frames) = self.checkpoint.images, level_db.shape[-2:]
        clips = self.scaling.scaled(level_db).reshape(-1, rows, frames)
        tiles = torch.cat([images.tiles(clip) for clip in clips])
        # (clips * tiles, rows, tile_frames)
        residual = images.picture(self._predicted(images.image(tiles)), rows)
        joined = torch.stack([images.join(own, frames) for own in residual.chunk(len(clips))])
        # (clips, rows, frames)
        return self.scaling.difference_db(joined).reshape(level_db.shape)
