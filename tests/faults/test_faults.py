"""The short form of the harness: a few damaged files of each kind."""

import pytest
from faults.harness import tried
from faults.readers import READERS

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_line(kind, tmp_path):
    if kind == "ONNX":
        for package in ("onnx", "onnxscript", "onnxruntime"):
            pytest.importorskip(package)
    counts, wrong = tried(kind, 15, tmp_path)
    assert wrong == [] and counts.total() == 15
