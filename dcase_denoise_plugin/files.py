"""Hex digests of settings and files: two that are equal stand for equal content."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from dcase_denoise_plugin.errors import DenoiseError, first_line


def digest_of(content: Any) -> str:
    """SHA-256 of `content` as JSON, its keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """SHA-256 of the bytes of `file`. Raises OSError if it cannot be read."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Hands out a path beside `path`, in a folder that is there; what was written to it takes the
    name when the block ends well, and goes when it does not.

    Two writers of one file at a time need a lock besides.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield aside
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()


def read_mapping(path: Path, error_class: type[DenoiseError], what: str = "") -> dict[str, Any]:
    """The mapping; raises `error_class` about `what`, by default the file's name, if it cannot be
    read or holds something else.
    """
    what = what or path.name
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise error_class(
            f"{what}: expected a readable YAML file, got {first_line(error)} in {path}. Correct the"
            " file."
        ) from None
    if not isinstance(content, dict):
        raise error_class(
            f"{what}: expected a mapping of keys to values, got {type(content).__name__} in {path}."
            " Write one 'key: value' a line."
        )
    return content
