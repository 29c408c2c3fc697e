"""The start-up hook, always in a fresh Python: patched imports must not leak into the test
process.
"""

import os
import statistics
import subprocess
import sys

import pytest
from baseline_checkouts import PROJECT

from baseline_patches import baselines, seams

PATCHES = PROJECT / "baseline_patches"
STANDARD_LIBRARY_ONLY = (
    "import sys; heavy = {'numpy', 'torch', 'yaml', 'dcase_denoise_plugin'} & set(sys.modules);"
    " assert not heavy, heavy"
)


def python(code, *options, path=(), cwd=None):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [PATCHES, *path]))}
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
    )


def output_of(code, **kwargs):
    run = python(code, **kwargs)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_every_seam_has_its_wrapper():
    assert seams.WRAPPERS.keys() == baselines.SEAMS.keys()


def test_python_starts_with_the_hook_in_place():
    assert output_of("import sys; print(type(sys.meta_path[0]).__name__)") == "_PostImportFinder"


def test_start_up_imports_the_standard_library_only():
    output_of(STANDARD_LIBRARY_ONLY)


def test_start_up_costs_at_most_20_ms_of_processor_time():
    def start_up_ms(patches):
        environment = {**os.environ, "PYTHONPATH": str(patches)}
        start = subprocess.run(
            [sys.executable, "-c", "import time; print(time.process_time())"],
            env=environment,
            capture_output=True,
            text=True,
        )
        return 1000 * float(start.stdout)

    assert statistics.median(start_up_ms(PATCHES) - start_up_ms("") for _ in range(9)) <= 20


def test_a_displaced_sitecustomize_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import os; os.environ['DISPLACED'] = 'ran'")
    assert output_of("import os; print(os.environ['DISPLACED'])", path=[tmp_path]) == "ran"


def test_a_failing_displaced_sitecustomize_leaves_the_hook_in_place(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("raise ValueError('mine')")
    run = python("import sys; print(type(sys.meta_path[0]).__name__)", path=[tmp_path])
    assert "ValueError: mine" in run.stderr and "_PostImportFinder" in run.stdout


def test_modules_that_merely_share_a_name_are_left_alone(tmp_path):
    (tmp_path / "common.py").write_text("def yaml_load(): return 'mine'\n")
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "__init__.py").write_text("")
    (tmp_path / "datasets" / "loader_common.py").write_text(
        "def file_load(wav_name, mono=False): return 'mine'\n"
    )
    code = (
        "import common, sys; from datasets import loader_common as lc;assert not"
        " hasattr(common.yaml_load, '__wrapped__') and not hasattr(lc.file_load,"
        " '__wrapped__');assert 'baseline_patches.seams' not in sys.modules;"
        " print(common.yaml_load(), lc.file_load(''))"
    )
    assert output_of(code, path=[tmp_path]) == "mine mine"


def test_installing_twice_registers_once_and_uninstalling_twice_is_harmless():
    code = (
        "from baseline_patches import import_hook as h; import sys; first, second = h.install(),"
        " h.install();count = sum(type(f).__name__ == '_PostImportFinder' for f in sys.meta_path);"
        " first.uninstall(); second.uninstall();print(count, sum(type(f).__name__ =="
        " '_PostImportFinder' for f in sys.meta_path))"
    )
    assert output_of(code) == "1 0"


def test_a_spawned_child_has_the_hook_and_a_forked_child_keeps_it(tmp_path):
    script = tmp_path / "children.py"
    script.write_text(
        "import multiprocessing as mp, sys\ndef hooked(queue):"
        " queue.put(type(sys.meta_path[0]).__name__)\nif __name__ == '__main__':\n    for method in"
        " ('spawn', 'fork'):\n        context = mp.get_context(method); queue = context.Queue()\n  "
        "      child = context.Process(target=hooked, args=(queue,)); child.start();"
        " print(queue.get()); child.join()\n"
    )
    run = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(PATCHES)},
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["_PostImportFinder"] * 2, run.stderr


@pytest.fixture
def checkout(tmp_path):
    """A folder laid out like a baseline, with nothing in it that the seams need."""
    for part in baselines.LAYOUT:
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).write_text("")
    return tmp_path


def test_installing_after_the_baseline_was_imported_is_loud(checkout):
    run = python(
        "import sys; from baseline_patches import import_hook as h; h.install().uninstall(); import"
        " common; h.install()",
        path=[PROJECT, checkout],
    )
    assert (
        run.returncode == 1
        and "expected to be installed before the baseline is imported, got common imported already"
        in run.stderr
    )


def test_a_baseline_without_seams_is_imported_as_it_is(checkout):
    assert (
        output_of(
            "import common, datasets.loader_common; print(sorted(n for n in vars(common) if not"
            " n.startswith('_')))",
            path=[PROJECT, checkout],
        )
        == "[]"
    )


def test_a_reloaded_module_is_patched_again_and_uninstall_gives_the_original_back(checkout):
    (checkout / "common.py").write_text("def yaml_load(): return {}\ndef get_argparse(): pass\n")
    code = (
        "import common, importlib, sys; importlib.reload(common); patched ="
        " hasattr(common.yaml_load, '__wrapped__');from baseline_patches import import_hook as h;"
        " h.install().uninstall(); print(patched, hasattr(common.yaml_load, '__wrapped__'))"
    )
    assert output_of(code, path=[PROJECT, checkout]) == "True False"
