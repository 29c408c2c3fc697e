"""The plugin's own code behind a denoised run, as a digest, so that what an older version made does not pass for the work of this one."""
from __future__ import annotations

import ast
import functools
import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Iterable, Iterator

PACKAGE, HOOK = "dcase_denoise_plugin", "baseline_patches"
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def plugin_source_digest() -> str:
    """Hex digest of the modules that shape what a denoised run hands to the baseline: the hook's, the stage's, and what these import of the package.

    The other modules do not count, nor do comments and docstrings: hours of finished runs outlive a change of the report.
    """
    modules = {f"{package}.{file.stem}": file for package in (PACKAGE, HOOK) for folder in _folders(package) for file in sorted(folder.glob("*.py"))}
    return _digest_of(tuple((name, file, stat.st_size, stat.st_mtime_ns) for name, file in modules.items() for stat in [file.stat()]))


def behind_a_denoised_run(modules: dict[str, Path]) -> dict[str, ast.Module]:
    """Those of `modules` that a denoised run rests on, by name, parsed and without docstrings."""
    found, waiting = {}, [f"{PACKAGE}.stage", *(name for name in modules if name.startswith(HOOK))]
    while waiting:
        name = waiting.pop()
        if name in modules and name not in found:
            found[name] = ast.parse(modules[name].read_bytes())
            _drop_docstrings(found[name])
            waiting += _imports(found[name])
    return found


@functools.lru_cache(maxsize=1)  # read anew when a file has changed: a runner lives for days, and each of its processes reads the code of its time
def _digest_of(files: tuple[tuple[str, Path, int, int], ...]) -> str:
    behind = behind_a_denoised_run({name: file for name, file, *_ in files})
    return hashlib.sha256("\n".join(f"{name} {ast.dump(behind[name])}" for name in sorted(behind)).encode()).hexdigest()


def _folders(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(folder) for folder in spec.submodule_search_locations] if spec else []


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


def _drop_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]


LOADER_CODE = ("datasets/**/*.py",)
CODE = ("train.py", "common.py", *LOADER_CODE, "networks/**/*.py", "tools/*.py")


def code_digest(folder: Path, patterns: Iterable[str]) -> str:
    """Hex SHA-256 of the files in a checkout of the baseline that match."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
