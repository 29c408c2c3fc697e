import subprocess
import sys
from pathlib import Path

from dcase_denoise_plugin.commands import environment

PROJECT = Path(environment.__file__).resolve().parents[2]


def test_the_pins_of_setup_cfg_are_found_with_those_of_an_extra():
    pins = environment.pinned_in(PROJECT / "setup.cfg", ["test"])
    assert "torch ==2.11.0" in pins and "noisereduce ==3.0.3" in pins
    assert "noisereduce ==3.0.3" not in environment.pinned_in(PROJECT / "setup.cfg")


def test_what_is_missing_or_too_old_is_named_with_what_is_there():
    assert environment.unmet(["pytest >=1"]) == []
    old, missing = environment.unmet(["pytest >=9999", "no-such-package-of-ours"])
    assert (
        old.startswith("pytest>=9999 (here: ") and missing == "no-such-package-of-ours (here: none)"
    )


def test_this_environment_meets_the_pins():
    assert environment.unmet(environment.pinned()) == []


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
