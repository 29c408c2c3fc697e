import re
import sys

import numpy as np
import pytest
from baseline_checkouts import PROJECT
from small_machine import RATE_HZ, hum, small_machine

from dcase_denoise_plugin.settings import config
from dcase_denoise_plugin.stage.methods import build_method

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
README = (PROJECT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", config.field_names())
def test_the_readme_has_every_key_with_its_default(key):
    default = config.field_names()[key].default
    shown = (
        "–"
        if default == ""
        else (
            str(default).lower()
            if isinstance(default, bool)
            else f"{default:g}"
            if isinstance(default, float)
            else str(default)
        )
    )
    assert f"| `{key}` | {shown} |" in README


def test_the_readme_names_no_key_that_is_not_there():
    named = set(re.findall(r"`(denoise(?:_\w+)?)`", README)) - {"denoise_receipt"}
    assert named <= set(config.field_names()) | {"denoise"}


def anchors(page):
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_heading_that_a_page_links_to_is_there(page):
    links = re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8"))
    assert links or page.name == "json.md"
    for file, anchor in links:
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), anchor


def test_the_denoiser_of_ones_own_in_the_readme_is_one(tmp_path, monkeypatch):
    (code,) = re.findall(r"in `quieter.py`:\n\n```python\n(.*?)```", README, re.S)
    (tmp_path / "quieter.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    method = build_method(
        small_machine(tmp_path), config.DenoiseConfig(method="quieter:Quieter", domain="waveform")
    )
    wav = 3 * hum(0)
    quieter = method(wav, RATE_HZ)
    sys.modules.pop("quieter")
    assert (
        method.is_fitted
        and quieter.dtype == wav.dtype
        and np.std(quieter) == pytest.approx(np.std(hum(0)), rel=0.01)
    )
