"""The house: a folder is a step of the flow and imports only from steps before it."""

import ast
from pathlib import Path

import pytest
from baseline_checkouts import PROJECT

PACKAGE, HOOK = "dcase_denoise_plugin", "baseline_patches"
FLOORS = [
    ["quoting"],
    ["errors"],
    ["names"],
    ["files", "process", "presets", ""],
    ["settings"],
    ["sound"],
    ["denoising", "demo"],
    ["training"],
    ["stage"],
    ["checkout"],
    ["figures", "edge"],
    ["monitor"],
    ["runner"],
    ["report"],
    ["own"],
    ["commands"],
    ["cli"],
    ["__main__"],
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MOST_MODULES, MOST_LINES = 13, 250


def sources(top):
    files = (PROJECT / top).rglob("*.py")
    return [file for file in files if "stand_in_baseline" not in file.parts]


def room_of(module):
    """The folder, or the module on the top level, of a dotted name in the package."""
    return module.split(".")[1] if module.startswith(f"{PACKAGE}.") else ""


def imported(file):
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = node.module == PACKAGE
            names = [f"{node.module}.{alias.name}" for alias in node.names if alias.name[0] != "_"]
            yield from names if inside else [node.module]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_import_goes_up():
    upward = []
    for file in sources(PACKAGE):
        own = (
            file.relative_to(PROJECT / PACKAGE).parts[0].removesuffix(".py").replace("__init__", "")
        )
        for module in imported(file):
            assert not module.startswith(HOOK), f"{file}: the package never imports the hook"
            room = room_of(module)
            if module.startswith(PACKAGE) and room in FLOOR_OF and room != own:
                if FLOOR_OF[room] >= FLOOR_OF[own] and (own, room) != ("", "denoising"):
                    upward.append(f"{file.relative_to(PROJECT)} imports {module}")
    assert upward == []


def test_the_hook_needs_the_stage_and_below():
    rooms = {room_of(module) for file in sources(HOOK) for module in imported(file)}
    assert rooms - set(FLOOR_OF) == set()
    assert all(FLOOR_OF[room] <= FLOOR_OF["stage"] for room in rooms)


def test_every_folder_has_its_floor():
    folders = {path.name for path in (PROJECT / PACKAGE).iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} <= set(FLOOR_OF)


@pytest.mark.parametrize("top", [PACKAGE, HOOK, "benchmarks"])
def test_a_module_is_one_idea(top):
    long = {
        str(file.relative_to(PROJECT)): lines
        for file in sources(top)
        if (lines := len(file.read_text().splitlines())) > MOST_LINES
    }
    assert long == {}


def test_a_folder_holds_about_ten_modules():
    folders = [path for path in (PROJECT / PACKAGE).iterdir() if path.is_dir()]
    crowded = {
        folder.name: count
        for folder in folders
        if (
            count := len([file for file in Path(folder).glob("*.py") if file.name != "__init__.py"])
        )
        > MOST_MODULES
    }
    assert crowded == {}
