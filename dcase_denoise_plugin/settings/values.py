"""What single keys may hold, where a range or a list of choices does not say it all."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.quoting import quoted

BUILT_IN_METHODS = ("unet", "identity", "spectral_gate", "wiener", "far_subtraction")
DOMAINS = ("waveform", "mel", "method")
OUTPUTS = ("frames", "clip_spectrum", "steady_machine")
PAIRINGS = ("two_draws", "to_original", "different_clips")
NOISE_SOURCES = ("auto", "supplemental", "floor", "coloured", "other_machines")
METHOD_NAME = re.compile(r"[\w.:-]*[^\W_][\w.:-]*")  # an entry point or package.module:function
# Below it the deepest level is one pixel, which batch normalisation cannot work on.
SMALLEST_IMAGE = 16


def check_image_size(image_size: int, depth: int) -> None:
    """Raises ConfigError if the U-Net cannot halve such an image `depth` times."""
    side = 2**depth
    least = max(SMALLEST_IMAGE, 2 * side)
    if image_size and (image_size % side or image_size < least):
        raise ConfigError(
            f"denoise_image_size: expected 0 or a multiple of 2**denoise_depth ({side}) from"
            f" {least} on, got {image_size}. Choose another size or depth."
        )


def check_method(method: str, domain: str) -> None:
    """Raises ConfigError if `method` is no name, or a built-in one is to state its domain."""
    if method not in BUILT_IN_METHODS and not METHOD_NAME.fullmatch(method):
        raise ConfigError(
            f"denoise_method: expected one of {', '.join(BUILT_IN_METHODS)}, an entry point or"
            f" package.module:function, got {quoted(method)}. Correct the name."
        )
    if method in BUILT_IN_METHODS and domain == "method":
        raise ConfigError(
            f"denoise_domain: expected waveform or mel for {method}, which works on either, got"
            " method. Name one of the two."
        )


def machine_epochs(text: str) -> Iterator[tuple[str, int]]:
    """(machine type, epochs) of each entry, as in ``slider=65,fan=80``; see the check below."""
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = entry.partition("=")
        yield name.strip(), int(count)


def check_machine_epochs(text: str, epochs: int) -> None:
    """Raises ConfigError if an entry is not machine=epochs, or `epochs` is 0 beside one."""
    if text and not epochs:
        raise ConfigError(
            f"denoise_machine_epochs: expected nothing beside denoise_epochs 0, got {quoted(text)}."
            " Raise denoise_epochs, or leave the machines out."
        )
    for entry in filter(None, (part.strip() for part in text.split(","))):
        count = entry.partition("=")[2]
        if not re.fullmatch(r"0*[1-9][0-9]{,8}", count):
            raise ConfigError(
                "denoise_machine_epochs: expected machine=epochs pairs such as slider=65,fan=80,"
                f" got {quoted(entry)}. Correct the entry."
            )


def check_clip_level(clip_level: str) -> None:
    """Raises ConfigError if it is neither a word nor a quantile."""
    if clip_level in ("mean", "auto"):
        return
    try:
        quantile = float(clip_level)
    except ValueError:
        quantile = -1.0
    if not 0 <= quantile <= 1:
        raise ConfigError(
            "denoise_clip_level: expected mean, auto or a number from 0 to 1, got"
            f" {quoted(clip_level)}. Correct the value."
        )


def is_folder(noise_source: str) -> bool:
    """Whether this ``denoise_noise_source`` is a folder of the user's, not a name."""
    return "/" in noise_source or noise_source in (".", "..", "~")


def check_noise_source(noise_source: str) -> None:
    """Raises ConfigError if it is neither a name nor a path."""
    if noise_source not in NOISE_SOURCES and not is_folder(noise_source):
        raise ConfigError(
            f"denoise_noise_source: expected one of {', '.join(NOISE_SOURCES)}, or the path of a"
            f" folder, got {quoted(noise_source)}. Correct the name, or write a folder with a /, as"
            f" ./{noise_source}."
        )
