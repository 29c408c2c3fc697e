import pytest

from dcase_denoise_plugin.errors import first_line, one_line, one_line_with_place


@pytest.mark.parametrize(
    "error, told",
    [
        (RuntimeError("CUDA is out of memory.\nTried to allocate 2 GiB."), "CUDA is out of memory"),
        (RuntimeError("\nCUDA"), "CUDA"),
        (MemoryError(), "MemoryError"),
        (OSError(" "), "OSError"),
    ],
)
def test_the_first_line_of_an_error_says_something_even_where_the_error_says_nothing(error, told):
    assert first_line(error) == told


def test_an_error_in_one_line_is_all_that_it_says():
    assert one_line(ValueError("no\n  such thing.")) == "ValueError: no such thing"
    assert one_line(AssertionError()) == one_line_with_place(AssertionError()) == "AssertionError"
