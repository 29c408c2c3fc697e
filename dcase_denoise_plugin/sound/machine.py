"""One machine type as the data set lays it out: which clips may train its denoiser, and which hold
only noise.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable
from pathlib import Path

from dcase_denoise_plugin.errors import DataError
from dcase_denoise_plugin.files import digest_of
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.settings.values import is_folder
from dcase_denoise_plugin.sound.audio import wav_files
from dcase_denoise_plugin.sound.wav_header import MOST_CHANNELS, check_channels, check_file

NOISE_MARK = "_noise_"
MACHINE_MARK = "_machine_"
TARGET_MARK = "_target_"


@dataclasses.dataclass(frozen=True)
class Machine:
    """What a denoiser may know of a machine type: its normal training clips and its supplemental
    clips, nothing else.

    Attributes
    ----------
    dataset : the baseline's data set name without the machine type, such as DCASE2025T2.
    machine_type : such as fan.
    train_files : the clips in its ``train`` folder, sorted by name.
    noise_files : the clips in its ``supplemental`` folder that hold noise alone (``_noise_`` in the
        name).
    machine_files : the clips in its ``supplemental`` folder that hold the machine alone
        (``_machine_`` in the name).
    other_files : the training clips of the other machine types beside it.
    features : the baseline's STFT and mel settings.
    seed : the baseline's seed; every generator of the stage starts from it.
    """

    dataset: str
    machine_type: str
    train_files: tuple[Path, ...]
    noise_files: tuple[Path, ...] = ()
    machine_files: tuple[Path, ...] = ()
    other_files: tuple[Path, ...] = ()
    features: FeatureSettings = FeatureSettings()
    seed: int = 0

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        dataset: str,
        features: FeatureSettings = FeatureSettings(),
        seed: int = 0,
    ) -> Machine:
        """Reads the layout ``<folder>/{train,supplemental}/*.wav``.

        Raises
        ------
        DataError
            If there is no ``train`` folder or fewer than two clips in it.
        """
        folder = Path(
            os.path.abspath(folder)
        )  # "." has no name and no folders beside it; a link keeps its own
        train_files = wav_files(folder / "train")
        if len(train_files) < 2:
            raise DataError(
                f"machine {folder.name}: expected at least 2 training clips (*.wav), got"
                f" {len(train_files)} in {folder / 'train'}. Put the machine's training clips"
                " there."
            )
        supplement = wav_files(folder / "supplemental")
        noise_files = tuple(file for file in supplement if NOISE_MARK in file.name)
        machine_files = tuple(
            file for file in supplement if MACHINE_MARK in file.name and file not in noise_files
        )
        return cls(
            dataset,
            folder.name,
            train_files,
            noise_files,
            machine_files,
            training_clips_beside(folder),
            features,
            seed,
        )

    @functools.cached_property
    def channels(self) -> int:
        """Of its first training clip: 1, or 2 (near the machine, far from it). Raises AudioError if
        that is no wav.
        """
        return check_file(self.train_files[0], None).channels

    def check_channels(self, mono: bool) -> None:
        """Raises AudioError if the baseline is told otherwise than its training clips are."""
        check_channels(self.channels, 1 if mono else MOST_CHANNELS, self.train_files[0])

    def training_digest(self, config: DenoiseConfig) -> str:
        """Hex digest of everything but the configuration itself that shapes a denoiser trained with
        it for this machine.
        """
        recordings = (
            self.train_files,
            self.noise_files + self.machine_files,
            recordings_from_elsewhere(config, self.other_files),
        )
        identity = [
            self.dataset,
            self.machine_type,
            self.seed,
            dataclasses.asdict(self.features),
            [manifest(files) for files in recordings],
        ]
        return digest_of(identity)


def training_clips_beside(folder: Path) -> tuple[Path, ...]:
    """The training clips of the other machine types beside the one in `folder`."""
    return tuple(
        file
        for other in sorted(folder.parent.iterdir())
        if other.is_dir() and other != folder
        for file in wav_files(other / "train")
    )


def own_noise(config: DenoiseConfig, root: Path = Path()) -> tuple[Path, ...]:
    """The recordings in the folder that ``denoise_noise_source`` names, by name; else none.

    A folder that is not absolute lies in `root`, or with ``~`` at home.

    Raises
    ------
    DataError
        If there is none in the folder.
    """
    if not is_folder(config.noise_source):
        return ()
    folder = root / os.path.expanduser(config.noise_source)
    files = wav_files(folder)
    if not files:
        raise DataError(
            "denoise_noise_source: expected at least 1 noise clip (*.wav), got 0 in"
            f" {folder.absolute()}. Correct the path, or leave the key at auto."
        )
    return files


def recordings_from_elsewhere(
    config: DenoiseConfig, beside: Iterable[Path], root: Path = Path()
) -> tuple[Path, ...]:
    """What shapes a machine's denoiser without lying in its folder: the user's noise recordings;
    the training clips `beside` it where they are its noise.
    """
    return (*(beside if config.noise_source == "other_machines" else ()), *own_noise(config, root))


def manifest(files: Iterable[Path]) -> list[tuple[str, int, int]]:
    """(name, size in bytes, modification time in ns) of each file: what a cached feature or a
    trained denoiser rests on.

    Of a link to nothing, such as a file of git-annex or DVC that was not fetched, those of the
    link: whoever needs the sound is told.
    """
    return [(file.name, state.st_size, state.st_mtime_ns) for file, state in map(_state, files)]


def _state(file: Path) -> tuple[Path, os.stat_result]:
    try:
        return file, file.stat()
    except OSError:
        return file, file.lstat()
