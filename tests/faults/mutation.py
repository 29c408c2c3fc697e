"""Damage to files: of their bytes, and of what stands in them; all of it drawn from a seed."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

PIECES = (
    *(b"[" * 5000, b"NaN", b"1e999", b"-1", b"\0", b"null", b"../../x", b"'", b'"', b"\xff\xfe"),
    *(b"9" * 5000, b"&a [*a]", b"!!python/object:os.system", b"\n", b",", b"=cmd()", b"<b>|\r"),
)
NESTED: list[Any] = []
for _ in range(100):
    NESTED = [NESTED]
VALUES = (
    *(None, True, [], {}, 0, -1, 10**400, 1.5, float("nan"), float("inf"), "", "x" * 10000),
    *("\n", "../../x", "/", "os:system", "\udcff", NESTED, {"a": 1}, ["a"], "<b>|", "1e999"),
)


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    """The content after one to three of: bits turned, an end or a part gone, a part twice, a piece
    put in.
    """
    for _ in range(rng.randint(1, 3)):
        start = rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice((1, 4, 64, 1024)))
        how = rng.randrange(5)
        if how == 0:
            turned = bytes(byte ^ rng.randrange(1, 256) for byte in content[start:end])
            content = content[:start] + turned + content[end:]
        elif how == 1:
            content = content[:start]
        elif how == 2:
            content = content[:start] + content[end:]
        elif how == 3:
            content = content[:end] + content[start:end] + content[end:]
        else:
            content = content[:start] + rng.choice(PIECES) + content[start:]
    return content


def damaged_content(content: Any, rng: random.Random) -> Any:
    """Nested dictionaries and lists with one of their parts gone, renamed, or of another value."""
    content = copy.deepcopy(content)
    places = list(_places(content))
    if not places:
        return rng.choice(VALUES)
    holder, key = rng.choice(places)
    how = rng.randrange(4)
    if how == 0:
        del holder[key]
    elif how == 1 and isinstance(holder, dict):
        holder[rng.choice(("more", "x" * 5000, "../x"))] = holder.pop(key)
    else:
        holder[key] = rng.choice(VALUES)
    return content


def _places(content: Any) -> Any:
    if isinstance(content, dict):
        keys: Any = list(content)
    else:
        keys = range(len(content)) if isinstance(content, list) else ()
    for key in keys:
        yield content, key
        yield from _places(content[key])


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """JSON, damaged in its bytes or in its content."""
    if rng.random() < 0.4:
        return damaged_bytes(content, rng)
    return json.dumps(damaged_content(json.loads(content), rng)).encode()
