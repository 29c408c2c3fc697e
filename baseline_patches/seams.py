"""The wrappers around the baseline's seams: YAML and argparse, data-loader context, feature cache,
`file_list_to_data`, `file_load`, `file_to_vectors`.

With the flag off every wrapper passes straight through. With the flag on, anything that would make
the comparison a lie stops the run with one line and exit code 2; it leaves as SystemExit because
the baseline catches Exception around its data loading.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import TYPE_CHECKING, Any

from baseline_patches import baselines
from dcase_denoise_plugin.errors import BaselineError, DataError, DenoiseError, error_line
from dcase_denoise_plugin.names import DENOISED_SUFFIX
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.settings.keys import PREFIX

if TYPE_CHECKING:
    from baseline_patches.denoised_run import DenoisedRun

Function = Callable[..., Any]
_NOT_GIVEN: Any = object()
REMEDY = f"Use a supported baseline ({', '.join(baselines.FINGERPRINTS)}) or set denoise: false."

_originals: dict[str, Function] = {}  # seam → the baseline's own function
_run: DenoisedRun | None = None  # that is loading its data


def patch(module: ModuleType) -> None:
    """Wraps the seams that live in `module`; one that is missing is reported by `check_seams`, when
    a run needs it.
    """
    for seam in baselines.SEAMS:
        if seam.partition(":")[0] == module.__name__:
            with contextlib.suppress(AttributeError):
                owner, name = baselines.resolve(seam, {module.__name__: module})
                _originals[seam] = getattr(owner, name)
                setattr(owner, name, WRAPPERS[seam](_originals[seam]))


def unpatch() -> None:
    """Gives every wrapped seam its original back."""
    for seam in list(_originals):
        original = _originals.pop(seam)
        with contextlib.suppress(KeyError, AttributeError):
            owner, name = baselines.resolve(seam, sys.modules)
            if getattr(getattr(owner, name), "__wrapped__", None) is original:
                setattr(owner, name, original)


def check_seams() -> dict:
    """Family, fingerprints and warning of the baseline in memory, for the receipt.

    Raises
    ------
    BaselineError
        If a seam is missing, or lacks a parameter that the stage relies on.
    """
    found = {}
    for seam in (*baselines.SEAMS, *baselines.WATCHED):
        try:
            function = _originals.get(seam) or getattr(*baselines.resolve(seam, sys.modules))
        except (KeyError, AttributeError):
            raise BaselineError(
                f"baseline: expected {seam.replace(':', '.')}, got a baseline without it in"
                f" {os.getcwd()}. {REMEDY}"
            ) from None
        lacking = set(baselines.SEAMS.get(seam, ())) - set(inspect.signature(function).parameters)
        if lacking:
            raise BaselineError(
                f"baseline: expected {seam.replace(':', '.')} to take {', '.join(sorted(lacking))},"
                f" got a changed one in {os.getcwd()}. {REMEDY}"
            )
        found[seam] = baselines.fingerprint(function)
    family = baselines.family_of(found)
    warning = (
        None
        if family
        else "unknown baseline source whose signatures fit: the plugin was not tested on it"
    )
    return {"family": family, "warning": warning, "fingerprints": found}


def _stops_the_run(function: Function) -> Function:
    """Turns the plugin's errors into one line on stderr and exit code 2."""

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except DenoiseError as error:
            if error.__cause__:  # of a user's method, say: one line does not find a bug in it
                traceback.print_exception(error.__cause__)
            print(error_line(error), file=sys.stderr, flush=True)
            raise SystemExit(2) from error

    return wrapper


def _wrap_yaml_load(original: Function) -> Function:
    @functools.wraps(original)
    @_stops_the_run
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


def _wrap_get_argparse(original: Function) -> Function:
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

    @_stops_the_run
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


def _wrap_data_set(original: Function) -> Function:
    @functools.wraps(original)
    @_stops_the_run
    def __init__(self: Any, args: Any) -> Any:
        """The baseline's data set, loaded through the stage when the flag is on."""
        global _run
        from baseline_patches.denoised_run import DenoisedRun
        from baseline_patches.run_files import refuse_denoised_model

        if not getattr(args, PREFIX, False):
            refuse_denoised_model(args)
            return original(self, args)
        _run = DenoisedRun(args, check_seams())
        try:
            original(self, args)
            _run.write_receipt()
        except FileNotFoundError:
            raise  # a machine type without data, which the baseline's scripts pass over
        except OSError as error:
            raise DataError(
                "denoised run: expected to read and write its files, got"
                f" {' '.join(str(error).split())} in {os.getcwd()}. Free space or correct path and"
                " rights, then run the same command again."
            ) from None
        finally:
            _run = None

    return __init__


def _wrap_load_pre_process(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def load_pre_process(self: Any, *args: Any, **kwargs: Any) -> Any:
        """One split's features: from the cache folder of this very stage, or built clip by clip
        through it.
        """
        if _run is None:
            return original(self, *args, **kwargs)
        settings = signature.bind(self, *args, **kwargs).arguments
        settings.pop("self")
        return _run.load_split(functools.partial(original, self), self, settings)

    return load_pre_process


def _wrap_file_list_to_data(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def file_list_to_data(*args: Any, **kwargs: Any) -> Any:
        """The vectors of a list of clips; the stage sees which will be asked for, and reads
        ahead.
        """
        if _run is None:
            return original(*args, **kwargs)
        _run.expect(signature.bind(*args, **kwargs).arguments["file_list"])
        return original(*args, **kwargs)

    return file_list_to_data


def _wrap_file_load(original: Function) -> Function:
    @functools.wraps(original)
    def file_load(wav_name: Any, *args: Any, **kwargs: Any) -> Any:
        """One clip as the baseline reads it, after the stage if that works on waveforms."""
        if _run is None:
            return original(wav_name, *args, **kwargs)
        return _run.load_clip(wav_name, lambda path: original(path, *args, **kwargs))

    return file_load


def _wrap_file_to_vectors(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def file_to_vectors(*args: Any, **kwargs: Any) -> Any:
        """One clip's feature vectors, after the stage if that works on log-mel spectrograms."""
        if _run is None:
            return original(*args, **kwargs)
        settings = signature.bind(*args, **kwargs)
        settings.apply_defaults()
        return _run.vectors(
            str(settings.arguments["file_name"]),
            lambda path: original(**{**settings.arguments, "file_name": path}),
            settings.arguments,
        )

    return file_to_vectors


WRAPPERS = {
    "common:yaml_load": _wrap_yaml_load,
    "common:get_argparse": _wrap_get_argparse,
    "datasets.datasets:DCASE202XT2.__init__": _wrap_data_set,
    "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process": _wrap_load_pre_process,
    "datasets.dcase_dcase202x_t2_loader:file_list_to_data": _wrap_file_list_to_data,
    "datasets.loader_common:file_load": _wrap_file_load,
    "datasets.loader_common:file_to_vectors": _wrap_file_to_vectors,
}
