"""The loss of each epoch beside the denoiser, for spreadsheets and TensorBoard."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.training.epoch_line import EpochLine


class LossFile:
    """Writes epoch and loss, a line an epoch, to ``NAME.loss.csv`` beside the denoiser ``NAME.pt``,
    and, where TensorBoard is installed, to the folder ``NAME.tensorboard``. A training that goes on
    goes on in them. Raises OSError if that is not possible.
    """

    def __init__(self, denoiser: Path):
        self._denoiser = denoiser

    def __call__(self, line: EpochLine) -> None:
        is_first = line.epoch == 1
        table = self._denoiser.with_suffix(".loss.csv")
        with open(table, "w" if is_first else "a", encoding="utf-8") as file:
            file.write("epoch,loss\n" if is_first else "")
            file.write(f"{line.epoch},{line.loss:.6g}\n")
        if self._board:
            self._board.add_scalar("loss", line.loss, line.epoch)
            self._board.flush()

    @cached_property
    def _board(self) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return None
        return SummaryWriter(self._denoiser.with_suffix(".tensorboard"))
