"""Python runs this at start-up when this folder is on PYTHONPATH: registers the hook, then runs the
sitecustomize it displaced.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec, spec_from_file_location

_HERE = os.path.dirname(os.path.abspath(__file__))


def _register_hook() -> None:
    if "baseline_patches" not in sys.modules:
        spec = spec_from_file_location(
            "baseline_patches",
            os.path.join(_HERE, "__init__.py"),
            submodule_search_locations=[_HERE],
        )
        assert spec
        sys.modules["baseline_patches"] = module_from_spec(spec)
    from baseline_patches import import_hook

    import_hook.install()


def _run_displaced() -> None:
    spec = PathFinder.find_spec(
        "sitecustomize", [entry for entry in sys.path if os.path.abspath(entry) != _HERE]
    )
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


try:
    _register_hook()
finally:
    _run_displaced()
