"""Hex digests of settings and files: two that are equal stand for equal content."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_of(content: Any) -> str:
    """SHA-256 of `content` as JSON, its keys sorted."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def file_digest(file: Path) -> str:
    """SHA-256 of the bytes of `file`. Raises OSError if it cannot be read."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
