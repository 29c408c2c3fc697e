"""Why the baseline could not load a clip: it catches every error and calls the clip broken."""

from __future__ import annotations

from dcase_denoise_plugin.errors import AudioError, one_line


def why_not_loaded(path: str) -> AudioError:
    """The error about a whole, readable file that the baseline did not load, with the cause that it
    has swallowed: by loading the clip as it does.
    """
    try:
        import librosa

        librosa.load(path, sr=None, mono=False)
    except Exception as error:  # whatever the baseline caught
        return AudioError(
            f"librosa: expected it to load {path} for the baseline, got {one_line(error)}. The clip"
            " itself can be read: mend librosa. If it cannot cache, set NUMBA_CACHE_DIR to a folder"
            " that can be written."
        )
    return AudioError(
        f"clip: expected the baseline to load it, got nothing from its file_load for {path}, which"
        " librosa loads. Look at what the baseline says in the log."
    )
