"""One run of the baseline with the flag on: its stage, its own feature cache, the receipt, and the
guards against crossing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock

from baseline_patches.clip_reader import OTHER_BASELINE, ClipReader
from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.errors import BaselineError, DataError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.settings import config as configuration
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.audio import wav_files
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.stage.code_digests import LOADER_CODE, code_digest
from dcase_denoise_plugin.stage.stage import Stage

DATASET_NAME_LENGTH = len("DCASE2025T2")  # the baseline cuts its --dataset here


class DenoisedRun:
    """Stands between the baseline's loader and its wav files for the length of one data load.

    Parameters
    ----------
    args : the baseline's parsed namespace, with every denoise key settled.
    baseline : what `seams.check_seams` found, for the receipt.
    """

    def __init__(self, args, baseline: dict):
        self.args, self.baseline = args, baseline
        fields = configuration.field_names()
        self.config = configuration.DenoiseConfig(
            **{fields[key].name: value for key, value in vars(args).items() if key in fields}
        )
        self.splits: dict[str, dict] = {}
        self._stage: Stage | None = None
        self._reader: ClipReader | None = None
        self._served = 0
        _refuse_plain_model(args)
        if baseline["warning"]:
            print(f"dcase-denoise: warning: {baseline['warning']}", file=sys.stderr)

    def load_split(self, load_pre_process, loader, settings: dict) -> None:
        """Lets the baseline load or build the features of one split, in a cache folder named by
        everything they rest on.

        The pickle is built aside and renamed, so one that is there is whole, whenever the run
        before was killed.
        """
        stage = self._stage_of(settings)
        files = wav_files(Path(settings["target_dir"], settings["dir_name"]))
        feature_settings = {
            name: value
            for name, value in settings.items()
            if name not in ("target_dir", "pickle_path")
        }
        digest = stage.feature_digest(files, feature_settings, code_digest(Path(), LOADER_CODE))
        pickle_path = Path(settings["pickle_path"])
        folder = pickle_path.parent / f"denoise_{digest[:16]}"
        folder.mkdir(parents=True, exist_ok=True)
        served_before, seconds_before = self._served, stage.seconds
        with FileLock(folder / "lock"):
            cached = (folder / pickle_path.name).is_file()
            if not cached:
                with _folder_aside(folder / "partial") as aside, self.reading():
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

    @contextlib.contextmanager
    def reading(self, files=()):
        """While the baseline's loader asks for the clips `files` in this order, those to come are
        read ahead; others are read when it asks.
        """
        around = self._reader
        try:
            with ClipReader(self._stage, files, around.threads if around else None) as self._reader:
                yield
        finally:
            self._reader = around

    def load_clip(self, path: str, file_load):
        """(wav, sample rate) of one clip, checked, and denoised if the stage works on waveforms."""
        return self._reader.load(path, file_load)

    def vectors(self, path: str, file_to_vectors, settings: dict) -> np.ndarray:
        """The (frames - n_frames + 1, n_frames * n_mels) vectors of one clip behind the stage."""
        vectors = self._reader.vectors(
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
        """
        receipt = {
            "plugin_version": __version__,
            "baseline": self.baseline,
            **self._stage.receipt(),
            "splits": self.splits,
            "command": sys.argv,
        }
        trained = _model_receipt(self.args)
        same_stage = _stage_digest(trained) == receipt["stage_digest"]
        if not self.args.test_only:
            resumed = _resumed(self.args)
            if resumed is None:
                _write_json(trained, receipt)
            elif not (same_stage and _is_own(resumed, self.args) and _newer(resumed, trained)):
                raise BaselineError(
                    "--restart: expected an autoencoder in training on the features of denoiser"
                    f" stage {receipt['stage_digest'][:12]}, got one of another stage or of none in"
                    f" {resumed}. Leave --restart out, or name another --export_dir."
                )
        elif not same_stage:
            raise BaselineError(
                f"autoencoder {_model(self.args)}: expected one trained on the features of denoiser"
                f" stage {receipt['stage_digest'][:12]}, got one of"
                f" {(_stage_digest(trained) or 'none')[:12]}. Train it first:"
                f" {self._train_command()}"
            )
        elif not _newer(_model(self.args), trained):
            raise BaselineError(
                f"autoencoder {_model(self.args)}: expected one that was saved after its receipt,"
                f" got an older one or none beside {trained}. Its training was not finished; run it"
                f" again: {self._train_command()}"
            )
        else:
            self._stage.refuse_other_trial(json.loads(trained.read_text()).get("trial"))
        if not self.args.train_only:
            split = "eval_data" if self.args.eval else "dev_data"
            _write_json(
                Path(
                    self.args.result_directory,
                    split,
                    f"{self.args.export_dir}_{self.args.score}",
                    trained.name,
                ),
                receipt,
            )

    def _stage_of(self, settings: dict) -> Stage:
        if self._stage is None:
            names = (field.name for field in dataclasses.fields(FeatureSettings))
            features = FeatureSettings(**{name: settings[name] for name in names})
            machine = Machine.from_folder(
                Path(settings["target_dir"]),
                self.args.dataset[:DATASET_NAME_LENGTH],
                features,
                self.args.seed,
            )
            device = (
                torch.device("cuda", self.args.gpu_id[0]) if self.args.cuda else torch.device("cpu")
            )
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


