"""What a step of the baseline is at, read from the log that its process writes."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path

from dcase_denoise_plugin.errors import AudioError, error_in
from dcase_denoise_plugin.sound.wav_header import check_file
from dcase_denoise_plugin.stage.not_loaded import why_not_loaded
from dcase_denoise_plugin.training.epoch_line import EpochLine

# What the baselines print within and after an epoch: "Train Epoch: 3 [0/18540 (0%)]", "====> Epoch:
# 3 Average loss", "epoch 3/20 loss".
AUTOENCODER_EPOCH = re.compile(r"^\W*(?:train )?epoch:? (\d+)\b", re.IGNORECASE)
PIECE_BYTES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Stage:
    """What is being done: a name, and for a training the epoch it is in (or just finished) out of
    how many; both 0 if there are none to count.
    """

    name: str
    epoch: int = 0
    epochs: int = 0

    def __str__(self) -> str:
        return f"{self.name} epoch {self.epoch}/{self.epochs}" if self.epochs else self.name


FEATURES, DENOISER, AUTOENCODER = "features", "denoiser", "autoencoder"


class StepLog:
    """Follows the log of one step.

    Parameters
    ----------
    path : the log.
    start : its size in bytes when the step began.
    step : "train", "MSE" or "MAHALA".
    epochs : how many the autoencoder trains for; 0 if nobody knows.
    """

    def __init__(self, path: Path, start: int, step: str, epochs: int):
        self._path, self._position, self._step, self._epochs = path, start, step, epochs
        self._unfinished = b""
        self.stage = Stage(FEATURES if step == "train" else f"testing ({step})")

    def read(self) -> list[str]:
        """The lines that came since the last call; `stage` is then what they tell."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._position)
                new = file.read(PIECE_BYTES)
        except OSError:
            return []
        self._position += len(new)
        *whole, self._unfinished = (self._unfinished + new).split(b"\n")
        # A progress bar redraws its line; the last drawing counts.
        lines = [
            line.decode(errors="replace").rstrip("\r").rpartition("\r")[2].rstrip()
            for line in whole
        ]
        for line in lines if self._step == "train" else ():
            self._follow(line)
        return [line for line in lines if line]

    def _follow(self, line: str) -> None:
        if done := EpochLine.from_text(line):
            to_come = done.epoch < done.epochs
            self.stage = Stage(DENOISER, done.epoch, done.epochs) if to_come else Stage(FEATURES)
        elif found := AUTOENCODER_EPOCH.search(line):
            self.stage = Stage(AUTOENCODER, min(int(found[1]), self._epochs), self._epochs)


# What the baseline says of a clip that it could not load, whatever the reason was.
CALLED_BROKEN = re.compile(r"file_broken or not exists!! : (.+)")


def last_words(log: Path, start: int, status: int) -> str:
    """Why a step failed: the hook's own error if it wrote one after byte `start`; else what kept
    the baseline from loading a clip; else the last line and the exit status.
    """
    text = log.read_bytes()[start:].decode(errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [error for error in map(error_in, lines) if error]
    broken = CALLED_BROKEN.search(text)
    if broken and not errors:
        try:
            check_file(broken[1].strip(), None)
            errors = [str(why_not_loaded(broken[1].strip()))]
        except AudioError as error:
            errors = [str(error)]
    if errors:
        return f"{errors[-1]} (log: {log})"
    return (
        f"expected the baseline's train.py to end well, got exit status {status} in {log}."
        f" {(lines or ['It said nothing.'])[-1]}"
    )


# The losses that both the training and the validation clips have, and how their lines are drawn.
CURVES = (("loss", "training", "-"), ("val_loss", "validation", ":"))


def autoencoder_losses(log: Path | None) -> list[tuple[str, str, list[float]]]:
    """(kind, line style, loss by epoch); nothing for a log that is missing or holds no number."""
    if log is None:
        return []
    try:
        with open(log, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [
            (kind, line, [float(row[column]) for row in rows])
            for column, kind, line in CURVES
            if rows and rows[0].get(column) not in (None, "")
        ]
    except (OSError, TypeError, ValueError, csv.Error):
        return []


def denoiser_losses(logs: Iterable[Path], machine: str) -> list[float]:
    """Loss by epoch; nothing if the denoiser was there before or somebody else's tool kept no such
    log.
    """
    lines = [
        EpochLine.from_text(line)
        for log in logs
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
    ]
    found = {line.epoch: line.loss for line in lines if line and line.machine_type == machine}
    return [loss for _, loss in sorted(found.items())]
