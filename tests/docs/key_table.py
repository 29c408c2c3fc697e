"""The table of keys in docs/reference.md; ``python tests/docs/key_table.py`` writes it anew.

The default of a key is what ``denoise: true`` alone takes: the recommended preset's value.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.settings import config
from dcase_denoise_plugin.settings.sources import resolve

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"
BETWEEN = re.compile(
    r"(?<=<!-- keys: written by tests/docs/key_table.py -->\n).*?(?=<!-- end)", re.S
)
KINDS = {int: "whole number", float: "number", str: "text", bool: "true, false"}


def table() -> str:
    """Every key with its default, what it takes and what it does, as Markdown."""
    values = resolve({}, {})
    rows = ["| key | default | takes | what it does |", "|---|---|---|---|"]
    rows += [
        f"| `{key}` | {_shown(getattr(values, field.name))} | {_takes(field)} | {_help(field)} |"
        for key, field in config.field_names().items()
    ]
    return "\n".join(rows) + "\n"


def table_in_page() -> str:
    return BETWEEN.search(PAGE.read_text(encoding="utf-8")).group()


def write() -> None:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(BETWEEN.sub(lambda _: table(), text), encoding="utf-8")


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"


def _help(field: dataclasses.Field) -> str:
    return field.metadata["help"].replace("|", "or")


def _takes(field: dataclasses.Field) -> str:
    meta = field.metadata
    if meta["choices"]:
        return ", ".join(meta["choices"])
    kind = KINDS[type(field.default)]
    if meta["low"] is None:
        return kind
    return f"{kind}, {meta['low']:g} to {meta['high']:g} {meta['unit']}".rstrip()


if __name__ == "__main__":
    write()