def refuse_denoised_model(args) -> None:
    """Stops a plain run that would read or overwrite a denoised run's model.

    Raises
    ------
    BaselineError
        If the run's export_dir holds a denoised model under the run's own name.
    """
    if getattr(args, "export_dir", None) is not None and _model_receipt(args).exists():
        raise BaselineError(
            "export_dir: expected a folder without denoised models for a plain run, "
            f"got {args.export_dir!r} with {_model_receipt(args)}. Choose another --export_dir."
        )


def _refuse_plain_model(args) -> None:
    if _model(args).exists() and not _model_receipt(args).exists():
        raise BaselineError(
            "export_dir: expected a folder without plain models for a denoised run, got"
            f" {args.export_dir!r} with {_model(args)}. Choose another --export_dir."
        )


def _run_name(args) -> str:
    return (
        f"{args.dataset}_seed{args.seed}"
        + (f"_{args.model_name_suffix}" if args.model_name_suffix else "")
        + ("_Eval" if args.eval else "")
    )


def _model(args) -> Path:
    suffix = (f"_{args.model_name_suffix}" if args.model_name_suffix else "") + (
        "_Eval" if args.eval else ""
    )
    return Path(
        "models/saved_model",
        args.export_dir,
        f"{args.model}_{args.dataset}{suffix}_seed{args.seed}.pth",
    )


def _model_receipt(args) -> Path:
    return Path("models/saved_model", args.export_dir, f"denoise_receipt_{_run_name(args)}.json")


def _resumed(args) -> Path | None:
    """The state of training that the baseline goes on from, None if it starts anew: without
    --restart, or where there is none.
    """
    named = (
        Path(args.checkpoint_path)
        if args.checkpoint_path
        else next(filter(Path.is_file, _own_states(args)), None)
    )
    return named if args.restart and named and named.is_file() else None


def _is_own(state: Path, args) -> bool:
    return state.resolve() in [own.resolve() for own in _own_states(args)]


def _own_states(args) -> list[Path]:
    stem = _model(args).stem
    # The stand-in leaves the mark of evaluation data out.
    return [
        Path("models/checkpoint", args.export_dir, name, "checkpoint.tar")
        for name in (stem, stem.replace("_Eval_seed", "_seed"))
    ]


def _stage_digest(receipt: Path) -> str | None:
    with contextlib.suppress(OSError, ValueError):
        return json.loads(receipt.read_text())["stage_digest"]
    return None


@contextlib.contextmanager
def _folder_aside(folder: Path):
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


def _newer(model: Path, receipt: Path) -> bool:
    # A training that was stopped before its first epoch leaves a new receipt beside an old model,
    # or beside none.
    return model.is_file() and model.stat().st_mtime_ns >= receipt.stat().st_mtime_ns


def _write_json(path: Path, content: dict) -> None:
    with written_whole(path) as aside:
        aside.write_text(
            json.dumps({**content, "written": time.strftime("%Y-%m-%dT%H:%M:%S%z")}, indent=2)
        )
