"""The registry of denoising methods: unet, identity, spectral_gate, wiener, and yours.

The contract
------------
A method is

- a function ``method(array, sample_rate_hz) -> array``, or
- a class that is built once per machine as ``cls(machine, config)`` (a `Machine` and a `DenoiseConfig`) and whose instances are called the same way.

``array`` is what ``denoise_domain`` says: "waveform": the clip, float32, (samples,), full scale ±1; "mel": its log-mel spectrogram, (n_mels, frames), dB.
What comes back has the same shape and dtype, and the same absolute level. A method works at full strength and must not draw from a global random
stream; ``denoise_strength`` is applied to its result by the stage. ``denoise_method`` names it: one of the four above, an entry point of the group
``dcase_denoise_plugin.methods``, or ``package.module:function``.

``array`` is a copy: a method may work in place. What it raises stops the run with one line that names the clip.

Denoised features are kept under a digest of all that the method rests on: the ``.py`` files of its top-level package or, for a module on its own, those
beside it; for a class also the seed and the names, sizes and times of all clips and files that `Machine` and `DenoiseConfig` offer. What else it reads, a
file of weights say, it tells by an attribute ``digest``, a text that changes with it. An instance's own ``digest`` stands in place of the seed and the
clips. A callable that is neither a function nor a class, such as a `functools.partial`, is taken only with a ``digest``.
"""
from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Iterable, Iterator

import numpy as np
import scipy.ndimage
import torch

from dcase_denoise_plugin.adaptation import adapted
from dcase_denoise_plugin.audio import read_wav
from dcase_denoise_plugin.checkpoint import Checkpoint
from dcase_denoise_plugin.config import DenoiseConfig
from dcase_denoise_plugin.denoiser import Denoiser
from dcase_denoise_plugin.digests import digest_of, file_digest
from dcase_denoise_plugin.errors import ConfigError, DenoiseError, told
from dcase_denoise_plugin.machine import Machine, manifest, own_noise
from dcase_denoise_plugin.noise import noise_recordings, read_noise
from dcase_denoise_plugin.spectrogram import Spectrogram

ENTRY_POINTS = "dcase_denoise_plugin.methods"
LOWEST_GAIN_DB = -20.0
FLOOR_QUANTILE = 0.1
GATE_DEVIATIONS = 1.5
SMOOTHING_S = 0.1


