"""Every ``denoise_*`` key: default, unit, range and meaning, in one frozen dataclass.

The YAML key and the command-line option of a field is ``denoise_<field>`` (``denoise`` itself for
the switch). The baseline's own keys (STFT and mel, seed, CUDA switch, data folder) are not repeated
here. They arrive as `FeatureSettings` and `Machine`. Standard library and PyYAML only: the hook
reads this file before the baseline has imported anything heavy.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.settings.keys import check, declared, option_name
from dcase_denoise_plugin.settings.values import (
    BUILT_IN_METHODS,
    DOMAINS,
    NOISE_SOURCES,
    OUTPUTS,
    PAIRINGS,
    check_clip_level,
    check_image_size,
    check_machine_epochs,
    check_method,
    check_noise_source,
    machine_epochs,
)

RECOMMENDED = "recommended"  # the preset where nobody names one


@dataclasses.dataclass(frozen=True)
class DenoiseConfig:
    """Settings of the denoising stage; construction checks every value. The defaults belong to no
    preset: each preset says all of its keys.

    Raises
    ------
    ConfigError
        If a value has the wrong type, is not among the choices or is out of range.
    """

    denoise: bool = declared(False, "Put the denoising stage into the baseline's data loader.")
    preset: str = declared(
        "",
        "Preset to start from: denoise, recommended, waveform, or a YAML file.",
        shapes="nothing",
    )
    method: str = declared(
        "unet",
        f"Denoiser: {', '.join(BUILT_IN_METHODS)}, an entry point, or your own"
        " package.module:function. A method of your own is code that runs.",
    )
    domain: str = declared(
        "mel",
        "What is denoised: mel (log-mel spectrogram), waveform (a mask on the STFT, noisy phase),"
        " or method: what a method of your own states by its attribute domain.",
        choices=DOMAINS,
        shapes="weights",
    )
    strength: float = declared(
        1.0, "alpha in y = x - alpha * (x - f(x)). 0 hands over the clip untouched.", low=0, high=1
    )
    output: str = declared(
        "clip_spectrum",
        "Handed over is every frame as the U-Net cleans it, the clip's spectrum with its"
        " fluctuation, or (steady_machine, in pauses) the clip under that spectrum's Wiener gain.",
        choices=OUTPUTS,
    )
    fluctuation: float = declared(
        0.5,
        "Share that stays of a clip's fluctuation in time. For denoise_output clip_spectrum where"
        " denoise_clip_level lies below 0.5; elsewhere all of it stays.",
        low=0,
        high=1,
    )
    clip_level: str = declared(
        "auto",
        "A clip's spectrum, band by band: its mean over time, a quantile of it (0 to 1), or auto:"
        " the quantile at which recordings show the machine best, if by 1 dB, else the mean.",
        shapes="weights",
    )
    network: str = declared(
        "auto",
        "U-Net. auto: where no quantile is taken, and noise recordings are at most 3 dB softer than"
        " the clips and vary by at least 6 dB. always: in any noise, guessed or not.",
        choices=("auto", "always"),
        shapes="weights",
    )
    far_microphone: str = declared(
        "auto",
        "The clips' second channel. auto: the reference of the noise, in place of the U-Net, where"
        " training clips tell that it helps. off: the near channel alone.",
        choices=("auto", "off"),
        shapes="weights",
    )
    image_size: int = declared(
        0,
        "Side of the square spectrogram image the U-Net sees. 0 keeps the native size.",
        unit="pixels",
        low=0,
        high=1024,
        shapes="weights",
    )
    width: int = declared(
        8,
        "Channels of the U-Net's first level, doubled per level up to eight times.",
        unit="channels",
        low=1,
        high=256,
        shapes="weights",
    )
    depth: int = declared(
        4,
        "Number of times the U-Net halves the image.",
        unit="levels",
        low=1,
        high=7,
        shapes="weights",
    )
    pairs_per_clip: int = declared(
        2,
        "Training pairs drawn from each clip in an epoch.",
        unit="pairs",
        low=1,
        high=1000,
        shapes="weights",
    )
    noisy_pair_share: float = declared(
        1.0,
        "Share of noisy-to-noisy pairs; the rest are original-to-original.",
        low=0,
        high=1,
        shapes="weights",
    )
    pairing: str = declared(
        "to_original",
        "A noisy pair: a clip under two noise draws, a clip under noise and itself, or two clips."
        " to_original also varies level and frequency response, both sides alike.",
        choices=PAIRINGS,
        shapes="weights",
    )
    noise_source: str = declared(
        "auto",
        f"Where the added noise comes from: {', '.join(NOISE_SOURCES)}, or a folder of your own"
        " recordings (a path with a /). auto: supplemental noise clips, else the clip's own floor.",
        shapes="weights",
    )
    snr_db_min: float = declared(
        -10.0,
        "Lowest level of a clip above its added noise.",
        unit="dB",
        low=-60,
        high=60,
        shapes="weights",
    )
    snr_db_max: float = declared(
        5.0,
        "Highest level of a clip above its added noise.",
        unit="dB",
        low=-60,
        high=60,
        shapes="weights",
    )
    batch_size: int = declared(
        8, "Training pairs in a batch.", unit="pairs", low=1, high=4096, shapes="weights"
    )
    epochs: int = declared(
        5, "Epochs of the U-Net; 0: no U-Net.", unit="epochs", low=0, high=10**5, shapes="weights"
    )
    machine_epochs: str = declared(
        "",
        "Epochs of single machine types, as slider=65,fan=80. Marked in the report.",
        shapes="weights",
    )
    learning_rate: float = declared(
        1e-3,
        "Peak learning rate of Adam, cosine-annealed to zero.",
        low=1e-8,
        high=1,
        shapes="weights",
    )
    checkpoint: str = declared(
        "", "A trained denoiser to use instead of training one for the machine.", shapes="weights"
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            check(field, getattr(self, field.name))
        if self.snr_db_min > self.snr_db_max:
            raise ConfigError(
                f"denoise_snr_db_min: expected at most denoise_snr_db_max ({self.snr_db_max:g} dB),"
                f" got {self.snr_db_min:g}. Swap or widen the range."
            )
        check_image_size(self.image_size, self.depth)
        check_method(self.method, self.domain)
        check_machine_epochs(self.machine_epochs, self.epochs)
        check_clip_level(self.clip_level)
        check_noise_source(self.noise_source)

    @property
    def fixed_quantile(self) -> float | None:
        """The quantile that `clip_level` names; None for mean and where it is looked for."""
        return None if self.clip_level in ("mean", "auto") else float(self.clip_level)

    def epochs_of(self, machine_type: str) -> int:
        """Epochs for `machine_type`: its own from `machine_epochs`, else `epochs`."""
        return dict(machine_epochs(self.machine_epochs)).get(machine_type, self.epochs)

    @property
    def per_machine_settings(self) -> tuple[str, ...]:
        """Settings that break the one rule for all machine types, for receipts and reports."""
        return tuple(filter(None, self.machine_epochs.replace(" ", "").split(",")))

    def as_keys(self) -> dict[str, Any]:
        """All settings under their YAML names (``denoise``, ``denoise_method`` …)."""
        return {option_name(field): getattr(self, field.name) for field in dataclasses.fields(self)}

    def with_output_of(self, other: DenoiseConfig) -> DenoiseConfig:
        """These settings, but what is made of the U-Net's prediction as in `other`."""
        return dataclasses.replace(self, **other._shaping("output"))

    def for_any_output(self) -> DenoiseConfig:
        """What shapes the weights alone: the same for all runs that share a denoiser."""
        return DenoiseConfig(**self._shaping("weights"))

    def digest(self) -> str:
        """Hex digest of all that shapes what the stage hands over: for caches and receipts."""
        return digest_of(self._shaping("weights", "output"))

    def weights_digest(self) -> str:
        """Hex digest of all that shapes the weights: a new strength needs no new training."""
        return digest_of(self._shaping("weights"))

    def _shaping(self, *kinds: str) -> dict[str, Any]:
        fields = (field for field in dataclasses.fields(self) if field.metadata["shapes"] in kinds)
        return {field.name: getattr(self, field.name) for field in fields}


def field_names() -> dict[str, dataclasses.Field]:
    """Fields by their YAML key."""
    return {option_name(field): field for field in dataclasses.fields(DenoiseConfig)}


def keys_that_shape_nothing() -> frozenset[str]:
    """The YAML keys that leave every result what it is."""
    named = field_names().items()
    return frozenset(key for key, field in named if field.metadata["shapes"] == "nothing")
