"""The wrappers around the baseline's data loader: its clips and features pass through the stage.

With the flag off every wrapper passes straight through.
"""

from __future__ import annotations

import functools
import inspect
import os
from typing import TYPE_CHECKING, Any

from baseline_patches.originals import Function, check_seams, stops_the_run
from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.settings.keys import PREFIX

if TYPE_CHECKING:
    from baseline_patches.denoised_run import DenoisedRun

_run: DenoisedRun | None = None  # that is loading its data


def wrap_data_set(original: Function) -> Function:
    @functools.wraps(original)
    @stops_the_run
    def __init__(self: Any, args: Any) -> Any:
        """The baseline's data set, loaded through the stage when the flag is on."""
        global _run
        from baseline_patches.denoised_run import DenoisedRun
        from baseline_patches.run_files import refuse_denoised_model

        if not getattr(args, PREFIX, False):
            refuse_denoised_model(args)
            return original(self, args)
        _run = DenoisedRun(args, check_seams())
        try:
            original(self, args)
            _run.write_receipt()
        except FileNotFoundError:
            raise  # a machine type without data, which the baseline's scripts pass over
        except OSError as error:
            raise DataError(
                "denoised run: expected to read and write its files, got"
                f" {' '.join(str(error).split())} in {os.getcwd()}. Free space or correct path and"
                " rights, then run the same command again."
            ) from None
        finally:
            _run = None

    return __init__


def wrap_load_pre_process(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def load_pre_process(self: Any, *args: Any, **kwargs: Any) -> Any:
        """One split's features: from the cache folder of this very stage, or built clip by clip
        through it.
        """
        if _run is None:
            return original(self, *args, **kwargs)
        settings = signature.bind(self, *args, **kwargs).arguments
        settings.pop("self")
        return _run.load_split(functools.partial(original, self), self, settings)

    return load_pre_process


def wrap_file_list_to_data(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def file_list_to_data(*args: Any, **kwargs: Any) -> Any:
        """The vectors of a list of clips; the stage sees which will be asked for, and reads
        ahead.
        """
        if _run is None:
            return original(*args, **kwargs)
        _run.expect(signature.bind(*args, **kwargs).arguments["file_list"])
        return original(*args, **kwargs)

    return file_list_to_data


def wrap_file_load(original: Function) -> Function:
    @functools.wraps(original)
    def file_load(wav_name: Any, *args: Any, **kwargs: Any) -> Any:
        """One clip as the baseline reads it, after the stage if that works on waveforms."""
        if _run is None:
            return original(wav_name, *args, **kwargs)
        return _run.load_clip(wav_name, lambda path: original(path, *args, **kwargs))

    return file_load


def wrap_file_to_vectors(original: Function) -> Function:
    signature = inspect.signature(original)

    @functools.wraps(original)
    def file_to_vectors(*args: Any, **kwargs: Any) -> Any:
        """One clip's feature vectors, after the stage if that works on log-mel spectrograms."""
        if _run is None:
            return original(*args, **kwargs)
        settings = signature.bind(*args, **kwargs)
        settings.apply_defaults()
        return _run.vectors(
            str(settings.arguments["file_name"]),
            lambda path: original(**{**settings.arguments, "file_name": path}),
            settings.arguments,
        )

    return file_to_vectors
