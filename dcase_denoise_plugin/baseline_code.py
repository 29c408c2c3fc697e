"""The code of a checkout of the baseline, as a digest: features and results rest on it."""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Iterable

LOADER_CODE = ("datasets/**/*.py",)
CODE = ("train.py", "common.py", *LOADER_CODE, "networks/**/*.py", "tools/*.py")


def code_digest(folder: Path, patterns: Iterable[str]) -> str:
    """Hex SHA-256 of the files in a checkout of the baseline that match."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in patterns for file in folder.glob(pattern)):
        digest.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return digest.hexdigest()
