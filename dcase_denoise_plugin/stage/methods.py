"""The registry of denoising methods: unet, identity, spectral_gate, wiener, far_subtraction,
and yours.

The contract
------------
A method is

- a function ``method(array, sample_rate_hz) -> array``, or
- a class, built as ``cls(machine, config)`` (a `Machine` and a `DenoiseConfig`), whose instances
  are called the same way. The baseline trains and tests in processes of their own, so it is built
  three times for a machine type and seed and must come out the same each time: draw what is random
  from ``machine.seed``, or keep what was learnt in a file. One that comes out otherwise stops the
  test.

It states by an attribute ``domain`` what ``array`` is, unless the key ``denoise_domain`` does.
"mel": the clip's log-mel spectrogram, float64, (n_mels, frames), dB. "waveform": the clip, float32,
(samples,), full scale ±1. Without either the run stops. What comes back has the same shape and
dtype, and the same absolute level. A method works at full strength and must not draw from a global
random stream. The stage applies ``denoise_strength`` to its result. ``denoise_method`` names it:
one of the five above, an entry point of the group
``dcase_denoise_plugin.methods``, or ``package.module:function``.

``array`` is a copy: a method may work in place. What it raises stops the run with one line that
names the clip, and its traceback is in the run's log. It runs in the baseline's folder: that is
where relative paths lead.

Denoised features are kept under a digest of all that the method rests on: the ``.py`` files of its
top-level package or, for a module on its own, those beside it; for a class also the seed and the
names, sizes and times of all clips and files that `Machine` and `DenoiseConfig` offer. What else it
reads, a file of weights say, it tells by an attribute ``digest``: a text, or a function without
arguments that returns one. On the function or class, `dcase-denoise run` sees a change beforehand
and runs again; on an instance alone, the change is in the receipt of the next run. An instance's
``digest``, its class's too, stands in place of the seed and the clips. A callable that is neither a
function nor a class, such as a `functools.partial`, is taken only with a ``digest``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dcase_denoise_plugin.denoising.adaptation import adapted
from dcase_denoise_plugin.denoising.checkpoint import Checkpoint
from dcase_denoise_plugin.denoising.denoiser import Denoiser
from dcase_denoise_plugin.errors import DenoiseError, one_line_with_place
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.settings.config import BUILT_IN_METHODS, DenoiseConfig
from dcase_denoise_plugin.sound.machine import Machine, manifest
from dcase_denoise_plugin.sound.noise_recordings import noise_recordings
from dcase_denoise_plugin.stage.filters import FarSubtraction, SpectralGate, Wiener
from dcase_denoise_plugin.stage.own_method import (
    all_it_is_given,
    built,
    find,
    own_digest,
    source_digest,
)

Array2Array = Callable[..., np.ndarray]


@dataclasses.dataclass(frozen=True)
class Method:
    """A method ready for one machine.

    Attributes
    ----------
    name : as ``denoise_method`` names it.
    function : ``function(array, sample_rate_hz) -> array``.
    digest : hex; changes whenever what the method does may have changed: its weights or, by the
        contract above, its source and what it learns from.
    batch : the same for arrays of one shape at once, stacked along a first axis, from any thread;
        None if it takes them one at a time.
    is_fitted : whether `digest` tells what it was built from and not what came of it: a user's
        class without a digest of its own.
    checkpoint : the trained denoiser behind it, of the U-Net.
    hears_far : whether they take the near channel `without_noise`.
    findings : what it found out about the machine, in one plain line.
    """

    name: str
    function: Array2Array
    digest: str
    batch: Array2Array | None = None
    is_fitted: bool = False
    checkpoint: Checkpoint | None = None
    hears_far: bool = False
    findings: str = ""

    def __call__(self, array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        return self.function(array, sample_rate_hz)

    def of_clip(self, clip: np.ndarray, sample_rate_hz: int, path: str) -> np.ndarray:
        """One denoised clip. Raises DenoiseError if a user's method raises anything."""
        if self.name in BUILT_IN_METHODS:
            return np.asarray(self.function(clip, sample_rate_hz))
        try:  # on a copy: a method that works in place must leave the noisy clip to be blended with
            return np.asarray(self.function(clip.copy(), sample_rate_hz))
        except DenoiseError:
            raise
        except Exception as error:  # a user's code may raise anything
            raise DenoiseError(
                f"denoise_method {self.name}: expected it to denoise {path}, got"
                f" {one_line_with_place(error)}. Correct the method."
            ) from error

    def of_batch(
        self,
        clips: np.ndarray,
        sample_rate_hz: int,
        paths: Sequence[str],
    ) -> np.ndarray:
        """Denoised clips. Raises DenoiseError if the GPU's memory does not hold a single image."""
        assert self.batch
        try:
            return self.batch(clips, sample_rate_hz)
        except torch.OutOfMemoryError:
            raise DenoiseError(
                "GPU memory: expected room for one spectrogram image, got none free for"
                f" {paths[0]}. End what else runs there, or set --use_cuda False."
            ) from None

    def check(self, denoised: np.ndarray, noisy: np.ndarray, path: str) -> None:
        """Raises DenoiseError if what came back is no finite array of the clip's shape and type."""
        if denoised.shape != noisy.shape or denoised.dtype != noisy.dtype:
            raise DenoiseError(
                f"denoise_method {self.name}: expected {noisy.dtype} of shape {noisy.shape} back,"
                f" got {denoised.dtype} {denoised.shape} for {path}. Correct the method."
            )
        if not np.isfinite(denoised).all():
            raise DenoiseError(
                f"denoise_method {self.name}: expected finite values back, got NaN or infinity for"
                f" {path}. Train the denoiser again or correct the method."
            )


