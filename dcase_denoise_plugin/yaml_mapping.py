"""A YAML file that holds a mapping, such as the baseline's settings, a preset or a study."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dcase_denoise_plugin.errors import DenoiseError, first_line


def read_mapping(path: Path, error_class: type[DenoiseError], what: str = "") -> dict[str, Any]:
    """The mapping; raises `error_class` about `what`, by default the file's name, if it cannot be read or holds something else."""
    what = what or path.name
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise error_class(f"{what}: expected a readable YAML file, got {first_line(error)} in {path}. Correct the file.") from None
    if not isinstance(content, dict):
        raise error_class(f"{what}: expected a mapping of keys to values, got {type(content).__name__} in {path}. Write one 'key: value' a line.")
    return content
