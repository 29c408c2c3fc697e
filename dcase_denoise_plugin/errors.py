"""Errors of the plugin: one base class, one line each, in the shape ``<what>: expected <X>, got <Y>
in <where>. <What to do.>``.
"""

from __future__ import annotations

import logging
import sysconfig
import traceback
from pathlib import Path

from dcase_denoise_plugin.quoting import in_one_line, shortened


class DenoiseError(Exception):
    """Base of every error the plugin raises on purpose; the CLI and the hook print it in one line
    and exit with 2.
    """

    def __str__(self) -> str:
        return in_one_line(super().__str__())


class ConfigError(DenoiseError):
    """A setting is unknown, malformed or out of range, or asks for what is not installed: a
    ``denoise_*`` key, an option, a file of settings.
    """


class AudioError(DenoiseError):
    """A clip cannot be read, or is not what the baseline can score."""


class DataError(DenoiseError):
    """A folder is not there, lacks the clips that are needed of it, or must not be written to."""


class CheckpointError(DenoiseError):
    """A denoiser file is missing, damaged, or made for something else."""


class TrainingError(DenoiseError):
    """The denoiser's training cannot go on."""


class BaselineError(DenoiseError):
    """The baseline is missing, is not one, or has changed where the plugin takes hold."""


class RunError(DenoiseError):
    """A run of the baseline failed or left no proof that it did what was asked."""


_LINE_START, _WARNING_START = "dcase-denoise: ", "dcase-denoise: warning: "


def error_line(error: object) -> str:
    """An error as command line and hook print it."""
    return f"{_LINE_START}{in_one_line(error)}"


def warning_line(text: str) -> str:
    """A warning, likewise; a run goes on after it."""
    return f"{_WARNING_START}{in_one_line(text)}"


_WARNED: set[tuple[str, Path]] = set()


def warn_once(what: str, folder: Path, text: str) -> None:
    """Logs the warning ``<what>: <text>``, the first of its `what` about this folder alone."""
    if (what, folder) not in _WARNED:
        _WARNED.add((what, folder))
        logging.getLogger("dcase_denoise_plugin").warning(warning_line(f"{what}: {text}"))


def error_in(line: str) -> str | None:
    """The error of an `error_line`; None for any other line."""
    if not line.startswith(_LINE_START) or line.startswith(_WARNING_START):
        return None
    return line.removeprefix(_LINE_START)


def first_line(error: BaseException) -> str:
    """The first line of what foreign code says of an error, shortened, without its full stop; its
    class if it says nothing.
    """
    text = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return shortened(text).rstrip(".")


def one_line(error: BaseException) -> str:
    """An exception from foreign code: its class and what it says, shortened, without line breaks
    and full stop.
    """
    said = shortened(" ".join(str(error).split())).rstrip(".")
    return f"{type(error).__name__}: {said}".removesuffix(": ")


def one_line_with_place(error: BaseException) -> str:
    """The same, with the place that raised it: file and line, of the user's code rather than a
    library's.
    """
    text = one_line(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if not (is_installed(frame.filename) or frame.filename.startswith("<"))
    ]  # a library's lines say little about its caller
    return (
        f"{text} ({Path((own or frames)[-1].filename).name}, line {(own or frames)[-1].lineno})"
        if frames
        else text
    )


INSTALLED = tuple(
    sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)


def is_installed(file: Path | str) -> bool:
    """Whether `file`, and what lies beside it, came with Python or an installed package."""
    return any(Path(file).is_relative_to(folder) for folder in INSTALLED)
