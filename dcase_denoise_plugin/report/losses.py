"""Losses by epoch: the autoencoder's out of the baseline's log.csv, the denoiser's out of what the runner kept of its words."""
from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Iterable

# The losses that both the training and the validation clips have, and how their lines are drawn.
CURVES = (("loss", "training", "-"), ("val_loss", "validation", ":"))
EPOCH = re.compile(r"denoiser (?P<machine>\S+): epoch (?P<epoch>\d+)/\d+ +loss (?P<loss>[\d.]+) ")


def autoencoder_losses(log: Path | None) -> list[tuple[str, str, list[float]]]:
    """(kind, line style, loss by epoch); nothing for a log that is missing or holds no number."""
    try:
        with open(log, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [(kind, line, [float(row[column]) for row in rows]) for column, kind, line in CURVES if rows and rows[0].get(column) not in (None, "")]
    except (OSError, TypeError, ValueError, csv.Error):
        return []


def denoiser_losses(logs: Iterable[Path], machine: str) -> list[float]:
    """Loss by epoch; nothing if the denoiser was there before or somebody else's tool kept no such log."""
    found = {}
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        found.update({int(match["epoch"]): float(match["loss"]) for match in EPOCH.finditer(text) if match["machine"] == machine})
    return [loss for _, loss in sorted(found.items())]
