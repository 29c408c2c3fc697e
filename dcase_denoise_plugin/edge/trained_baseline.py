"""What a training run of the baseline left for one machine type: weights, score distributions, the
settings it ran with, and the stage's receipt.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch

from dcase_denoise_plugin.checkout.machine_run import SCORES, MachineRun
from dcase_denoise_plugin.checkout.overrides import import_method
from dcase_denoise_plugin.checkout.run_record import receipt_of
from dcase_denoise_plugin.edge.autoencoder import Autoencoder
from dcase_denoise_plugin.edge.threshold import decision_threshold
from dcase_denoise_plugin.errors import BaselineError, RunError, first_line
from dcase_denoise_plugin.files import read_json
from dcase_denoise_plugin.names import DENOISERS, score_distribution, training_settings
from dcase_denoise_plugin.process import thread_limit
from dcase_denoise_plugin.settings import sources
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.features import FeatureSettings
from dcase_denoise_plugin.sound.machine import Machine
from dcase_denoise_plugin.sound.spectrogram import Spectrogram
from dcase_denoise_plugin.sound.wav_header import check_file
from dcase_denoise_plugin.stage.named_method import refuse_foreign
from dcase_denoise_plugin.stage.stage import Stage

FEATURES = tuple(field.name for field in dataclasses.fields(FeatureSettings))
Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class TrainingSettings(msgspec.Struct):
    """The baseline's settings at a training, as far as its scores hang on them."""

    n_fft: int
    hop_length: int
    win_length: float | None
    n_mels: int
    power: float
    fmin: float
    fmax: float | None
    frames: Count
    frame_hop_length: Count
    decision_threshold: Annotated[float, msgspec.Meta(ge=0, le=1)]
    test_only: bool = False
    restart: bool = False


@dataclasses.dataclass(frozen=True)
class TrainedBaseline:
    """One arm of one machine type, trained.

    Attributes
    ----------
    machine : its clips, as at the training.
    settings : the baseline's settings in effect at the training.
    stage : the denoising stage it was trained behind; None for the plain baseline.
    thresholds : score → value above which the baseline decides for an anomaly.
    sample_rate_hz, samples : of every clip.
    """

    machine: Machine
    settings: TrainingSettings
    autoencoder: Autoencoder
    thresholds: Mapping[str, float]
    stage: Stage | None
    sample_rate_hz: int
    samples: int

    @classmethod
    def load(cls, run: MachineRun, own_method: str | None = None) -> TrainedBaseline:
        """Reads what `run` left.

        Parameters
        ----------
        own_method : the method of the user's that this command names; no other is imported.

        Raises
        ------
        RunError
            If it left no model, or a denoised one no receipt.
        ConfigError
            If the receipt names a method of the user's that is not `own_method`, or has other code
            by now; or a setting that this version does not know.
        BaselineError
            If a file is damaged or missing, a later training was interrupted, or the denoiser is no
            longer the one the autoencoder was trained behind.
        AudioError
            If the first training clip cannot be read.
        """
        files = run.outputs("train")
        model = next((file for file in files if file.suffix == ".pth"), None)
        if not model:
            raise RunError(
                f"{run}: expected the baseline's trained model, got none in {run.folder('train')}."
                f" Train it first: {_train_command(run)}."
            )
        noted = training_settings(
            run.plan.folders.training(run.plan.export_dir(run.arm), model.stem)
        )
        settings = _settings_in(noted, run)
        distributions = {score: score_distribution(model, score) for score in SCORES}
        # The real baseline notes the settings of a test in the same place, and those of a training
        # that had nothing left to do.
        at_start = [] if settings.test_only or settings.restart else [noted]
        _refuse_interrupted(
            run,
            [*at_start, *([run.receipt("train")] if run.arm == "denoised" else [])],
            [*distributions.values(), model],
        )
        features = FeatureSettings(**{name: getattr(settings, name) for name in FEATURES})
        machine = Machine.from_folder(run.raw, run.plan.dataset, features, run.seed)
        first = check_file(machine.train_files[0], None)
        return cls(
            machine,
            settings,
            Autoencoder.load(model, settings.frames, settings.frame_hop_length, settings.n_mels),
            {
                score: decision_threshold(file, settings.decision_threshold)
                for score, file in distributions.items()
            },
            _stage_of(run, machine, own_method) if run.arm == "denoised" else None,
            first.sample_rate_hz,
            first.samples,
        )


