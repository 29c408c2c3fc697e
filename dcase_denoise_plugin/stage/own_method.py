"""A method of the user's: finding it, building it, and telling when what it does has changed. The
contract is in `methods`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from dcase_denoise_plugin.errors import ConfigError, DenoiseError, is_installed, one_line_with_place
from dcase_denoise_plugin.files import digest_of, file_digest
from dcase_denoise_plugin.quoting import quoted
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.sound.machine import Machine, manifest, own_noise

ENTRY_POINTS = (  # the group under which a user's package names its methods; part of the contract
    "dcase_denoise_plugin.methods"
)
BUILT_IN_MODULES = (
    "dcase_denoise_plugin.stage.methods",
    "dcase_denoise_plugin.stage.filters",
)  # each rests on its file alone, not on the whole package


def find(name: str, first: Iterable[Path] = (), last: Iterable[Path] = ()) -> Any:
    """The class or function behind an entry point or ``package.module:function``, looked for in
    these folders before and after those on Python's path.

    Raises
    ------
    ConfigError
        If there is none.
    """
    module_name, path = module_and_path(name)
    try:
        if not path:
            raise ImportError("no entry point has this name, and a path needs a colon")
        with on_the_path(first, last):
            target = importlib.import_module(module_name)
        for attribute in path.split("."):
            target = getattr(target, attribute)
    except (Exception, SystemExit) as error:  # importing a user's module may raise anything
        raise ConfigError(
            "denoise_method: expected a built-in method, an entry point or"
            f" package.module:function, got {quoted(name)} ({one_line_with_place(error)})."
            " Correct the name or install its package."
        ) from error
    if not callable(target):
        raise ConfigError(
            f"denoise_method: expected a function or class, got {type(target).__name__}"
            f" {quoted(name)}. Name something that can be called."
        )
    return target


def module_and_path(name: str) -> tuple[str, str]:
    """The module that an entry point or ``package.module:function`` leads to, and what is in it;
    nothing is imported.
    """
    found = [entry for entry in metadata.entry_points(group=ENTRY_POINTS) if entry.name == name]
    module, _, path = (found[0].value if found else name).partition(":")
    return module, path


@contextlib.contextmanager
def on_the_path(first: Iterable[Path], last: Iterable[Path]) -> Iterator[None]:
    """Meanwhile, Python finds modules in these folders too, before and after those on its path."""
    front, back = (
        [str(folder) for folder in first],
        [str(folder) for folder in last if str(folder) not in sys.path],
    )
    sys.path[:0] = front
    sys.path.extend(back)
    try:
        yield
    finally:
        for folder in front + back:  # one by one: what the module itself has put there stays
            sys.path.remove(folder)


def with_stated_domain(config: DenoiseConfig) -> DenoiseConfig:
    """The settings with the domain that a user's method states by its attribute ``domain``.

    Raises
    ------
    ConfigError
        If it states none, or another than "waveform" or "mel".
    """
    if config.domain != "method":
        return config
    stated = getattr(find(config.method), "domain", None)
    if stated not in ("waveform", "mel"):
        raise ConfigError(
            f"denoise_domain: expected waveform or mel, or {config.method} with an attribute domain"
            f" that is one of them, got {'none' if stated is None else repr(stated)}. Set"
            " denoise_domain, or give the method its domain."
        )
    return dataclasses.replace(config, domain=stated)


def source_digest(target: Any) -> str:
    """Hex SHA-256 of the source that a user's function or class rests on, and of a ``digest`` of
    its own.

    Raises
    ------
    ConfigError
        If nothing tells the source of the callable and it has no digest of its own, or that cannot
        be told.
    """
    own = own_digest(target)
    code = inspect.unwrap(target)
    written = any(
        kind(code)
        for kind in (inspect.isclass, inspect.isfunction, inspect.ismethod, inspect.isbuiltin)
    )
    sources = _source_files(inspect.getmodule(code)) if written else []
    if not sources and not own:
        raise ConfigError(
            "denoise_method: expected a function or class that is written in a file, got"
            f" {type(target).__name__} {target!r:.80}. Wrap it in a function, or give it an"
            " attribute digest that changes with what it does."
        )
    contents = [(str(file.relative_to(folder)), file_digest(file)) for folder, file in sources]
    return digest_of(
        [getattr(code, "__module__", ""), getattr(code, "__qualname__", ""), contents, own]
    )


def _source_files(module: ModuleType | None) -> list[tuple[Path, Path]]:
    """(folder, file) of the code in `module` and what it may import of its author's."""
    own = [file for file in [Path(getattr(module, "__file__", None) or "")] if file.is_file()]
    if module is None or module.__name__ in BUILT_IN_MODULES:
        return [(file.parent, file) for file in own]
    top = sys.modules.get(module.__name__.partition(".")[0])
    return code_files([Path(folder) for folder in getattr(top, "__path__", ())], own)


def code_files(packages: list[Path], own: list[Path]) -> list[tuple[Path, Path]]:
    """(folder, file) of the code in these folders of a top-level package or, of a module on its own
    in the file `own`, those beside it.
    """
    folders, pattern = packages, "**/*.py"
    if not folders:
        folders, pattern = [file.parent for file in own if not is_installed(file)], "*.py"
    found = {file: folder for folder in folders for file in folder.glob(pattern) if file.is_file()}
    return sorted(
        (folder, file) for file, folder in ({file: file.parent for file in own} | found).items()
    )


def own_digest(method: Any) -> str | None:
    """The ``digest`` that a user's function, class or instance offers; None if it offers none, as a
    class whose instances alone have one.

    Raises
    ------
    ConfigError
        If it is neither a text nor a function without arguments that returns one.
    """
    own = getattr(method, "digest", None)
    if own is None or (inspect.isclass(method) and not isinstance(own, str) and not callable(own)):
        return None  # a property, say, that instances fill
    try:
        own = own() if callable(own) else own
    except Exception as error:  # a user's function may raise anything
        raise ConfigError(
            "denoise_method: expected its digest to be a text or a function without arguments, got"
            f" {one_line_with_place(error)} in {method!r:.80}. Correct it."
        ) from error
    if not isinstance(own, str):
        raise ConfigError(
            f"denoise_method: expected a text as the method's own digest, got {type(own).__name__}"
            f" in {method!r:.80}. Make it one."
        )
    return own


def all_it_is_given(machine: Machine, config: DenoiseConfig) -> list[Any]:
    """Everything that a class can get at through what it is built with, the settings aside."""
    named = (
        (Path(config.checkpoint),)
        if config.checkpoint and Path(config.checkpoint).is_file()
        else ()
    )
    return [
        machine.training_digest(config),
        manifest(machine.other_files + own_noise(config) + named),
    ]


def built(
    target: type, machine: Machine, config: DenoiseConfig
) -> Callable[[np.ndarray, int], np.ndarray]:
    try:
        return target(machine, config)
    except Exception as error:  # a user's class may raise anything
        if isinstance(error, DenoiseError):
            raise
        raise DenoiseError(
            f"denoise_method {config.method}: expected it to be built for machine"
            f" {machine.machine_type}, got {one_line_with_place(error)}. Correct the method."
        ) from error
