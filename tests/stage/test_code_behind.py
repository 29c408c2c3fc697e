import sys

import pytest

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.stage.named_method import code_behind, refuse_foreign

SOURCE = """
from pathlib import Path
Path({ran!r}).touch()
def halved(array, sample_rate_hz):
    return array
"""


@pytest.fixture(params=["theirs:halved", "their_package.theirs:halved"])
def method(request, tmp_path):
    """A user's method in a folder; importing it leaves a file ``ran``."""
    folder = tmp_path / "code"
    file = folder / request.param.partition(":")[0].replace(".", "/")
    file.parent.mkdir(parents=True)
    file.with_suffix(".py").write_text(SOURCE.format(ran=str(tmp_path / "ran")))
    if "." in request.param:
        (file.parent / "__init__.py").touch()
    return request.param, folder, file.with_suffix(".py")


@pytest.fixture(autouse=True)
def nothing_is_imported(tmp_path):
    before = set(sys.modules)
    yield
    assert not (tmp_path / "ran").exists()
    assert not [name for name in set(sys.modules) - before if name.startswith("their")]


def test_its_code_is_told_without_an_import_wherever_it_lies(method):
    name, folder, file = method
    before = code_behind(name, (folder,))
    assert before and before == code_behind(name, last=(folder,))
    file.write_text("changed")
    assert code_behind(name, (folder,)) not in (before, None)


@pytest.mark.parametrize("name", ["unet", "identity", "no_such_module_anywhere:f", "sys:exit"])
def test_what_has_no_code_of_its_own_has_no_digest(name):
    assert code_behind(name) is None


def test_the_method_that_the_user_names_passes_with_the_code_of_the_training_alone(method):
    name, folder, file = method
    recorded = code_behind(name, (folder,))
    refuse_foreign(name, name, recorded, "receipt.json", (folder,))
    file.write_text("changed")
    for other in (recorded, None):
        with pytest.raises(ConfigError, match="expected the code of the training .* not imported"):
            refuse_foreign(name, name, other, "receipt.json", (folder,))


def test_one_that_only_the_receipt_names_does_not_pass(method):
    name, folder, _ = method
    with pytest.raises(ConfigError, match=f"got '{name}' in receipt.json.*--method {name}"):
        refuse_foreign(name, None, code_behind(name, (folder,)), "receipt.json", (folder,))
    with pytest.raises(ConfigError, match=f"--method: expected '{name}', .* got other:f"):
        refuse_foreign(name, "other:f", None, "receipt.json", (folder,))


def test_built_in_ones_pass():
    refuse_foreign("wiener", None, None, "receipt.json")
