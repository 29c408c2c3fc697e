import json
import os

import msgspec
import pytest

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import Scalar, read_json, read_mapping

ALIASES = "\n".join(
    ["a0: &a0 [lol]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))]
)
MERGES = "\n".join(
    [
        "a0: &a0 {k: v}",
        *(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10)),
    ]
)


@pytest.mark.parametrize(
    "content, complaint",
    [
        (ALIASES, "more than 100000 values"),
        (MERGES, "more than 100000 values"),
        ("a: &a [*a]", "more than 100000 values"),
        ("a: " + "[" * 10**5, "a.yaml"),
        ("a: 1" + "9" * 5000, "a.yaml"),
        ("a: !!python/object:os.system {}", "could not determine a constructor"),
        ("a: 'x\0'", "special characters are not allowed"),
    ],
    ids=["aliases", "merges", "itself", "deep", "long number", "object", "nul"],
)
def test_a_yaml_that_would_fill_the_memory_is_refused_in_one_short_line(
    tmp_path, content, complaint
):
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(ConfigError, match=complaint) as refused:
        read_mapping(tmp_path / "a.yaml", ConfigError)
    assert len(str(refused.value)) < 400 + len(str(tmp_path))


def test_an_alias_that_saves_writing_is_read(tmp_path):
    (tmp_path / "a.yaml").write_text("a: &a {k: 1}\nb: {<<: *a, l: 2}\nc: *a\n")
    assert read_mapping(tmp_path / "a.yaml", ConfigError) == {
        "a": {"k": 1},
        "b": {"k": 1, "l": 2},
        "c": {"k": 1},
    }


class Note(msgspec.Struct):
    config: dict[str, Scalar] = {}


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10**5,
        '{"config": ' + '{"a":' * 10**5,
        "[]",
        "{",
        "\udcff",
        '{"config": {"a": []}}',
        '{"config": 3}',
        json.dumps({"config": {"a": "x" * 5000}}),
        '{"config": {"a": ' + "9" * 5000 + "}}",
    ],
)
def test_a_json_file_that_does_not_fit_is_a_short_value_error(tmp_path, content):
    (tmp_path / "a.json").write_text(content, errors="surrogateescape")
    with pytest.raises(ValueError) as refused:
        read_json(tmp_path / "a.json", Note)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "read", [lambda path: read_json(path, Note), lambda path: read_mapping(path, ConfigError)]
)
def test_a_pipe_is_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises((OSError, ConfigError), match="no regular file"):
        read(tmp_path / "a.json")
