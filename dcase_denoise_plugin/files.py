"""Files out and in: written whole, told apart by digests, and read as what they should be.

Whoever reads JSON or YAML says its shape; what does not fit is refused before it is used.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import errno
import fcntl
import hashlib
import io
import json
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TypeVar

import msgspec

import yaml
from dcase_denoise_plugin.errors import DataError, DenoiseError, first_line

Shape = TypeVar("Shape")
# A text and a setting in a file that may come from somebody else; no path is longer.
Text = Annotated[str, msgspec.Meta(max_length=4096)]
Scalar = bool | int | float | Text | None
# A value that is named several times counts each time.
MOST_YAML_VALUES = 100_000


def digest_of(content: Any) -> str:
    """SHA-256 of `content` as JSON, its keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """SHA-256 of the bytes of `file`. Raises OSError if it cannot be read."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


PARTIAL = ".dcase-partial"
_swept: set[Path] = set()


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Hands out a hidden path beside `path`, in a folder that is there; what was written to it
    takes the name when the block ends well, and goes when it does not.

    It is of this writer alone; of several at a time, the last one's file stays. What a killed one
    has left in the folder is swept.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    aside = path.with_name(f".{secrets.token_hex(4)}{PARTIAL}")
    # Held by the lock while its writer lives.
    handle = os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        _is_mine(handle)
        yield aside
        aside.replace(path)
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Deletes the hidden files in `folder` whose writer is gone, once in a process."""
    if folder in _swept:
        return
    _swept.add(folder)
    for left in folder.glob(f".*{PARTIAL}"):
        with contextlib.suppress(OSError):
            handle = os.open(left, os.O_RDWR | os.O_NONBLOCK)
            try:
                if _is_mine(handle):
                    left.unlink()
            finally:
                os.close(handle)


def _is_mine(handle: int) -> bool:
    """Locks an open file; whether nobody else holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def standard_input() -> BinaryIO:
    """Raises DataError if it is closed."""
    if sys.stdin is None:
        raise DataError(
            "standard input: expected an open one, got a closed one. Pipe the sound in, or name a"
            " folder."
        )
    return sys.stdin.buffer


def regular(path: Path) -> Path:
    """A path of a regular file. Raises OSError if it is another kind, such as a pipe, which would
    be waited for without end, or none.
    """
    if not stat.S_ISREG(Path(path).stat().st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    return path


def fitted(content: Any, shape: type[Shape], strict: bool = True) -> Shape:
    """`content`, as a file held it, as what it should be; not `strict` takes numbers that are
    texts. Raises ValueError, which says in a few words what does not fit.
    """
    try:
        return msgspec.convert(content, shape, strict=strict)
    except RecursionError:
        raise ValueError("values nested too deep") from None


def read_json(path: Path, shape: type[Shape]) -> Shape:
    """A JSON file of this shape. Raises OSError if it cannot be read, and ValueError if it holds
    something else.
    """
    try:
        return fitted(json.loads(regular(path).read_bytes()), shape)
    except RecursionError:
        raise ValueError("values nested too deep") from None


def read_text(path: Path) -> str:
    """A text in UTF-8, or in UTF-16 with its byte-order mark. Raises OSError if it cannot be read,
    ValueError if it is neither.
    """
    content = regular(path).read_bytes()
    marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if marked else "utf-8-sig")
    if "\0" in text:
        raise ValueError("UTF-16 without its byte-order mark, or no text")
    return text


def read_table(path: Path) -> list[list[str]]:
    """The lines of a CSV that are not empty; of one with semicolons or tabs, as spreadsheets write
    them, decimal commas are points. Raises as `read_text` does, and csv.Error.
    """
    text = read_text(path)
    first = text.partition("\n")[0].strip()
    for delimiter in ";\t":
        last = first.rpartition(delimiter)[2]
        if delimiter in first and ("," not in first or _DECIMAL_COMMA.fullmatch(last)):
            rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
            return [[_with_point(field) for field in row] for row in rows if row]
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row]


_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


def _with_point(field: str) -> str:
    return field.replace(",", ".") if _DECIMAL_COMMA.fullmatch(field.strip()) else field


def read_mapping(path: Path, error_class: type[DenoiseError], what: str = "") -> dict[str, Any]:
    """The mapping in a YAML file; raises `error_class` about `what`, by default the file's name, if
    it cannot be read or holds something else.
    """
    what = what or path.name
    try:
        content = _yaml_in(path)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
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


def _yaml_in(path: Path) -> Any:
    loader = yaml.SafeLoader(regular(path).read_text(encoding="utf-8"))
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _values_in(node, {}) > MOST_YAML_VALUES:
            raise ValueError(f"more than {MOST_YAML_VALUES} values, for aliases name others again")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _values_in(node: yaml.Node, known: dict[int, int]) -> int:
    """How many values a node stands for, with those behind aliases; one that holds itself has no
    end.
    """
    if id(node) not in known:
        known[id(node)] = MOST_YAML_VALUES + 1  # meanwhile
        inside = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for one in inside for part in (one if isinstance(one, tuple) else (one,))]
        known[id(node)] = 1 + sum(_values_in(part, known) for part in parts)
    return known[id(node)]
