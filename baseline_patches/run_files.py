"""The files of one run of the baseline, and the guards against crossing: plain and denoised, one
stage and another, a training and the test of it.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import time
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.errors import BaselineError
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.names import Folders, RunName, training_state
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.stage.receipts import Receipt, read_receipt, refuse_other_stage


class RunFiles:
    """Where the run that `args` of the baseline ask for reads and writes; the checkout is the
    current folder.
    """

    def __init__(self, args: argparse.Namespace):
        self.args = args
        mode = "eval" if args.eval else "dev"
        self._folders = Folders(Path(), mode, vars(args))
        self._name = RunName(args.dataset, args.seed, args.model_name_suffix or "", mode)
        models = self._folders.models(args.export_dir)
        self.model = models / self._name.model(args.model)
        self.model_receipt = models / self._name.receipt

    def scores(self, score: str) -> Path:
        """The folder of the results under a score."""
        return self._folders.scores(self.args.export_dir, score)

    @functools.cached_property
    def resumed(self) -> Path | None:
        """The state of training that the baseline goes on from, None if it starts anew: without
        --restart, or where there is none.
        """
        if not self.args.restart:
            return None
        named = [Path(self.args.checkpoint_path)] if self.args.checkpoint_path else self._own_states
        return next(filter(Path.is_file, named), None)

    @property
    def _own_states(self) -> list[Path]:
        # The stand-in leaves the mark of evaluation data out.
        names = (self._name, dataclasses.replace(self._name, mode="dev"))
        trainings = [name.training(self.args.model) for name in names]
        return [
            training_state(self._folders.training(self.args.export_dir, training))
            for training in trainings
        ]

    def training_receipt(self) -> Receipt:
        """What the hook noted of the training; empty where it noted nothing."""
        with contextlib.suppress(OSError, ValueError):
            return read_receipt(self.model_receipt)
        return Receipt()

    def refuse_plain_model(self) -> None:
        """Raises BaselineError if a denoised run would write over a plain model."""
        if self.model.exists() and not self.model_receipt.exists():
            raise BaselineError(
                "export_dir: expected a folder without plain models for a denoised run, got"
                f" {self.args.export_dir!r} with {self.model}. Choose another --export_dir."
            )

    def refuse_other_stage(self, config: DenoiseConfig, *folders: Path) -> None:
        """Raises DataError if one of `folders` holds a finished run of another stage."""
        refuse_other_stage(folders, self._name, config, "--export_dir=NAME")

    def refuse_resumed_of_another(self, stage_digest: str) -> None:
        """Raises BaselineError if the training that is to go on was not behind this stage."""
        state = self.resumed
        own = state is not None and state.resolve() in [own.resolve() for own in self._own_states]
        if not (own and self._is_of(stage_digest) and self._is_newer(state)):
            raise BaselineError(
                "--restart: expected an autoencoder in training on the features of denoiser"
                f" stage {stage_digest[:12]}, got one of another stage or of none in {state}. Leave"
                " --restart out, or name another --export_dir."
            )

    def refuse_untrained(self, stage_digest: str, train_command: str) -> None:
        """Raises BaselineError if the autoencoder under test was trained behind another stage, or
        not to its end.
        """
        if not self._is_of(stage_digest):
            other = self.training_receipt().stage_digest or "none"
            raise BaselineError(
                f"autoencoder {self.model}: expected one trained on the features of denoiser stage"
                f" {stage_digest[:12]}, got one of {other[:12]}. Train it first: {train_command}"
            )
        if not self._is_newer(self.model):
            raise BaselineError(
                f"autoencoder {self.model}: expected one that was saved after its receipt, got an"
                f" older one or none beside {self.model_receipt}. Its training was not finished;"
                f" run it again: {train_command}"
            )

    def _is_of(self, stage_digest: str) -> bool:
        return self.training_receipt().stage_digest == stage_digest

    def _is_newer(self, file: Path | None) -> bool:
        # A training that was stopped before its first epoch leaves a new receipt beside an old
        # model, or beside none.
        if file is None or not file.is_file():
            return False
        return file.stat().st_mtime_ns >= self.model_receipt.stat().st_mtime_ns


def refuse_denoised_model(args: argparse.Namespace) -> None:
    """Stops a plain run that would read or overwrite a denoised run's model.

    Raises
    ------
    BaselineError
        If the run's export_dir holds a denoised model under the run's own name.
    """
    if getattr(args, "export_dir", None) is None:
        return
    receipt = RunFiles(args).model_receipt
    if receipt.exists():
        raise BaselineError(
            "export_dir: expected a folder without denoised models for a plain run, got"
            f" {args.export_dir!r} with {receipt}. Choose another --export_dir."
        )


def write_json(path: Path, content: dict[str, Any]) -> None:
    with written_whole(path) as aside:
        written = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        aside.write_text(json.dumps({**content, "written": written}, indent=2))
