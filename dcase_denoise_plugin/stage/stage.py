"""The denoising stage of one machine type: gets its denoiser (training it when it is missing),
denoises the clips, keeps account.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcase_denoise_plugin.denoising.checkpoint import FORMAT
from dcase_denoise_plugin.errors import (
    AudioError,
    CheckpointError,
    DenoiseError,
    one_line_with_place,
)
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.process import thread_limit, untouched_random_streams
from dcase_denoise_plugin.settings.config import BUILT_IN_METHODS, DenoiseConfig
from dcase_denoise_plugin.sound.audio import check_file, check_fit, check_wav, read_wav
from dcase_denoise_plugin.sound.machine import Machine, manifest
from dcase_denoise_plugin.sound.spectrogram import LOWEST_POWER, Spectrogram
from dcase_denoise_plugin.stage.code_digests import plugin_source_digest
from dcase_denoise_plugin.stage.methods import build_method
from dcase_denoise_plugin.training.loop import train_denoiser

CHECKPOINT_FOLDER = Path("models/checkpoint/denoiser")
# A user's class comes out the same if what it makes of a clip agrees this well in each part; other
# roundings move it less.
TRIAL_PARTS, SAME_DB = 16, 0.1


class Stage:
    """Serves the clips of one machine type to the baseline's loader.

    Parameters
    ----------
    machine : the clips that may train the denoiser.
    config : the resolved configuration.
    device : where the U-Net trains and runs.
    folder : where trained denoisers are kept, one subfolder each.
    train_command : what to run when a denoiser is missing and may not be trained now; None allows
        training.
    """

    def __init__(
        self,
        machine: Machine,
        config: DenoiseConfig,
        device: torch.device,
        folder: Path = CHECKPOINT_FOLDER,
        train_command: str | None = None,
    ):
        self.machine, self.config, self.device = machine, config, device
        self.checkpoint = (
            Path(config.checkpoint) if config.checkpoint else folder / self._name() / "denoiser.pt"
        )
        self.seconds = 0.0
        self._account = threading.Lock()
        with self._at_work():
            if config.method == "unet" and not self.checkpoint.is_file():
                self._train(train_command)
            self._method = build_method(machine, config, self.checkpoint, device)

    @property
    def digest(self) -> str:
        """Hex digest of everything that shapes what the stage hands over: configuration, method
        (weights included) and the plugin's own code.
        """
        return digest_of([self.config.digest(), self._method.digest, plugin_source_digest()])

    @property
    def method_digest(self) -> str:
        """Hex digest of the method alone: the trained weights, or a user's source."""
        return self._method.digest

    def feature_digest(
        self, files: list[Path], settings: dict[str, Any], loader_digest: str
    ) -> str:
        """Hex digest of the features of `files` under the baseline's `settings` by this code of its
        loader: the name of their own cache folder.
        """
        return digest_of(
            [
                self.digest,
                manifest(files),
                {name: str(value) for name, value in settings.items()},
                loader_digest,
            ]
        )

    @property
    def takes_batches(self) -> bool:
        """Whether `denoise` may be called from several threads at once, and is faster with several
        clips; at strength 0 it has nothing to do.
        """
        return self._method.batch is not None and self.config.strength > 0

    def check_clip(
        self, loaded: tuple[np.ndarray, int] | None, path: str
    ) -> tuple[np.ndarray, int]:
        """What the baseline's `file_load` returned for `path`, if it can be scored.

        Raises
        ------
        AudioError
            If the clip is unreadable, truncated, not mono, silent, not finite, too short, or of
            another length or rate than the machine's training clips.
        """
        check_file(path)
        if loaded is None:
            raise AudioError(
                "clip: expected a readable wav file, got one that the baseline cannot load in"
                f" {path}. Replace or remove the file."
            )
        wav, sample_rate_hz = loaded
        check_wav(wav, sample_rate_hz, path)
        first, samples, rate_hz = self._training_clip
        check_fit(len(wav), sample_rate_hz, samples, rate_hz, path, f"in {first}")
        return wav, sample_rate_hz

    def denoise(
        self, clips: Sequence[np.ndarray], sample_rate_hz: int, paths: Sequence[str]
    ) -> list[np.ndarray]:
        """The checked clips `paths` after the stage, at the configured strength; same shape, dtype
        and level.

        Parameters
        ----------
        clips : each by ``denoise_domain`` the waveform, float32 (samples,), full scale ±1, or the
            log-mel spectrogram, float (n_mels, frames), dB.

        Raises
        ------
        DenoiseError
            If the method raises, hands back another shape or dtype, or values that are not finite,
            or the GPU's memory does not hold a single image.
        """
        if self.config.strength == 0.0:
            return list(clips)
        if self.takes_batches:
            # No guard of the random streams here: threads would restore each other's states. The
            # U-Net draws nothing.
            with self._timed():
                denoised = self._in_batch(np.stack(clips), sample_rate_hz, paths)
        else:
            with self._at_work():
                denoised = [
                    self._of_one(clip, sample_rate_hz, path) for clip, path in zip(clips, paths)
                ]
        return [self._blended(*clip) for clip in zip(clips, denoised, paths)]

    def receipt(self) -> dict[str, Any]:
        """What the stage did, for the JSON beside the baseline's CSVs."""
        trained = self._method.checkpoint
        return {
            "dataset": self.machine.dataset,
            "machine": self.machine.machine_type,
            "config": self.config.as_keys(),
            "changed": self.config.changed_keys(),
            "per_machine_settings": list(self.config.per_machine_settings),
            "method_digest": self.method_digest,
            "stage_digest": self.digest,
            "checkpoint": str(self.checkpoint) if trained else None,
            "epochs_kept": trained.epochs_kept if trained else None,
            "untouched": bool(trained and trained.touches_nothing(self.config)),
            "trial": self._trial,
        }

    def refuse_other_trial(self, at_training: list[float] | None) -> None:
        """Raises DenoiseError if a user's class makes something else of the first training clip
        than the one that the autoencoder was trained behind.
        """
        now = self._trial
        if now and not np.allclose(now, at_training or np.inf, rtol=0, atol=SAME_DB):
            off = (
                f"one that differs by {np.abs(np.subtract(now, at_training)).max():.3g} dB"
                if at_training
                else "one of which the training noted nothing"
            )
            raise DenoiseError(
                f"denoise_method {self.config.method}: expected it to come out as it did for the"
                f" training, got {off} on {self.machine.train_files[0].name}. It is built anew in"
                " every step: draw from machine.seed, or keep what it learnt in a file and tell"
                " its digest; then train again."
            )

    @functools.cached_property
    def _trial(self) -> list[float] | None:
        """What a user's class that learns from the clips makes of the first one: the level in each
        of `TRIAL_PARTS` parts, dB. None for other methods.
        """
        if not self._method.is_fitted or self.config.strength == 0.0:
            return None
        path, (wav, sample_rate_hz) = (
            self.machine.train_files[0],
            read_wav(self.machine.train_files[0]),
        )
        clip = wav
        if self.config.domain == "mel":
            spectrogram = Spectrogram(self.machine.features, sample_rate_hz, "mel")
            clip = spectrogram.level_of_wav_db(wav).astype(float)
        (denoised,) = self.denoise([clip], sample_rate_hz, [str(path)])
        level_db = (
            denoised
            if self.config.domain == "mel"
            else 10 * np.log10(np.square(denoised, dtype=float) + LOWEST_POWER)
        )
        return [
            round(float(part.mean()), 4) for part in np.array_split(level_db.ravel(), TRIAL_PARTS)
        ]

    @functools.cached_property
    def _training_clip(self) -> tuple[str, int, int]:
        """Name, samples and rate of the first one: what the clips of every split are held
        against.
        """
        wav, sample_rate_hz = read_wav(self.machine.train_files[0])
        return self.machine.train_files[0].name, len(wav), sample_rate_hz

    def _name(self) -> str:
        rests_on = [FORMAT, self.config.weights_digest(), self.machine.training_digest(self.config)]
        machine = f"{self.machine.dataset}{self.machine.machine_type}_seed{self.machine.seed}"
        return f"{machine}_{digest_of(rests_on)[:16]}"

    def _train(self, train_command: str | None) -> None:
        if self.config.checkpoint:
            raise CheckpointError(
                "denoise_checkpoint: expected a trained denoiser, got no file at"
                f" {self.checkpoint}. Correct the path or leave the key out."
            )
        if train_command is not None:
            raise CheckpointError(
                f"denoiser of {self.machine.machine_type}: expected one trained with these settings"
                f" and clips, got none at {self.checkpoint}. Train it first: {train_command}"
            )
        train_denoiser(self.machine, self.config, self.checkpoint, self.device, shared=True)

    def _of_one(self, clip, sample_rate_hz, path):
        if self.config.method in BUILT_IN_METHODS:
            return np.asarray(self._method(clip, sample_rate_hz))
        # on a copy: a method of the user's that works in place must leave the noisy clip to be
        # blended with
        try:
            return np.asarray(self._method(clip.copy(), sample_rate_hz))
        except DenoiseError:
            raise
        except Exception as error:  # a user's code may raise anything
            raise DenoiseError(
                f"denoise_method {self.config.method}: expected it to denoise {path}, got"
                f" {one_line_with_place(error)}. Correct the method."
            ) from error

    def _in_batch(self, clips, sample_rate_hz, paths):
        try:
            return self._method.batch(clips, sample_rate_hz)
        except torch.OutOfMemoryError:
            raise DenoiseError(
                "GPU memory: expected room for one spectrogram image, got none free on"
                f" {self.device} for {paths[0]}. End what else runs there, or set --use_cuda False."
            ) from None

    def _blended(self, noisy, denoised, path):
        if denoised.shape != noisy.shape or denoised.dtype != noisy.dtype:
            raise DenoiseError(
                f"denoise_method {self.config.method}: expected {noisy.dtype} of shape"
                f" {noisy.shape} back, got {denoised.dtype} {denoised.shape} for {path}. Correct"
                " the method."
            )
        if not np.isfinite(denoised).all():
            raise DenoiseError(
                f"denoise_method {self.config.method}: expected finite values back, got NaN or"
                f" infinity for {path}. Train the denoiser again or correct the method."
            )
        if self.config.strength == 1.0:
            return denoised
        return (noisy - self.config.strength * (noisy - denoised)).astype(noisy.dtype)

    @contextlib.contextmanager
    def _timed(self):
        """Adds to the seconds of work; those of threads at work side by side add up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._account:
                self.seconds += time.perf_counter() - start

    @contextlib.contextmanager
    def _at_work(self):
        """Counts the time, keeps the random streams and the thread count as the baseline
        left them.
        """
        with self._timed(), thread_limit(self.config.threads), untouched_random_streams():
            yield
