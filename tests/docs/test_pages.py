import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from baseline_checkouts import PROJECT
from key_table import table, table_in_page

import yaml
from benchmarks import peers
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.settings import config

README = PROJECT / "README.md"
PAGES = [README, PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
OF_TODAY = [page for page in PAGES if page.parent.name != "appendix"]


def text_of(page):
    return page.read_text(encoding="utf-8")


def words_in(page):
    return len(re.sub(r"<!--.*?-->", "", text_of(page), flags=re.S).split())


def named(page):
    return str(page.relative_to(PROJECT))


def test_the_table_of_keys_is_what_the_code_says():
    assert table_in_page() == table(), "run: python tests/docs/key_table.py"


def test_the_table_of_commands_has_each_command_and_no_other():
    commands = re.search(r"\| command \|.*?\n\n", text_of(PROJECT / "docs/reference.md"), re.S)
    assert set(re.findall(r"^\| `(\w+)`", commands.group(), re.M)) == set(main.commands)


@pytest.mark.parametrize("page", OF_TODAY, ids=named)
def test_a_page_names_no_key_that_is_not_there(page):
    keys = set(re.findall(r"\b(denoise_[a-z_]+)\b", text_of(page)))
    others = {key for key in keys if key.startswith("denoise_receipt")}
    assert keys - others <= set(config.field_names())


def test_the_readme_takes_five_minutes():
    assert words_in(README) <= 1200


def two_commands():
    demo, test = re.findall(r"^(\./run_all\.sh .*?)  +#", text_of(README), re.M)
    return demo, test


def test_the_workflow_calls_the_two_commands_of_the_readme():
    workflow = text_of(PROJECT / ".github/workflows/test.yml")
    for command in two_commands():
        assert f"- run: {command}\n" in workflow


def test_the_dockerfile_calls_the_two_commands_of_the_readme():
    lines = text_of(PROJECT / "Dockerfile").splitlines()
    given = dict(line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    script, demo = json.loads(given["ENTRYPOINT"]), json.loads(given["CMD"])
    assert (" ".join(script + demo), f"{script[0]} --test") == two_commands()
    assert given["RUN"].startswith(f"{script[0]} --test ")  # sets up both


def test_every_path_that_the_readme_names_is_there():
    table = text_of(README).partition("## Where things are")[2].partition("\n\nMore")[0]
    for cell in re.findall(r"\| ([^|]*`[^|]*) \|$", table, re.M):
        for path in re.findall(r"`([\w./]+)`", cell):
            assert any(
                (PROJECT / folder / path).exists() for folder in ("", "dcase_denoise_plugin")
            )


def test_the_experiments_have_at_most_4000_words():
    assert words_in(PROJECT / "docs/experiments.md") <= 4000


def anchors(page):
    """The anchors of a Markdown page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.M)
    return {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_and_heading_that_a_page_links_to_is_there(page):
    for file, anchor in re.findall(r"\]\((?!http)([^)#]*)#?([^)]*)\)", text_of(page)):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), anchor


def test_the_site_has_every_page():
    site = yaml.safe_load(text_of(PROJECT / "mkdocs.yml").split("markdown_extensions")[0])
    listed = re.findall(r"[\w/-]+\.md", str(site["nav"]))
    pages = (PROJECT / "docs").rglob("*.md")
    assert sorted(listed) == sorted(str(page.relative_to(PROJECT / "docs")) for page in pages)


def shown_on(page):
    """The Python blocks of a page that define something."""
    blocks = re.findall(r"```python\n(.*?)```", text_of(page), re.S)
    return [block for block in blocks if re.search(r"^(def|class) ", block, re.M)]


def test_the_denoisers_on_the_page_are_those_in_the_examples():
    example = text_of(PROJECT / "examples/own_denoiser.py")
    shown = shown_on(PROJECT / "docs/own-denoiser.md")
    assert len(shown) == 2
    for block in shown:
        imports, _, definition = block.partition("\n\n\n")
        assert definition in example
        assert set(imports.splitlines()) <= set(example.splitlines())


@pytest.mark.parametrize("page", [README, PROJECT / "docs/own-denoiser.md"], ids=named)
def test_the_function_on_the_page_works_when_copied(page):
    copied = {}
    exec(shown_on(page)[0], copied)
    log_mel = np.random.default_rng(0).normal(size=(8, 40))
    assert copied["steadied"].domain == "mel"
    assert copied["steadied"](log_mel, 16000).shape == log_mel.shape


def test_the_class_on_the_page_works_when_copied(tmp_path):
    soundfile.write(tmp_path / "noise.wav", np.random.default_rng(0).normal(0, 0.1, 16000), 16000)
    copied = {}
    exec(shown_on(PROJECT / "docs/own-denoiser.md")[1], copied)
    machine = SimpleNamespace(noise_files=(tmp_path / "noise.wav",))
    clip = np.full(16000, 0.1, np.float32)
    assert copied["SpectralSubtraction"](machine, None)(clip, 16000).dtype == clip.dtype


def test_the_peer_of_the_study_states_its_domain():
    assert peers.NoiseReduce.domain == "waveform"


def test_the_study_on_the_page_fits_the_keys_of_today():
    study = yaml.safe_load(text_of(PROJECT / "docs/study.yaml"))
    keys = {key for cell in study["cells"].values() for key in cell}
    assert keys <= set(config.field_names())


def test_the_changelog_knows_this_version():
    from dcase_denoise_plugin import __version__

    assert f"## [{__version__}]" in text_of(PROJECT / "CHANGELOG.md")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_benchmark_that_a_page_calls_is_there(page):
    for module in re.findall(r"python -m (benchmarks[.\w]*\w)", text_of(page)):
        assert (PROJECT / f"{module.replace('.', '/')}.py").is_file(), module
