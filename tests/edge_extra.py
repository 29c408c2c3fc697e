"""What only the extra `edge` can run."""

import pytest


def skip_without_it():
    """Skips the test where a package of the extra is not installed."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[edge]'")
