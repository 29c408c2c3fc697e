"""The denoising stage of one machine type: gets its denoiser, denoises clips, keeps account."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcase_denoise_plugin.denoising.checkpoint import FORMAT
from dcase_denoise_plugin.denoising.denoiser import blended
from dcase_denoise_plugin.errors import CheckpointError
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.names import DENOISERS, denoiser
from dcase_denoise_plugin.process import untouched_random_streams
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import changed_keys
from dcase_denoise_plugin.sound.audio import read_channels, read_wav
from dcase_denoise_plugin.sound.far_subtraction import without_noise
from dcase_denoise_plugin.sound.machine import Machine, manifest
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.sound.wav_header import check_file
from dcase_denoise_plugin.stage import trial
from dcase_denoise_plugin.stage.clip_check import ClipCheck
from dcase_denoise_plugin.stage.code_digests import plugin_source_digest
from dcase_denoise_plugin.stage.methods import build_method
from dcase_denoise_plugin.stage.named_method import code_behind
from dcase_denoise_plugin.stage.own_method import with_stated_domain
from dcase_denoise_plugin.training.loop import train_denoiser
from dcase_denoise_plugin.training.resume import remove_resume_file

logger = logging.getLogger(__name__)


class Stage:
    """Serves the clips of one machine type to the baseline's loader.

    Parameters
    ----------
    machine : the clips that may train the denoiser.
    config : the resolved configuration.
    device : where the U-Net trains and runs.
    folder : where trained denoisers are kept, one subfolder each.
    train_command : what to run when a denoiser is missing; None: it is trained now.
    """

    def __init__(
        self,
        machine: Machine,
        config: DenoiseConfig,
        device: torch.device,
        folder: Path = DENOISERS,
        train_command: str | None = None,
    ):
        self.machine, self.asked, self.device = machine, config, device
        self.config = with_stated_domain(config) if config.strength else config
        self.checkpoint = Path(config.checkpoint) if config.checkpoint else self._own_file(folder)
        self.check_clip = ClipCheck(machine)
        self.seconds, self._account = 0.0, threading.Lock()
        with self._at_work():
            trains = config.method == "unet" and config.strength and not self.checkpoint.is_file()
            if trains:
                self._train(train_command)
            elif not config.checkpoint:
                with contextlib.suppress(OSError):  # of no need to this run
                    remove_resume_file(self.checkpoint)
            # What a run does not need cannot stop it: at strength 0 no method has anything to do.
            idle = dataclasses.replace(config, method="identity", domain="mel")
            at_work = self.config if config.strength else idle
            self._method = build_method(machine, at_work, self.checkpoint, device)
        if not trains:  # a training tells it first
            logger.info("stage %s", self.findings)

    @property
    def digest(self) -> str:
        """Hex digest of all that shapes what the stage hands over: keys, method, plugin code."""
        return digest_of([self.config.digest(), self._method.digest, plugin_source_digest()])

    @property
    def method_digest(self) -> str:
        """Hex digest of the method alone: the trained weights, or a user's source."""
        return self._method.digest

    def feature_digest(
        self, files: Sequence[Path], settings: dict[str, Any], loader_digest: str
    ) -> str:
        """Hex digest of the features of `files` under the baseline's `settings` by this code of its
        loader: the name of their own cache folder.
        """
        texts = {name: str(value) for name, value in settings.items()}
        return digest_of([self.digest, manifest(files), texts, loader_digest])

    @property
    def takes_batches(self) -> bool:
        """Whether `denoise` is faster with several clips, and takes calls from several threads."""
        return self._method.batch is not None and not self.is_idle

    @property
    def is_idle(self) -> bool:
        """Whether every clip is handed over as it is: strength 0, or no recording told anything."""
        trained = self._method.checkpoint
        idle = trained is not None and not trained.findings.changes_clips(trained.config)
        return not self.config.strength or idle

    @property
    def findings(self) -> str:
        """What the stage found out about the machine, in one plain line."""
        machine_type, trained = self.machine.machine_type, self._method.checkpoint
        if not self.config.strength:
            return f"{machine_type}: strength 0 → clips handed over as they are"
        if trained is None:
            method = self._method
            return method.findings or f"{machine_type}: every clip through {method.name}"
        return trained.findings.line(machine_type, trained.config.with_output_of(self.config))

    def denoise(
        self,
        clips: Sequence[np.ndarray],
        sample_rate_hz: int,
        paths: Sequence[str],
        wavs: Sequence[np.ndarray] | None = None,
    ) -> list[np.ndarray]:
        """The checked clips `paths` after the stage; same shape, dtype and level.

        Parameters
        ----------
        clips : each by ``denoise_domain`` the waveform, float32 (samples,), full scale ±1, or the
            log-mel spectrogram, float (n_mels, frames), dB.
        wavs : of two microphones, both channels of each, float32 (samples, 2); read from `paths` if
            they are not given.

        Raises
        ------
        DenoiseError
            If the method raises, hands back another shape or dtype, or values that are not finite,
            or the GPU's memory does not hold a single image.
        """
        if self.is_idle:
            return list(clips)
        # Threads would restore each other's random streams; and the U-Net draws nothing.
        with self._timed() if self.takes_batches else self._at_work():
            heard = clips
            if self._method.hears_far:
                from_files = (read_channels(path, self.machine.channels)[0] for path in paths)
                heard = self._heard(clips, sample_rate_hz, wavs or from_files)
            if self.takes_batches:
                denoised = list(self._method.of_batch(np.stack(heard), sample_rate_hz, paths))
            else:
                both = zip(heard, paths)
                denoised = [self._method.of_clip(clip, sample_rate_hz, at) for clip, at in both]
        for clip, result, path in zip(clips, denoised, paths):
            self._method.check(result, clip, path)
        return [blended(*both, self.config.strength) for both in zip(clips, denoised)]

    def _heard(
        self, clips: Sequence[np.ndarray], sample_rate_hz: int, wavs: Iterable[np.ndarray]
    ) -> list[np.ndarray]:
        """The clips `without_noise`."""
        heard = [without_noise(wav, sample_rate_hz) for wav in wavs]
        if self.config.domain == "mel":
            heard = list(map(self._spectrogram.level_of_wav_db, heard))
        return [own.astype(clip.dtype) for own, clip in zip(heard, clips)]

    @functools.cached_property
    def _spectrogram(self) -> Spectrogram:
        sample_rate_hz = check_file(self.machine.train_files[0], None).sample_rate_hz
        return Spectrogram(self.machine.features, sample_rate_hz, "mel")

    def receipt(self) -> dict[str, Any]:
        """What the stage did, for the JSON beside the baseline's CSVs."""
        trained = self._method.checkpoint
        return {
            "dataset": self.machine.dataset,
            "machine": self.machine.machine_type,
            "config": self.asked.as_keys(),
            "changed": changed_keys(self.asked),
            "per_machine_settings": list(self.config.per_machine_settings),
            "findings": self.findings,
            "method_digest": self.method_digest,
            "method_source": code_behind(self.config.method),
            "stage_digest": self.digest,
            "checkpoint": str(self.checkpoint) if trained else None,
            "epochs": trained.epochs if trained else None,
            "untouched": self.is_idle,
            "trial": self.trial,
        }

    @functools.cached_property
    def trial(self) -> list[float] | None:
        """What a user's class that learns from the clips makes of the first one, see `trial`."""
        if not self._method.is_fitted or self.is_idle:
            return None
        path = self.machine.train_files[0]
        wav, sample_rate_hz = read_wav(path, self.machine.channels)
        clip = wav
        if self.config.domain == "mel":
            clip = self._spectrogram.level_of_wav_db(wav).astype(float)
        (denoised,) = self.denoise([clip], sample_rate_hz, [str(path)])
        return trial.levels_db(denoised, self.config.domain)

    def refuse_other_trial(self, at_training: list[float] | None) -> None:
        """Raises DenoiseError if a user's class has come out otherwise than for the training."""
        if self.trial:
            name = self.machine.train_files[0].name
            trial.refuse_other(self.trial, at_training, self.config.method, name)

    def _own_file(self, folder: Path) -> Path:
        machine = self.machine
        rests_on = [FORMAT, self.config.weights_digest(), machine.training_digest(self.config)]
        data = machine.dataset + machine.machine_type
        return denoiser(folder, data, machine.seed, digest_of(rests_on))

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

    @contextlib.contextmanager
    def _timed(self) -> Iterator[None]:
        """Adds to the seconds of work; those of threads at work side by side add up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._account:
                self.seconds += time.perf_counter() - start

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """Counts the time and hands the random streams back as the baseline left them."""
        with self._timed(), untouched_random_streams():
            yield
