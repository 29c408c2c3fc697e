"""Wraps the baseline's functions where the plugin takes hold of it, and gives them back.

With the flag off every wrapper passes straight through. With the flag on, anything that would make
the comparison a lie stops the run with one line and exit code 2. It leaves as SystemExit because
the baseline catches Exception around its data loading.
"""

from __future__ import annotations

import contextlib
import sys
from types import ModuleType

from baseline_patches import baselines, loader_wrappers, option_wrappers
from baseline_patches.originals import ORIGINALS

LOADER = "datasets.dcase_dcase202x_t2_loader"
WRAPPERS = {
    "common:yaml_load": option_wrappers.wrap_yaml_load,
    "common:get_argparse": option_wrappers.wrap_get_argparse,
    "datasets.datasets:DCASE202XT2.__init__": loader_wrappers.wrap_data_set,
    f"{LOADER}:DCASE202XT2Loader.load_pre_process": loader_wrappers.wrap_load_pre_process,
    f"{LOADER}:file_list_to_data": loader_wrappers.wrap_file_list_to_data,
    "datasets.loader_common:file_load": loader_wrappers.wrap_file_load,
    "datasets.loader_common:file_to_vectors": loader_wrappers.wrap_file_to_vectors,
}


def patch(module: ModuleType) -> None:
    """Wraps the seams that live in `module`; one that is missing is reported by `check_seams`, when
    a run needs it.
    """
    for seam in baselines.SEAMS:
        if seam.partition(":")[0] == module.__name__:
            with contextlib.suppress(AttributeError):
                owner, name = baselines.resolve(seam, {module.__name__: module})
                ORIGINALS[seam] = getattr(owner, name)
                setattr(owner, name, WRAPPERS[seam](ORIGINALS[seam]))


def unpatch() -> None:
    """Gives every wrapped seam its original back."""
    for seam in list(ORIGINALS):
        original = ORIGINALS.pop(seam)
        with contextlib.suppress(KeyError, AttributeError):
            owner, name = baselines.resolve(seam, sys.modules)
            if getattr(getattr(owner, name), "__wrapped__", None) is original:
                setattr(owner, name, original)