def build_method(
    machine: Machine,
    config: DenoiseConfig,
    checkpoint_path: Path | None = None,
    device: torch.device | str | None = None,
) -> Method:
    """The method that ``denoise_method`` names, for this machine.

    Raises
    ------
    ConfigError
        If the name leads to nothing that can be called, or nothing tells when that changes.
    CheckpointError
        If the U-Net's file is missing, damaged or made for something else.
    DenoiseError
        If a user's class cannot be built.
    """
    name = config.method
    if name == "unet":
        assert checkpoint_path
        return unet(machine, config, checkpoint_path, device)
    target: Any = BUILT_IN[name] if name in BUILT_IN else find(name)
    source = source_digest(target)
    if not inspect.isclass(target):
        return Method(name, target, source)
    if name in BUILT_IN:
        recordings = manifest(noise_recordings(machine, config))
        if name == "far_subtraction":
            filtered = FarSubtraction(machine, config)
            digest = digest_of([source, manifest(machine.train_files)])
            hears_far, findings = filtered.hears_far, filtered.findings
            return Method(name, filtered, digest, hears_far=hears_far, findings=findings)
        return Method(name, BUILT_IN[name](machine, config), digest_of([source, recordings]))
    method = built(target, machine, config)
    own = own_digest(method)
    digest = digest_of([source, own or all_it_is_given(machine, config)])
    return Method(name, method, digest, is_fitted=not own)


def unet(
    machine: Machine,
    config: DenoiseConfig,
    checkpoint_path: Path,
    device: torch.device | str | None,
) -> Method:
    """The U-Net as a method. Raises as `unet_denoiser` does."""
    denoiser = unet_denoiser(machine, config, checkpoint_path, device)
    function: Array2Array = denoiser.wavs
    batch: Array2Array = denoiser.wavs
    if config.domain == "mel":
        function = batch = lambda array, sample_rate_hz: denoiser.log_mel(array, array)
    hears_far, checkpoint = denoiser.findings.far_helps, denoiser.checkpoint
    return Method("unet", function, denoiser.digest, batch, False, checkpoint, hears_far)


def unet_denoiser(
    machine: Machine,
    config: DenoiseConfig,
    checkpoint_path: Path,
    device: torch.device | str | None,
    strength: float = 1.0,
) -> Denoiser:
    """The trained U-Net's denoiser for this machine. Raises CheckpointError if its file is missing,
    damaged or made for something else.
    """
    checkpoint = Checkpoint.load(checkpoint_path)
    checkpoint.require(machine, config, checkpoint_path)
    if config.checkpoint:
        checkpoint = adapted(checkpoint, machine, device or "cpu")
    return Denoiser(checkpoint, device, strength=strength, config=config)


def identity(array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Hands the clip over as it is; the run must then equal the plain baseline's."""
    return array


BUILT_IN: dict[str, Any] = {
    "identity": identity,
    "spectral_gate": SpectralGate,
    "wiener": Wiener,
    "far_subtraction": FarSubtraction,
}
