import pytest

from dcase_denoise_plugin.errors import DenoiseError, error_line, first_line, one_line
from dcase_denoise_plugin.quoting import QUOTED_CHARACTERS, in_markdown, in_one_line, quoted


def nested(depth=30):
    """What 400 bytes of YAML aliases stand for: a list of a list of … nine times each."""
    value = ["lol"]
    for _ in range(depth):
        value = [value] * 9
    return value


def endless():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "value",
    [nested(), endless(), {"key": nested()}, "x" * 10**6, 10**5000, b"x" * 10**6, "\n" * 10**6],
    ids=["nested", "endless", "mapping", "text", "number", "bytes", "line breaks"],
)
def test_a_quote_is_one_line_of_200_characters_at_most(value):
    quote = quoted(value)
    assert 0 < len(quote) <= QUOTED_CHARACTERS and len(quote.splitlines()) == 1


@pytest.mark.parametrize("value", ["0.5", 3, None, True, [1, "a"], {"fan": 80}, "it's"])
def test_a_short_value_is_quoted_as_python_writes_it(value):
    assert quoted(value) == repr(value)


@pytest.mark.parametrize(
    "name, told",
    [
        ("a\nb.wav", "a\\nb.wav"),
        ("a\u2028b", "a\\u2028b"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\udcff", "\\udcff"),
        ("\u202egpj", "\\u202egpj"),
        ("Straße 3 – 音.wav", "Straße 3 – 音.wav"),
    ],
)
def test_a_name_stays_in_its_line_and_a_plain_one_as_it_is(name, told):
    assert in_one_line(name) == told
    assert str(DenoiseError(f"clip: got {name}.")) == f"clip: got {told}."
    assert error_line(OSError(name)).endswith(told)


@pytest.mark.parametrize(
    "name, told",
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", r"\<img src=x\>"),
        ("&lt;", r"\&lt;"),
        ("[x](y)", r"[x\](y)"),
        ("a\n# b", r"a\\n# b"),
        ("95 % [dB] section_00_a", "95 % [dB] section_00_a"),
    ],
)
def test_a_name_is_no_markup(name, told):
    assert in_markdown(name) == told


def test_what_a_library_says_of_foreign_content_is_cut_off():
    error = ValueError("could not convert " + "9" * 10**6)
    assert len(first_line(error)) <= QUOTED_CHARACTERS
    assert len(one_line(error)) <= QUOTED_CHARACTERS + len("ValueError: ")
