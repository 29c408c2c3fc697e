"""One run of the baseline with the flag on: its stage, its own feature cache, the receipt, and the
guards against crossing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock

from baseline_patches.clip_reader import OTHER_BASELINE, ClipReader
from baseline_patches.run_files import RunFiles, write_json
from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.errors import BaselineError, DataError, warning_line
from dcase_denoise_plugin.names import (
    CACHE_IN_THE_MAKING,
    CACHE_LOCK,
    DATASET_LENGTH,
    SCORES,
    denoised_features,
)
from dcase_denoise_plugin.process import log_to_stdout
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.audio import refuse_unread, wav_files
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.code_digests import LOADER_CODE, code_digest
from dcase_denoise_plugin.stage.stage import Stage


class DenoisedRun:
    """Stands between the baseline's loader and its wav files for the length of one data load.

    Parameters
    ----------
    args : the baseline's parsed namespace, with every denoise key settled.
    baseline : what `seams.check_seams` found, for the receipt.
    """

    def __init__(self, args: Any, baseline: dict):
        self.args, self.baseline = args, baseline
        fields = configuration.field_names()
        self.config = configuration.DenoiseConfig(
            **{fields[key].name: value for key, value in vars(args).items() if key in fields}
        )
        self.splits: dict[str, dict] = {}
        self._stage: Stage | None = None
        self._reader: ClipReader | None = None
        self._served = 0
        log_to_stdout()
        self._files = RunFiles(args)
        self._files.refuse_plain_model()
        if not args.test_only and self._files.resumed is None:
            models = self._files.model.parent
            self._files.refuse_other_stage(self.config, models, *map(self._files.scores, SCORES))
        if baseline["warning"]:
            print(warning_line(baseline["warning"]), file=sys.stderr)

    def load_split(self, load_pre_process: Callable[..., Any], loader: Any, settings: dict) -> None:
        """Lets the baseline load or build one split's features, in a cache folder of their own.

        The pickle is built aside and renamed, so one that is there is whole, whenever the run
        before was killed.
        """
        files = wav_files(Path(settings["target_dir"], settings["dir_name"]))
        refuse_unread(files)
        stage = self._stage_of(settings)
        places = ("target_dir", "pickle_path")
        feature_settings = {key: value for key, value in settings.items() if key not in places}
        digest = stage.feature_digest(files, feature_settings, code_digest(Path(), LOADER_CODE))
        pickle_path = Path(settings["pickle_path"])
        folder = denoised_features(pickle_path, digest)
        folder.mkdir(parents=True, exist_ok=True)
        served_before, seconds_before = self._served, stage.seconds
        with FileLock(folder / CACHE_LOCK), self._reading(stage):
            cached = (folder / pickle_path.name).is_file()
            if not cached:
                with _folder_aside(folder / CACHE_IN_THE_MAKING) as aside:
                    load_pre_process(**self._moved(settings, aside))
                    self._refuse_unserved(
                        self._served - served_before, len(loader.basenames), settings
                    )
                    (aside / pickle_path.name).replace(folder / pickle_path.name)
            else:
                load_pre_process(**self._moved(settings, folder))
        self.splits[settings["dir_name"]] = {
            "clips": len(loader.basenames),
            "cached": cached,
            "features": str(folder),
            "seconds": round(stage.seconds - seconds_before, 3),
        }

    def expect(self, files: Iterable[str]) -> None:
        """Reads ahead: the baseline's loader will ask for these clips, in this order."""
        self.reader.expect(files)

    @contextlib.contextmanager
    def _reading(self, stage: Stage) -> Iterator[None]:
        try:
            with ClipReader(stage) as self._reader:
                yield
        finally:
            self._reader = None

    @property
    def stage(self) -> Stage:
        """The stage that has served the clips."""
        if self._stage is None:
            raise BaselineError(
                "denoising stage: expected the baseline to load its clips, got a run without any."
                f" {OTHER_BASELINE}"
            )
        return self._stage

    @property
    def reader(self) -> ClipReader:
        """Reads the clips of the split that is being built."""
        if self._reader is None:
            raise BaselineError(
                "denoising stage: expected clips to be read while features are built, got one"
                f" outside of that. {OTHER_BASELINE}"
            )
        return self._reader

    def load_clip(self, path: str, file_load: Callable[[str], Any]) -> tuple[np.ndarray, int]:
        """(wav, sample rate) of one clip, checked, and denoised if the stage works on waveforms."""
        return self.reader.load(path, file_load)

    def vectors(
        self, path: str, file_to_vectors: Callable[[str], np.ndarray], settings: dict
    ) -> np.ndarray:
        """The (frames - n_frames + 1, n_frames * n_mels) vectors of one clip behind the stage."""
        vectors = self.reader.vectors(
            path, file_to_vectors, settings["n_mels"], settings["n_frames"]
        )
        self._served += 1
        return vectors

    def write_receipt(self) -> None:
        """Leaves the receipt beside the model that a training run makes and beside the CSVs that a
        test run makes.

        Raises
        ------
        BaselineError
            If the autoencoder under test, or the one whose training is to go on, was trained on
            other features than those of this stage, or not to its end.
        DataError
            If results of another stage lie where those of a test would go.
        """
        receipt = {
            "plugin_version": __version__,
            "baseline": self.baseline,
            **self.stage.receipt(),
            "splits": self.splits,
            "command": sys.argv,
        }
        digest = receipt["stage_digest"]
        if not self.args.test_only:
            if self._files.resumed is None:
                write_json(self._files.model_receipt, receipt)
            else:
                self._files.refuse_resumed_of_another(digest)
        else:
            self._files.refuse_untrained(digest, self._train_command())
            self.stage.refuse_other_trial(self._files.training_receipt().trial)
        if not self.args.train_only:
            scores = self._files.scores(self.args.score)
            self._files.refuse_other_stage(self.config, scores)
            write_json(scores / self._files.model_receipt.name, receipt)

    def _stage_of(self, settings: dict) -> Stage:
        if self._stage is None:
            names = [field.name for field in dataclasses.fields(FeatureSettings)]
            machine = Machine.from_folder(
                Path(settings["target_dir"]),
                self.args.dataset[:DATASET_LENGTH],
                FeatureSettings(**{name: settings[name] for name in names}),
                self.args.seed,
            )
            machine.check_channels(mono=getattr(self.args, "mono", True))
            device = torch.device(f"cuda:{self.args.gpu_id[0]}" if self.args.cuda else "cpu")
            self._stage = Stage(
                machine,
                self.config,
                device,
                train_command=self._train_command() if self.args.test_only else None,
            )
        return self._stage

    def _train_command(self) -> str:
        return shlex.join(
            [
                "python3",
                "train.py",
                *(word for word in sys.argv[1:] if word != "--test_only"),
                "--train_only",
            ]
        )

    @staticmethod
    def _moved(settings: dict, folder: Path) -> dict:
        """`settings` with the pickle and its lock file in `folder`; the loader derives the lock's
        place from the pickle's name.
        """
        pickle_path = Path(settings["pickle_path"])
        inside = os.path.relpath(folder, pickle_path.parent)
        return {
            **settings,
            "pickle_path": str(folder / pickle_path.name),
            "pickle_name": f"{inside}/{settings['pickle_name']}",
        }

    @staticmethod
    def _refuse_unserved(served: int, expected: int, settings: dict) -> None:
        if served != expected:
            raise BaselineError(
                f"denoising stage: expected to serve all {expected} clips of"
                f" {settings['target_dir']}/{settings['dir_name']}, got {served}. {OTHER_BASELINE}"
            )


@contextlib.contextmanager
def _folder_aside(folder: Path) -> Iterator[Path]:
    """An empty folder to build features in; gone afterwards, and what a killed run left in it
    before. Raises DataError if the disk is full or read-only.
    """
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(parents=True)
        yield folder
    except OSError as error:
        raise DataError(
            f"features: expected to write them in {folder.parent}, got {error}. "
            "Free space or correct the rights, then run the same command again."
        ) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
