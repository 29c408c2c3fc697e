"""Which files of a folder are its clips."""
from __future__ import annotations

import glob
from pathlib import Path


def wav_files(folder: Path) -> tuple[Path, ...]:
    """A machine type's clips as the baseline finds them, ``*.wav`` by name, and so no hidden ones such as macOS leaves; none if there is no folder."""
    return tuple(Path(file) for file in sorted(glob.glob(f"{glob.escape(str(folder))}/*.wav")))


def is_recording(file: Path) -> bool:
    """Whether a file that a user hands over is a recording: .wav in small or capital letters, and not hidden."""
    return file.suffix.lower() == ".wav" and not file.name.startswith(".")
