"""Whether a Python environment holds the versions that setup.cfg states, and what it can run on.

``python3 environment.py SETUP_CFG [EXTRA …]`` exits 1 and says what is missing, in any environment:
it needs neither the package nor its requirements. run_all.sh asks it before it sets up an
environment of its own.
"""

from __future__ import annotations

import configparser
import platform
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

try:
    from packaging.requirements import Requirement
except ImportError:  # a new virtual environment has pip and nothing else
    from pip._vendor.packaging.requirements import Requirement  # type: ignore[assignment]

PACKAGE = "dcase-denoise-plugin"


def pinned_in(setup_cfg: Path, extras: Iterable[str] = ()) -> list[str]:
    """The requirements that a setup.cfg states, with those of `extras`."""
    parser = configparser.ConfigParser()
    parser.read(setup_cfg, encoding="utf-8")
    stated = [
        parser["options"]["install_requires"],
        *(parser["options.extras_require"][extra] for extra in extras),
    ]
    return [
        line for block in stated for line in block.splitlines() if line and not line.startswith("#")
    ]


def pinned() -> list[str]:
    """The requirements of the plugin as it is installed, extras left out, or those of the checkout
    it runs from.
    """
    checkout = Path(__file__).resolve().parents[2] / "setup.cfg"
    return (
        pinned_in(checkout)
        if checkout.is_file()
        else [text for text in metadata.requires(PACKAGE) or () if "extra ==" not in text]
    )


def matched() -> list[str]:
    """The requirement that torchaudio is of torch's version; none without torch. No file of
    requirements can say so.
    """
    try:
        return [f"torchaudio =={metadata.version('torch').partition('+')[0]}"]
    except metadata.PackageNotFoundError:
        return []


def unmet(requirements: Iterable[str]) -> list[str]:
    """Those of `requirements` that this environment does not meet, each with what it has
    instead.
    """
    missing = []
    for requirement in map(Requirement, requirements):
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            version = None
        if version is None or not requirement.specifier.contains(version, prereleases=True):
            missing.append(f"{requirement} (here: {version or 'none'})")
    return missing


def described() -> list[str]:
    """Lines on Python, the versions that shape a result, and the devices."""
    import torch

    names = ("torch", "torchaudio", "librosa", "numpy", "scipy", "pandas", "matplotlib")
    device = (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"none; the CPU has {torch.get_num_threads()} threads"
    )
    return [
        f"Python {platform.python_version()} in {sys.prefix}",
        ", ".join(f"{name} {metadata.version(name)}" for name in names),
        f"CUDA: {device}",
    ]


if __name__ == "__main__":
    lacking = unmet([*pinned_in(Path(sys.argv[1]), sys.argv[2:]), *matched()])
    print("; ".join(lacking))
    sys.exit(bool(lacking))
