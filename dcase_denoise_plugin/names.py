"""Every path of a checkout and the file names of a run, the baseline's own and the plugin's; those
of results that are read again are in `checkout.result_files`. Standard library only, for the hook.

::

    data/<data set>/dev_data/raw/<machine>/<split>/*.wav           clips
    data/<data set>/dev_data/processed/<machine>/<split>/…/        plain features, and in a folder
                                             denoise_<digest>/     those of one denoising stage
    models/checkpoint/denoiser/<machine, seed, digest>/denoiser.pt trained denoisers
    models/checkpoint/<export_dir>/<run>/                          trainings of the autoencoder
    models/saved_model/<export_dir>/                               autoencoders, receipts, records
    results/dev_data/<export_dir>_<score>/                         scores, AUCs, receipts, records
    results/dev_data/<export_dir>_compare/                         plain and denoised together
    logs/<export_dir>/<run>/log.csv                                losses of the autoencoder
    logs/run_all/dev_data/<export_dir>/                            what the baseline says
"""

from __future__ import annotations

import dataclasses
import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.errors import BaselineError, ConfigError
from dcase_denoise_plugin.quoting import quoted

OWN_RUNS = "own_machine_"  # begins the export_dir of `own --baseline`
DENOISED_SUFFIX = "_denoise"  # of the export_dir of denoised runs, apart from the plain ones
MODE_FOLDERS = {"dev": "dev_data", "eval": "eval_data"}
SCORES = ("MSE", "MAHALA")
SERVED_SPLITS = ("train", "test", "test_rename")  # the baseline trains and tests on them
SPLITS = (*SERVED_SPLITS, "supplemental")
DENOISERS = Path("models", "checkpoint", "denoiser")
DIGEST_LENGTH = 16  # hex digits in a name
DATASET_LENGTH = len("DCASE2025T2")  # where the baseline cuts its --dataset
# In a folder of denoised features.
CACHE_LOCK, CACHE_IN_THE_MAKING = "lock", "partial"
LOCKED = "_lockfile"  # in place of .pickle, while the baseline writes it


def plain_export_dir(export_dir: str) -> str:
    """The export_dir of the plain runs that belong to these denoised ones."""
    return export_dir.removesuffix(DENOISED_SUFFIX)


