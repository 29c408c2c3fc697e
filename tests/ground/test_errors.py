import pytest

from dcase_denoise_plugin.errors import (
    DenoiseError,
    error_in,
    error_line,
    first_line,
    one_line,
    one_line_with_place,
    warning_line,
)


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


def test_an_error_line_names_the_program_and_gives_the_error_back():
    assert error_line(DenoiseError("clip: silent.")) == "dcase-denoise: clip: silent."
    assert error_in(error_line("clip: silent.")) == "clip: silent."


def test_a_warning_and_other_lines_are_no_errors():
    assert error_in(warning_line("unknown baseline")) is error_in("Traceback") is None