class Method:
    """A method ready for one machine: ``method(array, sample_rate_hz) -> array``.

    Attributes
    ----------
    digest : hex; changes whenever what the method does may have changed: its weights or, by the contract above, its source and what it learns from.
    batch : the same for arrays of one shape at once, stacked along a first axis, from any thread; None if it takes them one at a time.
    """

    def __init__(self, function: Callable[[np.ndarray, int], np.ndarray], digest: str, batch: Callable[[np.ndarray, int], np.ndarray] | None = None):
        self.function, self.digest, self.batch = function, digest, batch

    def __call__(self, array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        return self.function(array, sample_rate_hz)


def build_method(machine: Machine, config: DenoiseConfig, checkpoint_path: Path | None = None, device: torch.device | str | None = None) -> Method:
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
    if config.method == "unet":
        return unet(machine, config, checkpoint_path, device)
    target = BUILT_IN[config.method] if config.method in BUILT_IN else find(config.method)
    source = source_digest(target)
    if not inspect.isclass(target):
        return Method(target, source)
    method = _built(target, machine, config)
    if config.method in BUILT_IN:
        return Method(method, digest_of([source, manifest(noise_recordings(machine, config))]))
    return Method(method, digest_of([source, _own_digest(method) or _all_it_is_given(machine, config)]))


def _built(target: type, machine: Machine, config: DenoiseConfig) -> Callable[[np.ndarray, int], np.ndarray]:
    try:
        return target(machine, config)
    except Exception as error:  # a user's class may raise anything
        if isinstance(error, DenoiseError) or config.method in BUILT_IN:
            raise
        raise DenoiseError(f"denoise_method {config.method}: expected it to be built for machine {machine.machine_type}, got {told(error)}. "
                           "Correct the method.") from error


def unet(machine: Machine, config: DenoiseConfig, checkpoint_path: Path, device: torch.device | str | None) -> Method:
    denoiser = unet_denoiser(machine, config, checkpoint_path, device)
    if config.domain == "waveform":
        return Method(denoiser, denoiser.digest, denoiser.wavs)
    return Method(log_mel := lambda array, sample_rate_hz: denoiser.log_mel(array), denoiser.digest, log_mel)


def unet_denoiser(machine: Machine, config: DenoiseConfig, checkpoint_path: Path, device: torch.device | str | None, strength: float = 1.0) -> Denoiser:
    """The trained U-Net's denoiser for this machine. Raises CheckpointError if its file is missing, damaged or made for something else."""
    checkpoint = Checkpoint.load(checkpoint_path)
    checkpoint.require(machine, config, checkpoint_path)
    if config.checkpoint:
        checkpoint = adapted(checkpoint, machine, device or "cpu")
    return Denoiser(checkpoint, device, strength=strength, config=config)


def identity(array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Hands the clip over as it is; the run must then equal the plain baseline's."""
    return array


class Filter:
    """A gain for every row and frame, from levels and noise statistics.

    The noise is measured on the recordings that ``denoise_noise_source`` names, else on each clip's quiet moments.

    Raises
    ------
    AudioError
        If a noise clip cannot be read or has another rate than the machine's clips.
    DataError
        If there should be noise clips and are none.
    """

    def __init__(self, machine: Machine, config: DenoiseConfig):
        _, sample_rate_hz = read_wav(machine.train_files[0])
        self.spectrogram = Spectrogram(machine.features, sample_rate_hz, config.domain)
        noise_db = [self.spectrogram.level_db(read_noise(file, self.spectrogram)).numpy() for file in noise_recordings(machine, config)]
        self.noise_db = np.concatenate(noise_db, axis=-1) if noise_db else None

    def __call__(self, array: np.ndarray, sample_rate_hz: int) -> np.ndarray:
        if self.spectrogram.domain == "mel":
            return array + self.gain_db(array, self._noise_of(array)).astype(array.dtype)
        wav = torch.from_numpy(array)
        spec = self.spectrogram.spec(wav)
        level_db = self.spectrogram.level_db(spec).numpy()
        mask = torch.from_numpy(10 ** (self.gain_db(level_db, self._noise_of(level_db)).astype(np.float32) / 20))
        return self.spectrogram.wav(spec * mask, len(wav)).numpy()

    def gain_db(self, level_db: np.ndarray, noise_db: np.ndarray) -> np.ndarray:
        """Gain for levels (rows, frames) given those of noise alone (rows, noise frames), all in dB -> (rows, frames) dB, at most 0."""
        raise NotImplementedError

    def smoothed(self, gain: np.ndarray) -> np.ndarray:
        """Mean over neighbouring frames, against musical noise; not over rows, which would wash out a machine's tonal lines."""
        frames = max(round(SMOOTHING_S * self.spectrogram.sample_rate_hz / self.spectrogram.features.hop_length), 1)
        return scipy.ndimage.uniform_filter1d(gain, frames, mode="nearest")

    def _noise_of(self, level_db: np.ndarray) -> np.ndarray:
        if self.noise_db is not None:
            return self.noise_db
        quiet = np.argsort(level_db.mean(axis=0))[: max(round(FLOOR_QUANTILE * level_db.shape[1]), 1)]
        return level_db[:, quiet]


class SpectralGate(Filter):
    """Lets through what rises 1.5 standard deviations above the noise in its row, and turns down the rest. Source: Sainburg 2020 (noisereduce, stationary)."""

    def gain_db(self, level_db, noise_db):
        threshold_db = noise_db.mean(axis=-1, keepdims=True) + GATE_DEVIATIONS * noise_db.std(axis=-1, keepdims=True)
        return LOWEST_GAIN_DB * (1 - self.smoothed((level_db > threshold_db).astype(np.float32)))


class Wiener(Filter):
    """Wiener gain 1 - noise power / power, with the power smoothed over frames. Source: Lim and Oppenheim 1979, eq. 20."""

    def gain_db(self, level_db, noise_db):
        noise_power = (10 ** (noise_db / 10)).mean(axis=-1, keepdims=True)
        gain = 1 - noise_power / self.smoothed(10 ** (level_db / 10))
        return 20 * np.log10(np.maximum(gain, 10 ** (LOWEST_GAIN_DB / 20)))


BUILT_IN = {"identity": identity, "spectral_gate": SpectralGate, "wiener": Wiener}


def find(name: str, first: Iterable[Path] = (), last: Iterable[Path] = ()) -> Any:
    """The class or function behind an entry point or ``package.module:function``, looked for in these folders before and after those on Python's path.

    Raises
    ------
    ConfigError
        If there is none.
    """
    found = [entry for entry in metadata.entry_points(group=ENTRY_POINTS) if entry.name == name]
    module_name, _, path = (found[0].value if found else name).partition(":")
    try:
        if not path:
            raise ImportError("no entry point has this name, and a path needs a colon")
        with _on_the_path(first, last):
            target = importlib.import_module(module_name)
        for attribute in path.split("."):
            target = getattr(target, attribute)
    except Exception as error:  # importing a user's module may raise anything
        raise ConfigError(f"denoise_method: expected a built-in method, an entry point or package.module:function, got {name!r} ({error}). "
                          "Correct the name or install its package.") from None
    if not callable(target):
        raise ConfigError(f"denoise_method: expected a function or class, got {type(target).__name__} {name!r}. Name something that can be called.")
    return target


@contextlib.contextmanager
def _on_the_path(first: Iterable[Path], last: Iterable[Path]) -> Iterator[None]:
    front, back = [str(folder) for folder in first], [str(folder) for folder in last if str(folder) not in sys.path]
    sys.path[:0] = front
    sys.path.extend(back)
    try:
        yield
    finally:
        for folder in front + back:  # one by one: what the module itself has put there stays
            sys.path.remove(folder)


def source_digest(target: Any) -> str:
    """Hex SHA-256 of the source that a user's function or class rests on, and of a ``digest`` of its own.

    Raises
    ------
    ConfigError
        If nothing tells the source of the callable and it has no digest of its own, or that is no text.
    """
    own = None if inspect.isclass(target) else _own_digest(target)
    code = inspect.unwrap(target)
    written = any(kind(code) for kind in (inspect.isclass, inspect.isfunction, inspect.ismethod, inspect.isbuiltin))
    sources = _source_files(inspect.getmodule(code)) if written else []
    if not sources and not own:
        raise ConfigError(f"denoise_method: expected a function or class that is written in a file, got {type(target).__name__} {target!r:.80}. "
                          "Wrap it in a function, or give it an attribute digest that changes with what it does.")
    contents = [(str(file.relative_to(folder)), file_digest(file)) for folder, file in sources]
    return digest_of([getattr(code, "__module__", ""), getattr(code, "__qualname__", ""), contents, own])


def _source_files(module: ModuleType | None) -> list[tuple[Path, Path]]:
    """(folder, file) of the code in `module` and what it may import of its author's: its top-level package or, of a module on its own, those beside it."""
    own = [file for file in [Path(getattr(module, "__file__", None) or "")] if file.is_file()]
    if module is None or module.__name__ == __name__:
        return [(file.parent, file) for file in own]
    folders, pattern = [Path(folder) for folder in getattr(sys.modules.get(module.__name__.partition(".")[0]), "__path__", ())], "**/*.py"
    if not folders:
        folders, pattern = [file.parent for file in own if not _is_installed(file)], "*.py"
    found = {file: folder for folder in folders for file in folder.glob(pattern) if file.is_file()}
    return sorted((folder, file) for file, folder in ({file: file.parent for file in own} | found).items())


def _is_installed(file: Path) -> bool:
    """Whether what lies beside `file` is other people's."""
    return any(file.is_relative_to(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib"))


def _own_digest(method: Any) -> str | None:
    """The ``digest`` that a user's method offers, None if it offers none. Raises ConfigError if that is no text."""
    own = getattr(method, "digest", None)
    if own is not None and not isinstance(own, str):
        raise ConfigError(f"denoise_method: expected a text as the method's own digest, got {type(own).__name__} in {method!r:.80}. Make it one.")
    return own


def _all_it_is_given(machine: Machine, config: DenoiseConfig) -> list[Any]:
    """Everything that a class can get at through what it is built with, the settings aside."""
    named = (Path(config.checkpoint),) if config.checkpoint and Path(config.checkpoint).is_file() else ()
    return [machine.training_digest(config), manifest(machine.other_files + own_noise(config) + named)]
