import re

import pytest
from baseline_checkouts import PROJECT

from dcase_denoise_plugin import config

README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", config.field_names())
def test_the_readme_has_every_key_with_its_default(key):
    default = config.field_names()[key].default
    shown = "–" if default == "" else str(default).lower() if isinstance(default, bool) else f"{default:g}" if isinstance(default, float) else str(default)
    assert f"| `{key}` | {shown} |" in README


def test_the_readme_names_no_key_that_is_not_there():
    named = set(re.findall(r"`(denoise(?:_\w+)?)`", README)) - {"denoise_receipt"}
    assert named <= set(config.field_names()) | {"denoise"}


def test_every_file_the_readme_links_to_is_there():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links and all((PROJECT / link).exists() for link in links)
