"""Calls `seams.patch` right after the baseline's modules are imported, and leaves every other
module alone.

The finder never pops itself, so a reload is patched again, a forked child inherits it, and a
spawned child gets it from its own start-up. Standard library only: it runs at every Python start.
"""

from __future__ import annotations

import functools
import sys

from baseline_patches import baselines

TYPE_CHECKING = False  # typing itself would take milliseconds of every Python start
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

HOOKED_MODULES = frozenset(seam.partition(":")[0] for seam in baselines.SEAMS)


class _PostImportFinder:
    """A meta path finder that lets the others find the module and adds one step after its
    execution.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in HOOKED_MODULES:
            return None
        for finder in sys.meta_path:
            spec: Any = (
                None
                if finder is self or not hasattr(finder, "find_spec")
                else finder.find_spec(name, path, target)
            )
            if spec is not None:
                break
        else:
            return None
        # A source loader belongs to this one spec, so wrapping the method on the instance leaves
        # module.__loader__ what it was.
        if spec.origin and spec.origin.endswith(".py") and hasattr(spec.loader, "exec_module"):
            spec.loader.exec_module = functools.partial(_exec_and_patch, spec.loader.exec_module)
        return spec


class Handle:
    """Undoes an `install`; calling it again does nothing."""

    def __init__(self, finder: _PostImportFinder):
        self._finder = finder

    def uninstall(self) -> None:
        """Takes the hook out and gives every patched function back."""
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        seams = sys.modules.get("baseline_patches.seams")
        if seams is not None:
            seams.unpatch()


def install() -> Handle:
    """Registers the hook once.

    Returns
    -------
    Handle
        Whose `uninstall` takes the hook out again.

    Raises
    ------
    RuntimeError
        If a module of the baseline is imported already: what it handed out before could no longer
        be patched.
    """
    for finder in sys.meta_path:
        if isinstance(finder, _PostImportFinder):
            return Handle(finder)
    for name in HOOKED_MODULES & sys.modules.keys():
        if baselines.root_of(sys.modules[name]):
            raise RuntimeError(
                "dcase-denoise hook: expected to be installed before the baseline is imported, got"
                f" {name} imported already. Install it at start-up."
            )
    finder = _PostImportFinder()
    sys.meta_path.insert(0, finder)
    return Handle(finder)


def _exec_and_patch(exec_module: Callable[[ModuleType], None], module: ModuleType) -> None:
    exec_module(module)
    if baselines.root_of(module):
        _make_plugin_importable()
        from baseline_patches import seams

        seams.patch(module)


def _make_plugin_importable() -> None:
    # In a bare clone with nothing installed the package lies beside this folder; last on the path,
    # so that an installed one wins.
    import importlib.util
    import os

    if importlib.util.find_spec("dcase_denoise_plugin") is None:
        sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
