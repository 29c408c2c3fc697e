"""Digests of code: the plugin's own behind a denoised run, and that of a checkout of the
baseline.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

# What a denoised run rests on; the import contract keeps it from the rest of the package. A change
# of the report leaves finished runs what they are.
PARTS = {
    "dcase_denoise_plugin": (
        "__init__.py",
        "errors.py",
        "files.py",
        "names.py",
        "process.py",
        "quoting.py",
        "settings",
        "sound",
        "denoising",
        "training",
        "stage",
    ),
    "baseline_patches": ("",),
}


def plugin_source_digest() -> str:
    """Hex SHA-256 of the package's and the hook's code behind a denoised run; comments and
    formatting do not count.
    """
    files = [
        (f"{package}/{file.relative_to(folder)}", file)
        for package, parts in PARTS.items()
        for folder in _folders(package)
        for part in parts
        for file in _python_files(folder / part)
    ]
    return _digest_of(
        tuple(
            (name, file, stat.st_size, stat.st_mtime_ns)
            for name, file in files
            for stat in [file.stat()]
        )
    )


@functools.lru_cache(
    maxsize=1
)  # a runner lives for days, and each of its processes reads the code of its time
def _digest_of(files: tuple[tuple[str, Path, int, int], ...]) -> str:
    return hashlib.sha256(
        "\n".join(
            f"{name} {ast.dump(ast.parse(file.read_bytes()))}" for name, file, *_ in files
        ).encode()
    ).hexdigest()


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in spec.submodule_search_locations or ()] if spec else []


def _python_files(part: Path) -> list[Path]:
    return [part] if part.is_file() else sorted(part.glob("*.py"))


LOADER_CODE = ("datasets/**/*.py",)
CODE = ("train.py", "common.py", *LOADER_CODE, "networks/**/*.py", "tools/*.py")


def code_digest(folder: Path, patterns: Iterable[str]) -> str:
    """Hex SHA-256 of the files in a checkout of the baseline that match."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
