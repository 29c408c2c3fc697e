import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from dcase_denoise_plugin.commands import environment

PROJECT = Path(environment.__file__).resolve().parents[2]


def test_what_setup_cfg_states_is_found_with_that_of_an_extra():
    pins = environment.pinned_in(PROJECT / "setup.cfg", ["test"])
    assert "torch >=2.6, <2.12" in pins and "noisereduce ==3.0.3" in pins
    assert "noisereduce ==3.0.3" not in environment.pinned_in(PROJECT / "setup.cfg")


def test_what_is_missing_or_too_old_is_named_with_what_is_there():
    assert environment.unmet(["pytest >=1"]) == []
    old, missing = environment.unmet(["pytest >=9999", "no-such-package-of-ours"])
    assert (
        old.startswith("pytest>=9999 (here: ") and missing == "no-such-package-of-ours (here: none)"
    )


def test_this_environment_meets_the_pins():
    assert environment.unmet([*environment.pinned(), *environment.matched()]) == []


def test_torchaudio_is_of_torchs_version_whichever_that_is(monkeypatch):
    there = {"torch": "2.6.0+cu118", "torchaudio": "2.6.0+cu118"}
    monkeypatch.setattr(metadata, "version", there.__getitem__)
    assert environment.unmet(environment.matched()) == []
    there["torchaudio"] = "2.11.0"
    assert environment.unmet(environment.matched()) == ["torchaudio==2.6.0 (here: 2.11.0)"]


def test_a_tested_version_stands_for_each_requirement_and_is_one_that_setup_cfg_allows():
    stated = map(Requirement, environment.pinned_in(PROJECT / "setup.cfg"))
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    tested = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {
        each.name.lower(): str(each.specifier).removeprefix("==")
        for each in tested
        if each.marker is None or each.marker.evaluate({"python_version": "3.13"})
    }
    wanted = {each.name.lower(): each.specifier for each in stated}
    assert versions.keys() == wanted.keys()
    assert [name for name in wanted if versions[name] not in wanted[name]] == []
    assert versions["torch"] == versions["torchaudio"]


def test_as_a_script_it_needs_nothing_installed(tmp_path):
    (tmp_path / "setup.cfg").write_text(
        "[options]\ninstall_requires =\n    # why\n    no-such-package-of-ours >=1\n"
    )
    run = subprocess.run(
        [sys.executable, "-I", environment.__file__, tmp_path / "setup.cfg"],
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (1, "no-such-package-of-ours>=1 (here: none)\n")