def _settings_in(noted: Path, run: MachineRun) -> TrainingSettings:
    """The namespace that the baseline noted at the training; command-line settings are in no other
    place.
    """
    try:
        return read_json(noted, TrainingSettings)
    except (OSError, ValueError) as error:
        raise BaselineError(
            f"{run}: expected the settings of the training, got {first_line(error)} in {noted}."
            " Train it again."
        ) from None


def _refuse_interrupted(run: MachineRun, at_start: list[Path], in_order: list[Path]) -> None:
    """Refuses what a whole training and the beginning of a later one have left together: it writes
    `at_start`, then these distributions and the model.
    """
    in_order = [file for file in in_order if file.is_file()]
    for earlier, later in (
        *((file, in_order[0]) for file in at_start if file.is_file()),
        *itertools.pairwise(in_order),
    ):
        if later.stat().st_mtime_ns < earlier.stat().st_mtime_ns:
            raise BaselineError(
                f"{run}: expected a training that came to its end, got an interrupted one that"
                f" wrote {earlier.name} anew and not {later}. Delete that and train again:"
                f" {_train_command(run)} (a copy must keep the files' times)."
            )


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _train_command(run: MachineRun) -> str:
    return (
        f"dcase-denoise run {'denoise' if run.arm == 'denoised' else 'baseline'}"
        f" -{run.plan.mode[0]} --machine {run.machine}"
    )


def _stage_of(run: MachineRun, machine: Machine, own_method: str | None) -> Stage:
    receipt, root = receipt_of(run, "train"), run.plan.baseline.folder
    path = run.receipt("train")
    config = DenoiseConfig(**sources.from_keys(receipt.config, str(path)))
    if config.checkpoint:
        config = dataclasses.replace(config, checkpoint=str(root / config.checkpoint))
    refuse_foreign(config.method, own_method, receipt.method_source, path, (root,), (Path.cwd(),))
    import_method(config.method, run.plan.baseline)
    # As the baseline ran: a denoiser's name and file hold a noise folder's path as it was written.
    with _inside(root):
        stage = Stage(machine, config, torch.device("cpu"), root / DENOISERS, _train_command(run))
    recorded = str(receipt.method_digest)
    if stage.method_digest != recorded:
        where = (
            f"at {stage.checkpoint}"
            if config.method == "unet"
            else f"by denoise_method {config.method}, whose source or recordings have changed"
        )
        raise BaselineError(
            f"{run}: expected the denoiser it was trained behind ({recorded[:12]}), got another one"
            f" ({stage.method_digest[:12]}) {where}. Run the training again."
        )
    return stage


class BaselineScorer:
    """Serves clips of one machine type, one at a time.

    The features are our own STFT's, not librosa's: scores differ by a few millionths, and librosa's
    takes 75 MB more.

    Attributes
    ----------
    sample_rate_hz, samples, channels : what a clip must have; of two channels the near one is
        scored.
    thresholds : score → value above which the baseline decides for an anomaly.
    name, channel, calibration : as those of `onnx_model.OnnxScorer`.
    """

    channel: int | None = None
    calibration: Mapping[str, Any] | None = None

    def __init__(self, trained: TrainedBaseline):
        self.name = trained.machine.machine_type
        self.trained, self.thresholds = trained, trained.thresholds
        self.sample_rate_hz, self.samples = trained.sample_rate_hz, trained.samples
        self.channels = trained.machine.channels
        self.spectrogram = Spectrogram(trained.machine.features, trained.sample_rate_hz, "mel")

    @thread_limit(1)
    @torch.inference_mode()
    def __call__(self, wav: np.ndarray, clip: str) -> dict[str, float]:
        """Score → value for a waveform, float32 (samples,) or (samples, 2), full scale ±1; `clip`
        names it in errors. Raises DenoiseError if the stage cannot serve it.
        """
        stage, rate_hz = self.trained.stage, self.sample_rate_hz
        near = wav.reshape(len(wav), -1)[:, 0].copy()
        if stage and stage.config.domain == "waveform":
            (near,) = stage.denoise([near], rate_hz, [clip], [wav])
        log_mel = self.spectrogram.level_of_wav_db(near)
        if stage and stage.config.domain == "mel":
            (log_mel,) = stage.denoise([log_mel], rate_hz, [clip], [wav])
        return dict(
            zip(self.thresholds, self.trained.autoencoder(torch.from_numpy(log_mel)).tolist())
        )
