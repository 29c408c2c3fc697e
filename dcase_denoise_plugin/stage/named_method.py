"""A user's method that a receipt names: imported only where the user names it too, and only if its
code is still what the receipt recorded, which is seen before anything of it is imported.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import digest_of, file_digest
from dcase_denoise_plugin.quoting import quoted
from dcase_denoise_plugin.settings.config import BUILT_IN_METHODS
from dcase_denoise_plugin.stage.own_method import code_files, module_and_path, on_the_path


def code_behind(method: str, first: Iterable[Path] = (), last: Iterable[Path] = ()) -> str | None:
    """Hex digest of the code that importing `method` would run: of its top-level package or, for a
    module on its own, of those beside it. None for a built-in method and where no file is found.

    It is looked for as `own_method.find` looks, and not imported.
    """
    if method in BUILT_IN_METHODS:
        return None
    top = module_and_path(method)[0].partition(".")[0]
    try:
        with on_the_path(first, last):
            spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    packages = [Path(folder) for folder in spec.submodule_search_locations or ()]
    own = [Path(spec.origin)] if spec.has_location and spec.origin else []
    files = code_files(packages, own)
    contents = [(str(file.relative_to(folder)), file_digest(file)) for folder, file in files]
    return digest_of(contents) if contents else None


def refuse_foreign(
    method: str,
    asked: str | None,
    recorded: str | None,
    receipt: Path | str,
    first: Iterable[Path] = (),
    last: Iterable[Path] = (),
) -> None:
    """Lets pass built-in methods, and the one that the user `asked` for if its code is as it was
    `recorded`; imports nothing.

    Raises
    ------
    ConfigError
        If the receipt names another method, or its code is another one by now.
    """
    if asked and method != asked:
        raise ConfigError(
            f"--method: expected {quoted(method)}, which the autoencoder was trained behind, got"
            f" {asked} for {receipt}. Correct the option or leave it out."
        )
    if method in BUILT_IN_METHODS:
        return
    if not asked:
        raise ConfigError(
            f"denoise_method: expected {', '.join(BUILT_IN_METHODS)}, got {quoted(method)} in"
            f" {receipt}. Its code is run by monitor, report and compare alone, if you name it"
            f" there: --method {quoted(method)[1:-1]}."
        )
    code = code_behind(method, first, last)
    if code is None or code != recorded:
        raise ConfigError(
            f"--method {method}: expected the code of the training ({str(recorded)[:12]}), got"
            f" {f'another ({code[:12]})' if code else 'none'} for {receipt}. It was not imported;"
            " bring that code back or train again."
        )
