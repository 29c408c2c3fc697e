"""Foreign text and values in what we write: each escape and each limit once. Standard library only,
for the hook.
"""

from __future__ import annotations

import re
import reprlib
import unicodedata

QUOTED_CHARACTERS = 200
_QUOTES = reprlib.Repr()
_QUOTES.maxstring = _QUOTES.maxother = _QUOTES.maxlong = QUOTED_CHARACTERS
_QUOTES.maxlevel = 3  # what names itself, or is nested many times over, has no end


def in_one_line(text: object) -> str:
    """Foreign text, such as a file name, its line breaks and control characters written out."""
    return "".join(
        sign
        if sign.isprintable() or unicodedata.category(sign) == "Zs"
        else sign.encode("unicode_escape").decode()
        for sign in str(text)
    )


def quoted(value: object) -> str:
    """A foreign value as Python writes it, in one line of at most `QUOTED_CHARACTERS`."""
    try:
        return shortened(in_one_line(_QUOTES.repr(value)))
    except ValueError:  # a number of more digits than Python writes
        return f"a very long {type(value).__name__}"


def shortened(text: str) -> str:
    """Foreign text without what goes beyond `QUOTED_CHARACTERS`."""
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[: QUOTED_CHARACTERS - 1]}…"


def in_markdown(text: str) -> str:
    """Text that shows as it is in Markdown: names of files and folders may hold any sign."""
    return re.sub(r"[\\`*<>&|]|\](?=\()", r"\\\g<0>", in_one_line(text))
