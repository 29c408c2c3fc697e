"""Where settings come from: presets, baseline.yaml, the command line; parsed and put together."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import read_mapping
from dcase_denoise_plugin.quoting import in_one_line, quoted, shortened
from dcase_denoise_plugin.settings.config import RECOMMENDED, DenoiseConfig, field_names
from dcase_denoise_plugin.settings.keys import PREFIX, check, described, option_name
from dcase_denoise_plugin.settings.values import BUILT_IN_METHODS


def split(
    assignments: Iterable[str], option: str = "--set", example: str = "epochs=2"
) -> Iterator[tuple[str, str]]:
    """Each key=value as (key, value), without dashes before the key. Raises ConfigError, naming the
    `option`, if there is no ``=`` or no key.
    """
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip("- "):
            raise ConfigError(
                f"{option}: expected key=value, got {quoted(assignment)}. Write it as {option}"
                f" {example}."
            )
        yield key.strip("- "), text


PRESET_VARIABLE = "DCASE_DENOISE_YAML"


def changed_keys(config: DenoiseConfig) -> dict[str, Any]:
    """The settings that differ from their preset's, under their YAML names."""
    of_preset = read_preset(config.preset or RECOMMENDED)
    fields = [
        field for field in dataclasses.fields(config) if field.name not in ("denoise", "preset")
    ]
    return {
        option_name(field): getattr(config, field.name)
        for field in fields
        if getattr(config, field.name) != of_preset.get(field.name, field.default)
    }


def parse_bool(text: Any) -> bool:
    """True or false from YAML or the command line. Raises ConfigError on anything else."""
    if isinstance(text, bool):
        return text
    if str(text).strip().lower() in ("true", "false"):
        return str(text).strip().lower() == "true"
    raise ConfigError(f"expected true or false, got {quoted(text)}. Write true or false.")


def parse_value(field: dataclasses.Field, text: Any) -> Any:
    """`text` (from YAML, a preset or the command line) as the field's type. Raises ConfigError
    naming the key.
    """
    key, kind = option_name(field), type(field.default)
    try:
        if kind is bool:
            return parse_bool(text)
        if isinstance(text, Mapping) and all(map(_is_scalar, text.values())):
            return ",".join(f"{name}={value}" for name, value in text.items())
        if not _is_scalar(text):
            raise TypeError
        if text is False and "off" in field.metadata["choices"]:
            return "off"  # which YAML 1.1 reads as false
        if kind is str:
            return "" if text is None or text == "None" else str(text)
        if kind is int and isinstance(text, float) and not text.is_integer():
            raise ValueError
        return kind(text)  # type: ignore[misc]
    except ConfigError as error:
        raise ConfigError(f"{key}: {error}") from None
    except (TypeError, ValueError, OverflowError):
        raise ConfigError(
            f"{key}: expected {described(field)}, got {quoted(text)}. Correct the value."
        ) from None


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def from_keys(keys: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Field values from a mapping of ``denoise…`` keys (leading dashes allowed), parsed. Raises
    ConfigError for an unknown key, naming the nearest.
    """
    known = field_names()
    values = {}
    for key, text in keys.items():
        name = str(key).lstrip("-")
        if name not in known:
            name = shortened(in_one_line(name))
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]}?" if near else f"Known keys: {', '.join(known)}."
            raise ConfigError(
                f"{name}: expected a known denoise key, got an unknown one in {where}. {hint}"
            )
        values[known[name].name] = parse_value(known[name], text)
    return values


def resolve(given: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> DenoiseConfig:
    """The configuration: `given` field values over their preset, over the defaults.

    `given` are those of baseline.yaml and of the command line. `RECOMMENDED` is the preset where
    none is named. A method of the user's works in the domain that `given` or a preset file of the
    user's names, else in the one that it states itself.
    """
    preset = given.get("preset") or environment.get(PRESET_VARIABLE) or RECOMMENDED
    values = {**read_preset(preset), **given, "preset": preset}
    said = "domain" in given or (is_file(preset) and "domain" in values)
    if values.get("method", "unet") not in BUILT_IN_METHODS and not said:
        values["domain"] = "method"
    return DenoiseConfig(**values)


def is_file(preset: str) -> bool:
    """Whether a preset is named by its file."""
    return Path(preset).suffix in (".yaml", ".yml")


def read_preset(preset: str) -> dict[str, Any]:
    """Field values of a preset, by name from the package or by path. Raises ConfigError if there is
    none or it is not a mapping of denoise keys.
    """
    path = preset_path(preset)
    content = read_mapping(path, ConfigError, "denoise_preset")
    return from_keys(
        {key: value for key, value in content.items() if str(key).lstrip("-").startswith(PREFIX)},
        str(path),
    )


def preset_path(preset: str) -> Any:
    """Where `preset` lies: a file as it is, else a preset of the package."""
    if is_file(preset):
        return Path(preset)
    packaged = resources.files("dcase_denoise_plugin.presets")
    names = sorted(
        Path(entry.name).stem for entry in packaged.iterdir() if entry.name.endswith(".yaml")
    )
    if preset not in names:
        raise ConfigError(
            f"denoise_preset: expected one of {', '.join(names)} or the path of a .yaml file, got"
            f" {quoted(preset)}. Correct the name."
        )
    return packaged / f"{preset}.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds every key as an option; one that is not given leaves no attribute, so that defaults stay
    the dataclass's business.
    """
    group = parser.add_argument_group("denoising stage")
    for key, field in field_names().items():
        default = f"(default: {field.default})" if field.default != "" else ""
        unit = f"[{field.metadata['unit']}]" if field.metadata["unit"] else ""
        group.add_argument(
            f"--{key}",
            type=_argparse_type(field),
            default=argparse.SUPPRESS,
            metavar=type(field.default).__name__.upper(),
            help=" ".join(filter(None, (field.metadata["help"], unit, default))).replace("%", "%%"),
        )


def _argparse_type(field: dataclasses.Field) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = parse_value(field, text)
            check(field, value)
            return value
        except ConfigError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse
