"""What the plugin knows of each baseline family, as data: where it takes hold, what must fit, and
the fingerprints it was tested on.

Only names and digests stand here; nothing of a baseline's source is kept. `python3 -m
baseline_patches.baselines CHECKOUT` prints the fingerprints of a checkout, for a new row.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing itself would take milliseconds of every Python start
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType
    from typing import Any

# A folder with all of these is a checkout of the baseline (or stands in for one); modules named
# `common` or `datasets` elsewhere are nobody's business.
LAYOUT = (
    "train.py",
    "baseline.yaml",
    "common.py",
    "datasets/datasets.py",
    "datasets/loader_common.py",
    "datasets/dcase_dcase202x_t2_loader.py",
    "networks/base_model.py",
)

# Seam → the parameters that the wrappers rely on. A missing seam or parameter stops a run that has
# the flag on.
SEAMS = {
    "common:yaml_load": (),
    "common:get_argparse": (),
    "datasets.datasets:DCASE202XT2.__init__": ("self", "args"),
    "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process": (
        "self",
        "pickle_name",
        "target_dir",
        "pickle_path",
        "dir_name",
        "train",
        "n_mels",
        "frames",
        "n_fft",
        "hop_length",
        "power",
        "fmax",
        "fmin",
        "win_length",
    ),
    "datasets.dcase_dcase202x_t2_loader:file_list_to_data": ("file_list",),
    "datasets.loader_common:file_load": ("wav_name", "mono"),
    "datasets.loader_common:file_to_vectors": (
        "file_name",
        "n_mels",
        "n_frames",
        "n_fft",
        "hop_length",
        "power",
        "fmax",
        "fmin",
        "win_length",
    ),
}

# Not wrapped, but what the wrappers hand over goes through them.
WATCHED = ("common:param_to_args_list", "networks.base_model:BaseModel.__init__")

# Family → seam or watched function → the first 12 hex digits of the SHA-256 of its source. One row
# serves all tags that share it.
FINGERPRINTS = {
    "v4.0.0-v4.3.0": {
        "common:yaml_load": "a46e4f4ec672",
        "common:get_argparse": "7972ee97b370",
        "datasets.datasets:DCASE202XT2.__init__": "8dbdcfe90451",
        "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process": "dd90a28817c7",
        "datasets.loader_common:file_load": "239bc5546625",
        "datasets.loader_common:file_to_vectors": "7a938f83e649",
        "common:param_to_args_list": "8d6ec7fc8b2a",
        "datasets.dcase_dcase202x_t2_loader:file_list_to_data": "11dfa440ff53",
        "networks.base_model:BaseModel.__init__": "3c71c00472c7",
    },
    "v5.0.0-v5.1.1": {
        "common:yaml_load": "a46e4f4ec672",
        "common:get_argparse": "45d4f9d828d8",
        "datasets.datasets:DCASE202XT2.__init__": "23828fe56204",
        "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process": "52651ad46bbd",
        "datasets.loader_common:file_load": "3f7bd4a6de49",
        "datasets.loader_common:file_to_vectors": "4647e3cf728a",
        "common:param_to_args_list": "8d6ec7fc8b2a",
        "datasets.dcase_dcase202x_t2_loader:file_list_to_data": "9b4762611020",
        "networks.base_model:BaseModel.__init__": "3c71c00472c7",
    },
    "stand-in of the demo": {
        "common:yaml_load": "5a0fb139fd01",
        "common:get_argparse": "34715431f2ed",
        "datasets.datasets:DCASE202XT2.__init__": "1ee9f6131240",
        "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process": "1755d3ef2726",
        "datasets.dcase_dcase202x_t2_loader:file_list_to_data": "d2c8d0325caa",
        "datasets.loader_common:file_load": "8cdf4e42406f",
        "datasets.loader_common:file_to_vectors": "038e0153ca40",
        "common:param_to_args_list": "7e5c2f15a336",
        "networks.base_model:BaseModel.__init__": "aa4724d14312",
    },
}


def root_of(module: ModuleType) -> str | None:
    """The checkout that `module` was imported from, or None if it is not a baseline's."""
    file = getattr(module, "__file__", None)
    if not file:
        return None
    root = os.path.dirname(os.path.abspath(file))
    for _ in range(module.__name__.count(".")):
        root = os.path.dirname(root)
    return root if all(os.path.isfile(os.path.join(root, part)) for part in LAYOUT) else None


def fingerprint(function: Callable) -> str:
    """12 hex digits that change with the source of `function`, and with nothing else."""
    import hashlib
    import inspect

    lines = (line.rstrip() for line in inspect.getsource(function).strip().splitlines())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def family_of(fingerprints: dict[str, str]) -> str | None:
    """The family with exactly these fingerprints, or None."""
    return next((family for family, known in FINGERPRINTS.items() if known == fingerprints), None)


def resolve(seam: str, modules: Mapping[str, Any]) -> tuple[Any, str]:
    """The owner (module or class) and attribute name of ``module:function`` or
    ``module:Class.method``; raises AttributeError or KeyError if missing.
    """
    module_name, _, path = seam.partition(":")
    owner = modules[module_name]
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    getattr(owner, name)
    return owner, name


def _print_fingerprints(checkout: str) -> None:
    import importlib
    import sys

    os.chdir(checkout)
    sys.path.insert(0, checkout)
    for seam in (*SEAMS, *WATCHED):
        importlib.import_module(seam.partition(":")[0])
        owner, name = resolve(seam, sys.modules)
        print(f'        "{seam}": "{fingerprint(getattr(owner, name))}",')


if __name__ == "__main__":
    import sys

    _print_fingerprints(os.path.abspath(sys.argv[1]))
