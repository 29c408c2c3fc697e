"""Every ``denoise_*`` key: default, unit, range and reason, in one frozen dataclass.

The YAML key and the command-line option of a field is ``denoise_<field>`` (``denoise`` itself for
the switch). Settings that the baseline has keys for (STFT and mel, seed, CUDA switch, data folder)
are not repeated here; they arrive as `FeatureSettings` and `Machine`. Standard library and PyYAML
only: the hook reads this file before the baseline has imported anything heavy.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import digest_of

PREFIX = "denoise"
RECOMMENDED = "recommended"  # the preset where nobody names one; the defaults below are its values
BUILT_IN_METHODS = ("unet", "identity", "spectral_gate", "wiener")
METHOD_NAME = re.compile(r"[\w.:-]*[^\W_][\w.:-]*")  # of an entry point or package.module:function
# below it the SSIM window no longer fits, and the deepest level is one pixel that batch
# normalisation cannot work on
SMALLEST_IMAGE = 16
NOISE_SOURCES = ("auto", "supplemental", "floor", "coloured", "other_machines", "folder")
OUTPUTS = ("frames", "clip_spectrum", "steady_machine")
PAIRINGS = ("two_draws", "to_original", "different_clips")


def _key(default, help, *, unit="", choices=None, low=None, high=None, shapes="output"):
    """One key. `shapes` says what a change of it invalidates: "weights" (and so all), "output"
    (features, not weights) or "nothing".
    """
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "unit": unit,
            "choices": choices,
            "low": low,
            "high": high,
            "shapes": shapes,
        },
    )


@dataclasses.dataclass(frozen=True)
class DenoiseConfig:
    """Settings of the denoising stage; construction checks every value.

    Raises
    ------
    ConfigError
        If a value has the wrong type, is not among the choices or is out of range.
    """

    denoise: bool = _key(False, "put the denoising stage into the baseline's data loader")
    preset: str = _key(
        "",
        "preset to start from: a name from the package (denoise, recommended, waveform, demo) or a"
        " YAML file",
        shapes="nothing",
    )
    method: str = _key(
        "unet",
        f"denoiser: {', '.join(BUILT_IN_METHODS)}, an entry point, or your own"
        " package.module:function",
    )
    domain: str = _key(
        "mel",
        "what is denoised: the waveform (mask on the STFT, noisy phase) or the log-mel spectrogram",
        choices=("waveform", "mel"),
        shapes="weights",
    )
    strength: float = _key(
        1.0,
        "alpha in y = x - alpha * (x - f(x)); 0 hands over the clip untouched",
        low=0.0,
        high=1.0,
    )
    output: str = _key(
        "clip_spectrum",
        "what the U-Net decides: every frame, the clip's spectrum alone, or that spectrum as the"
        " machine's in a Wiener gain, where denoise_clip_level lies below 0.5, every frame"
        " elsewhere",
        choices=OUTPUTS,
    )
    fluctuation: float = _key(
        0.5,
        "share that stays of a clip's fluctuation in time; for denoise_output clip_spectrum where "
        "denoise_clip_level lies below 0.5, all of it elsewhere",
        low=0.0,
        high=1.0,
    )
    clip_level: str = _key(
        "auto",
        "what a clip's spectrum is, band by band: its mean over time, a quantile of it (0 … 1), or"
        " auto: the quantile at which the machine stands out above the noise recordings or, where"
        " there are recordings of the machine alone instead, at which noise raises it least; the"
        " mean where there are neither or no quantile is better by 1 dB; surest is auto however"
        " little the machine stands out",
        shapes="weights",
    )
    guessed_noise_share: float = _key(
        0.0,
        "share of what the stage takes away that is taken where no recording tells what the noise"
        " in the clips is like (there is none, or supplemental noise is louder than the clips); of"
        " the U-Net's part alone where recordings of the machine alone told denoise_clip_level",
        low=0.0,
        high=1.0,
    )
    anomaly_guard: bool = _key(
        True,
        "where denoise_clip_level lies below 0.5, hold what the U-Net takes out of each band of a"
        " clip's spectrum within what it takes out of the middle nine tenths of the training clips"
        " of either domain, so that it does not take an anomaly for noise",
    )
    image_size: int = _key(
        0,
        "side of the square spectrogram image the U-Net sees; 0 keeps the native size",
        unit="pixels",
        low=0,
        high=1024,
        shapes="weights",
    )
    width: int = _key(
        8,
        "channels of the U-Net's first level, doubled per level up to eight times",
        unit="channels",
        low=1,
        high=256,
        shapes="weights",
    )
    depth: int = _key(
        4,
        "number of times the U-Net halves the image",
        unit="levels",
        low=1,
        high=7,
        shapes="weights",
    )
    norm: str = _key(
        "batch",
        "normalisation inside the U-Net",
        choices=("batch", "instance", "group", "none"),
        shapes="weights",
    )
    loss: str = _key(
        "mse",
        "reconstruction loss on the scaled image",
        choices=("mse", "l1", "mse+ssim+l1"),
        shapes="weights",
    )
    pairs_per_clip: int = _key(
        2,
        "training pairs drawn from each clip in an epoch",
        unit="pairs",
        low=1,
        high=1000,
        shapes="weights",
    )
    noisy_pair_share: float = _key(
        1.0,
        "share of noisy-to-noisy pairs; the rest are original-to-original",
        low=0.0,
        high=1.0,
        shapes="weights",
    )
    pairing: str = _key(
        "to_original",
        "sides of a noisy pair: a clip under two noise draws, a clip under noise and itself, or two"
        " clips",
        choices=PAIRINGS,
        shapes="weights",
    )
    noise_source: str = _key(
        "auto",
        "where the added noise comes from, and what wiener and spectral_gate measure; auto takes"
        " denoise_noise_folder if it is set, else supplemental noise clips if there are any, else"
        " the clip's own noise floor",
        choices=NOISE_SOURCES,
        shapes="weights",
    )
    noise_folder: str = _key(
        "",
        "folder of noise recordings of your own (*.wav, 1 s or longer, the clips' sample rate)",
        shapes="weights",
    )
    snr_db_min: float = _key(
        -10.0,
        "lowest level of a clip above its added noise",
        unit="dB",
        low=-60.0,
        high=60.0,
        shapes="weights",
    )
    snr_db_max: float = _key(
        5.0,
        "highest level of a clip above its added noise",
        unit="dB",
        low=-60.0,
        high=60.0,
        shapes="weights",
    )
    level_match: bool = _key(
        True,
        "bring both sides of a noisy pair back to the clip's level, so that the network sees levels"
        " it will meet, and learns to take the noise's share away",
        shapes="weights",
    )
    level_jitter_db: float = _key(
        5.0,
        "largest change of level that both sides of a pair get together",
        unit="dB",
        low=0.0,
        high=30.0,
        shapes="weights",
    )
    response_jitter_db: float = _key(
        3.0,
        "standard deviation of a random smooth frequency response that both sides of a pair get"
        " together",
        unit="dB",
        low=0.0,
        high=30.0,
        shapes="weights",
    )
    batch_size: int = _key(
        8, "training pairs in a batch", unit="pairs", low=1, high=4096, shapes="weights"
    )
    epochs: int = _key(5, "training epochs", unit="epochs", low=1, high=100000, shapes="weights")
    machine_epochs: str = _key(
        "",
        "epochs of single machine types, as slider=65,fan=80; breaks the one rule for all and is"
        " marked in the report",
        shapes="weights",
    )
    stopping: str = _key(
        "none",
        "which epoch's weights are kept: the last one's (none), those at which known detail in"
        " held-out clips survives best against known noise that goes (balance), or at which most"
        " noise goes of those that keep nine tenths of the detail (guard)",
        choices=("none", "balance", "guard"),
        shapes="weights",
    )
    learning_rate: float = _key(
        1e-3,
        "peak learning rate of Adam, cosine-annealed to zero",
        low=1e-8,
        high=1.0,
        shapes="weights",
    )
    checkpoint: str = _key(
        "",
        "a trained denoiser to use instead of training one for the machine; its quantile, and"
        " whether it knew the noise, come with it",
        shapes="weights",
    )
    mixed_precision: bool = _key(
        True,
        "bfloat16 autocast while training on CUDA; the CPU always trains in float32",
        shapes="weights",
    )
    threads: int = _key(
        0,
        "CPU threads of the training; 0 leaves PyTorch's choice (denoising a clip takes one, which"
        " was the fastest)",
        unit="threads",
        low=0,
        high=1024,
        shapes="nothing",
    )

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))
        self._check_snr_range()
        self._check_noise_folder()
        self._check_image_size()
        self._check_method()
        self._check_machine_epochs()
        self._check_clip_level()

    def _check_snr_range(self):
        if self.snr_db_min > self.snr_db_max:
            raise ConfigError(
                f"denoise_snr_db_min: expected at most denoise_snr_db_max ({self.snr_db_max:g} dB),"
                f" got {self.snr_db_min:g}. Swap or widen the range."
            )

    def _check_noise_folder(self):
        if (self.noise_source == "folder") != bool(
            self.noise_folder
        ) and self.noise_source != "auto":
            raise ConfigError(
                "denoise_noise_folder: expected a folder with denoise_noise_source folder or auto,"
                f" and only then, got {self.noise_folder!r} with {self.noise_source}. Set both, or"
                " leave the folder out."
            )

    def _check_image_size(self):
        side = 2**self.depth
        if self.image_size and (
            self.image_size % side or self.image_size < max(SMALLEST_IMAGE, 2 * side)
        ):
            raise ConfigError(
                f"denoise_image_size: expected 0 or a multiple of 2**denoise_depth ({side}) from"
                f" {max(SMALLEST_IMAGE, 2 * side)} on, got {self.image_size}. Choose another size"
                " or depth."
            )

    def _check_method(self):
        if self.method not in BUILT_IN_METHODS and not METHOD_NAME.fullmatch(self.method):
            raise ConfigError(
                f"denoise_method: expected one of {', '.join(BUILT_IN_METHODS)}, an entry point or"
                f" package.module:function, got {self.method!r}. Correct the name."
            )

    def _check_machine_epochs(self):
        for entry, (_, count) in self._machine_epochs():
            if not count.isdigit() or int(count) < 1:
                raise ConfigError(
                    "denoise_machine_epochs: expected machine=epochs pairs such as"
                    f" slider=65,fan=80, got {entry!r}. Correct the entry."
                )

    def _check_clip_level(self):
        if self.clip_level == "mean" or self.looks_for_quantile:
            return
        try:
            quantile = float(self.clip_level)
        except ValueError:
            quantile = -1.0
        if not 0 <= quantile <= 1:
            raise ConfigError(
                "denoise_clip_level: expected mean, auto, surest or a number from 0 to 1, got"
                f" {self.clip_level!r}. Correct the value."
            )

    @property
    def looks_for_quantile(self) -> bool:
        """Whether recordings tell the quantile, where there are any."""
        return self.clip_level in ("auto", "surest")

    def was_told(self, quantile: float | None) -> bool:
        """Whether it was recordings that told this quantile over time, of a trained denoiser."""
        return self.looks_for_quantile and quantile is not None

    @property
    def fixed_quantile(self) -> float | None:
        """The quantile that `clip_level` names, None for mean and where it is looked for."""
        return (
            None if self.clip_level == "mean" or self.looks_for_quantile else float(self.clip_level)
        )

    def epochs_of(self, machine_type: str) -> int:
        """Epochs for `machine_type`: its own from `machine_epochs`, else `epochs`."""
        return {name: int(count) for _, (name, count) in self._machine_epochs()}.get(
            machine_type, self.epochs
        )

    def _machine_epochs(self) -> Iterator[tuple[str, tuple[str, str]]]:
        """Each entry of `machine_epochs`, and its machine type and number as they are written."""
        for entry in filter(None, (part.strip() for part in self.machine_epochs.split(","))):
            name, _, count = entry.partition("=")
            yield entry, (name.strip(), count)

    @property
    def per_machine_settings(self) -> tuple[str, ...]:
        """Settings that break the one rule for all machine types, for receipts and reports."""
        return tuple(filter(None, self.machine_epochs.replace(" ", "").split(",")))

    def as_keys(self) -> dict[str, Any]:
        """All settings under their YAML names (``denoise``, ``denoise_method`` …)."""
        return {option_name(field): getattr(self, field.name) for field in dataclasses.fields(self)}

    def changed_keys(self) -> dict[str, Any]:
        """The settings that differ from the default, under their YAML names."""
        return {
            option_name(field): getattr(self, field.name)
            for field in dataclasses.fields(self)
            if getattr(self, field.name) != field.default
        }

    def with_output_of(self, other: DenoiseConfig) -> DenoiseConfig:
        """These settings, but what is made of the U-Net's prediction (strength included) as in
        `other`.
        """
        return dataclasses.replace(self, **other._shaping("output"))

    def for_any_output(self) -> DenoiseConfig:
        """What shapes the weights alone, all else at its default: the same for all runs that share
        a denoiser.
        """
        return DenoiseConfig(**self._shaping("weights"))

    def digest(self) -> str:
        """Hex digest of everything that shapes what the stage hands over; the key for feature
        caches and receipts.
        """
        return self._digest_of("weights", "output")

    def weights_digest(self) -> str:
        """Hex digest of everything that shapes the trained weights, so that a new strength needs no
        new training.
        """
        return self._digest_of("weights")

    def _digest_of(self, *kinds: str) -> str:
        return digest_of(self._shaping(*kinds))

    def _shaping(self, *kinds: str) -> dict[str, Any]:
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["shapes"] in kinds
        }


def option_name(field: dataclasses.Field) -> str:
    """YAML key and command-line name of a field."""
    return PREFIX if field.name == PREFIX else f"{PREFIX}_{field.name}"


def keys_that_shape_nothing() -> frozenset[str]:
    """The YAML keys that leave every result what it is."""
    return frozenset(
        key for key, field in field_names().items() if field.metadata["shapes"] == "nothing"
    )


def field_names() -> dict[str, dataclasses.Field]:
    """Fields by their YAML key."""
    return {option_name(field): field for field in dataclasses.fields(DenoiseConfig)}


def _check(field, value):
    meta, kind = field.metadata, type(field.default)
    right_type = (
        isinstance(value, (int, float)) and not isinstance(value, bool)
        if kind is float
        else type(value) is kind
    )
    inside = right_type and not (
        meta["low"] is not None and not meta["low"] <= value <= meta["high"]
    )
    if not inside or (meta["choices"] and value not in meta["choices"]):
        raise ConfigError(
            f"{option_name(field)}: expected {_described(field)}, got {value!r}. Correct the value."
        )


def _described(field):
    meta = field.metadata
    if meta["choices"]:
        return f"one of {', '.join(meta['choices'])}"
    kind = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}[
        type(field.default)
    ]
    if meta["low"] is None:
        return kind
    return f"{kind} from {meta['low']:g} to {meta['high']:g}" + (
        f" {meta['unit']}" if meta["unit"] else ""
    )