def refuse_outside(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError if these settings of the baseline would make folders outside of the
    checkout.
    """
    for key in ("export_dir", "result_directory"):
        text = str(settings.get(key) or "")
        path = Path(text)
        if path.is_absolute() or ".." in path.parts or not text.isprintable():
            raise ConfigError(
                f"{key}: expected a folder inside the checkout, got {quoted(text)}. Name one"
                " without a leading / and without ..; it may be a link to another disk."
            )


def refuse_pattern(root: Path) -> None:
    """Raises BaselineError if the baseline would find no clip in this checkout: it hands the path
    to glob.
    """
    if glob.has_magic(str(root.absolute())):
        raise BaselineError(
            "baseline: expected a path without [, * and ?, which the baseline takes for patterns"
            f" when it looks for clips, got {root.absolute()}. Move or rename the folder."
        )


@dataclasses.dataclass(frozen=True)
class Folders:
    """The folders of a checkout.

    Attributes
    ----------
    root : the checkout; an empty path where it is the current folder.
    mode : "dev" or "eval" data.
    settings : the baseline's settings in effect, of which two name folders.
    """

    root: Path
    mode: str
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def data(self, dataset: str) -> Path:
        """Holds the clips and the plain features of a data set, named as in DCASE2025T2."""
        below = self.root / str(self.settings.get("dataset_directory", "data"))
        return below / dataset.lower() / MODE_FOLDERS[self.mode]

    def raw(self, dataset: str) -> Path:
        """Holds ``<machine>/<split>/*.wav``."""
        return self.data(dataset) / "raw"

    def processed(self, dataset: str) -> Path:
        """Holds ``<machine>/<split>/<settings>/*.pickle``."""
        return self.data(dataset) / "processed"

    @property
    def results(self) -> Path:
        """Holds the results of all export_dirs."""
        below = self.root / str(self.settings.get("result_directory", "results"))
        return below / MODE_FOLDERS[self.mode]

    def scores(self, export_dir: str, score: str) -> Path:
        """Holds the results under a score, one of `SCORES`."""
        return self.results / f"{export_dir}_{score}"

    def models(self, export_dir: str) -> Path:
        """Holds the trained autoencoders."""
        return self.root / "models" / "saved_model" / export_dir

    def training(self, export_dir: str, name: str) -> Path:
        """Holds the state and settings of a training, named by `RunName.training`."""
        return self.root / "models" / "checkpoint" / export_dir / name

    def logs(self, plain_export_dir: str) -> Path:
        """Holds what the baseline says, plain and denoised."""
        return self.root / "logs" / "run_all" / MODE_FOLDERS[self.mode] / plain_export_dir

    def losses(self, export_dir: str) -> Path:
        """Holds a folder for each training with its losses, ``log.csv``."""
        return self.root / "logs" / export_dir

    def together(self, plain_export_dir: str) -> Path:
        """Holds what is about plain and denoised results together."""
        return self.results / f"{plain_export_dir}_compare"

    def study(self, study: str) -> Path:
        """Holds the tables of a study."""
        return self.results / f"{study}_study"


def training_state(training: Path) -> Path:
    """The autoencoder in training, in its `Folders.training`."""
    return training / "checkpoint.tar"


def training_settings(training: Path) -> Path:
    """The settings of the training, in its `Folders.training`."""
    return training / "args.json"


def training_losses(training: Path) -> Path:
    """The autoencoder's losses, an epoch a row, in its folder in `Folders.losses`."""
    return training / "log.csv"


@dataclasses.dataclass(frozen=True)
class RunName:
    """What the names of a run's files hold.

    Attributes
    ----------
    data : data set and machine type as the baseline writes them, DCASE2025T2fan.
    tag : the baseline's ``-tag``, such as ``id(0_)``; may be empty.
    mode : "dev" or "eval" data.
    """

    data: str
    seed: int
    tag: str
    mode: str

    @property
    def _suffix(self) -> str:
        return (f"_{self.tag}" if self.tag else "") + ("_Eval" if self.mode == "eval" else "")

    def training(self, network: str = "*") -> str:
        """Of the autoencoder's training, model and score distributions, without their ending."""
        return f"{network}_{self.data}{self._suffix}_seed{self.seed}"

    def model(self, network: str = "*") -> str:
        return f"{self.training(network)}.pth"

    @property
    def receipt(self) -> str:
        """Proof of the hook that the stage took part, in every folder of the run's results."""
        return f"denoise_receipt_{self.data}_seed{self.seed}{self._suffix}.json"

    @property
    def record(self) -> str:
        """Note of the runner that a step is finished, likewise."""
        return f"run_{self.data}_seed{self.seed}{self._suffix}.json"

    @property
    def roc(self) -> str:
        """AUC and pAUC, if the baseline knows the truth."""
        return f"result_{self.data}_test_seed{self.seed}{self._suffix}_roc.csv"

    @property
    def tables(self) -> str:
        """A pattern of all CSVs of a test."""
        return f"*_{self.data}_*_seed{self.seed}{self._suffix}*.csv"


def denoiser(folder: Path, data: str, seed: int, digest: str) -> Path:
    """The trained denoiser that rests on what has this digest, in `DENOISERS` of a checkout."""
    return folder / f"{data}_seed{seed}_{digest[:DIGEST_LENGTH]}" / "denoiser.pt"


def denoised_features(plain: Path, digest: str) -> Path:
    """Beside a pickle of plain features, the folder of those of one denoising stage."""
    return plain.parent / f"denoise_{digest[:DIGEST_LENGTH]}"


def plain_features(n_mels: str, n_fft: str, hop_length: str, is_band_limited: bool) -> str:
    """A pattern of the folders that the baseline puts plain features of these settings in."""
    return f"mels{n_mels}_fft{n_fft}_hop{hop_length}" + ("_f*" if is_band_limited else "")


def feature_claim(processed: Path, digest: str) -> Path:
    """What the plain features of a machine type are made of, for one place of them; locked by who
    makes them.
    """
    return processed / f"denoise_plugin_{digest[:DIGEST_LENGTH]}.json"


def score_distribution(model: Path, score: str) -> Path:
    """From which the baseline takes its threshold, beside the model."""
    return model.with_name(f"score_distr_{model.stem}_{score.lower()}.pickle")
