"""The wrappers around the baseline's YAML file and its parser: both know the denoise keys."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from baseline_patches.originals import Function, check_seams, stops_the_run
from dcase_denoise_plugin.names import DENOISED_SUFFIX, refuse_outside, refuse_pattern
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.settings.keys import PREFIX

_NOT_GIVEN: Any = object()


def wrap_yaml_load(original: Function) -> Function:
    @functools.wraps(original)
    @stops_the_run
    def yaml_load() -> dict[str, Any]:
        """The baseline's settings, with every denoise key checked and spelled as a command-line
        option.
        """
        settings: dict[str, Any] = {}
        denoise_keys: dict[str, Any] = {}
        for key, value in original().items():
            (denoise_keys if str(key).lstrip("-").startswith(PREFIX) else settings)[key] = value
        options = {field.name: f"--{key}" for key, field in configuration.field_names().items()}
        # An empty value stays: it takes back what the preset says.
        return settings | {
            options[name]: value
            for name, value in sources.from_keys(denoise_keys, "baseline.yaml").items()
        }

    return yaml_load


def wrap_get_argparse(original: Function) -> Function:
    @functools.wraps(original)
    def get_argparse() -> argparse.ArgumentParser:
        """The baseline's parser with the denoise options added."""
        parser = original()
        sources.add_arguments(parser)
        parser.parse_args = _SettlingParser(parser.parse_args)
        return parser

    return get_argparse


class _SettlingParser:
    """A parser's `parse_args` that settles the configuration too: defaults < preset < YAML <
    command line.

    The baseline calls it twice, with its YAML's list and then with the command line over the same
    namespace. What each call gave is kept, the later one's in front, and everything else is derived
    anew. An ``export_dir`` of the command line stays as it is; the YAML's gets the suffix of
    denoised runs.
    """

    def __init__(self, parse_args: Function):
        self._parse_args = parse_args
        self._given: dict[str, object] = {}  # field → value
        self._yaml_export_dir = _NOT_GIVEN

    @stops_the_run
    def __call__(self, args: Any = None, namespace: Any = None) -> Any:
        _refuse_unknown_options(sys.argv[1:] if args is None else args)
        if namespace is not None:
            self._take_back_yaml(namespace)
        namespace = self._parse_args(args, namespace)
        for key, field in configuration.field_names().items():
            if hasattr(namespace, key):
                self._given[field.name] = getattr(namespace, key)
        settled = sources.resolve(self._given)
        if namespace.export_dir is _NOT_GIVEN:
            namespace.export_dir = self._yaml_export_dir + (
                DENOISED_SUFFIX if settled.denoise else ""
            )
        for key, value in settled.as_keys().items():
            setattr(namespace, key, value)
        if settled.denoise and args is None:
            check_seams()
            refuse_outside(vars(namespace))
            refuse_pattern(Path())
        return namespace

    def _take_back_yaml(self, namespace: Any) -> None:
        """Leaves in `namespace` nothing of ours, so that what is there after the command line was
        parsed came from it.
        """
        if self._yaml_export_dir is _NOT_GIVEN:
            self._yaml_export_dir = getattr(namespace, "export_dir", "")
        namespace.export_dir = _NOT_GIVEN
        for key in configuration.field_names():
            vars(namespace).pop(key, None)


def _refuse_unknown_options(words: Iterable[Any]) -> None:
    # argparse takes unambiguous beginnings of an option; what begins no option at all gets an error
    # with the nearest key instead of argparse's bare refusal.
    options = [f"--{key}" for key in configuration.field_names()]
    for word in (str(word).partition("=")[0] for word in words):
        if word.startswith(f"--{PREFIX}") and not any(
            option.startswith(word) for option in options
        ):
            sources.from_keys({word: ""}, "the command line")
