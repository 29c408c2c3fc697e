"""Assignments as a command line gives them: key=value."""
from __future__ import annotations

from typing import Iterable, Iterator

from dcase_denoise_plugin.errors import ConfigError


def split(assignments: Iterable[str], option: str = "--set", example: str = "epochs=2") -> Iterator[tuple[str, str]]:
    """Each key=value as (key, value), without dashes before the key. Raises ConfigError, naming the `option`, if there is no ``=`` or no key."""
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals or not key.strip("- "):
            raise ConfigError(f"{option}: expected key=value, got {assignment!r}. Write it as {option} {example}.")
        yield key.strip("- "), text
