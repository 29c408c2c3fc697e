"""The AUCs of a results folder held against a reference file: which ones fell, and which are
missing.

A reference is JSON, ``{"tolerance": 0.01, "figures": [{"table": …, "metric": …, "value": …}, …]}``,
or CSV with the same three columns. Values and tolerances are AUCs from 0 to 1. A figure's own
``tolerance``, a fourth key or column, wins over the file's, and --tolerance over both.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TextIO

import msgspec

from dcase_denoise_plugin.checkout.result_files import BY_SEED, SUMMARIES
from dcase_denoise_plugin.errors import ConfigError, RunError, first_line
from dcase_denoise_plugin.figures.result_tables import read_roc, result_tables
from dcase_denoise_plugin.files import fitted, read_json, read_table, written_whole

DEFAULT_TOLERANCE = 0.01
# Differences of decimal fractions carry binary dust: 0.7 - 0.69 is more than 0.01.
DUST = 1e-9
COLUMNS = ("table", "metric", "value")


Tolerance = Annotated[float, msgspec.Meta(ge=0)]


class _Row(msgspec.Struct):
    table: str
    metric: str
    value: Annotated[float, msgspec.Meta(ge=0, le=1)]
    tolerance: Tolerance | None = None


class _Reference(msgspec.Struct):
    figures: list[_Row]
    tolerance: Tolerance | None = None


class Figure(NamedTuple):
    """An AUC: the table it stands in, as ``<score folder>/<file name>``, and its column there."""

    table: str
    metric: str

    def __str__(self) -> str:
        return f"{self.metric} in {self.table}"


@dataclasses.dataclass(frozen=True)
class Known:
    """A reference value, and how far below it is still the same; None leaves that to the caller."""

    value: float
    tolerance: float | None = None


@dataclasses.dataclass(frozen=True)
class Change:
    """A figure that moved by more than its tolerance."""

    figure: Figure
    known: float
    now: float
    tolerance: float

    def __str__(self) -> str:
        if math.isnan(self.now):
            return f"{self.figure}: {self.known:.4f} → not a number"
        return (
            f"{self.figure}: {self.known:.4f} → {self.now:.4f}, {self.now - self.known:+.4f}"
            f" (tolerance {self.tolerance:g})"
        )


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a reference's figures; `compared` counts those that are in the results, `new`
    are those that only the results have.
    """

    compared: int
    fell: list[Change]
    rose: list[Change]
    missing: list[Figure]
    new: list[Figure]

    @property
    def is_good(self) -> bool:
        return not (self.fell or self.missing)


def read_aucs(folder: Path) -> dict[Figure, float]:
    """The AUCs of every ``result_…_roc.csv`` under `folder`, a score's folder or one further up:
    the harmonic mean over a machine's sections, from 0 to 1.

    Raises
    ------
    RunError
        If there is none, one cannot be read, or two have the same name and score folder.
    """
    folder, copies = Path(folder), {BY_SEED, SUMMARIES}
    paths = [
        table.path
        for table in result_tables(folder, below=True)
        if not table.section and not copies & set(table.path.relative_to(folder).parts)
    ]
    if not paths:
        raise RunError(
            f"RESULTS: expected result_…_roc.csv files of the baseline, got none in {folder}. Name"
            " its results folder, such as results/dev_data."
        )
    tables: dict[str, Path] = {}
    for path in paths:
        table = f"{path.absolute().parent.name}/{path.name}"
        if table in tables:
            raise RunError(
                f"RESULTS: expected one {table}, got it in {tables[table].parent} and in"
                f" {path.parent}. Name one of these folders."
            )
        tables[table] = path
    return {
        Figure(table, metric): percent / 100
        for table, path in tables.items()
        for metric, percent in read_roc(path).items()
    }


def judge(
    found: Mapping[Figure, float], reference: Mapping[Figure, Known], tolerance: float | None = None
) -> Verdict:
    """Holds `found` against `reference`; a `tolerance` stands in for those of the reference."""
    fell, rose, missing = [], [], []
    for figure, known in reference.items():
        if figure not in found:
            missing.append(figure)
            continue
        allowed = next(
            value for value in (tolerance, known.tolerance, DEFAULT_TOLERANCE) if value is not None
        )
        change = Change(figure, known.value, found[figure], allowed)
        if math.isnan(change.now) or change.known - change.now > allowed + DUST:
            fell.append(change)
        elif change.now - change.known > allowed + DUST:
            rose.append(change)
    return Verdict(
        len(reference) - len(missing),
        fell,
        rose,
        missing,
        [figure for figure in found if figure not in reference],
    )


def read_reference(path: Path) -> dict[Figure, Known]:
    """A reference file, by its suffix JSON or CSV.

    Raises
    ------
    ConfigError
        If it cannot be read, or holds no figures or something else.
    """
    try:
        if _is_csv(path):
            rows, tolerance = _read_csv(path), None
        else:
            content = read_json(path, _Reference)
            rows, tolerance = content.figures, content.tolerance
        reference = {
            Figure(row.table, row.metric): Known(
                row.value, tolerance if row.tolerance is None else row.tolerance
            )
            for row in rows
        }
    except (OSError, ValueError, csv.Error) as error:
        raise ConfigError(
            "--reference: expected figures as --write-reference writes them, got"
            f" {first_line(error)} in {path}. Correct the file or write it anew."
        ) from None
    if not reference:
        raise ConfigError(
            f"--reference: expected at least one figure, got none in {path}. Write it anew with"
            " --write-reference."
        )
    return reference


def write_reference(
    path: Path, found: Mapping[Figure, float], tolerance: float | None = None
) -> None:
    """Makes `found` the reference; aside first. JSON notes the `tolerance`, CSV notes it with each
    figure if there is one.

    Raises
    ------
    RunError
        If a figure is not a number, which nothing could be held against.
    """
    for figure, value in found.items():
        if not math.isfinite(value):
            raise RunError(
                f"RESULTS: expected AUCs, got {value} as {figure}. Repeat that run before its"
                " results become a reference."
            )
    rows = [
        {"table": figure.table, "metric": figure.metric, "value": round(value, 6)}
        for figure, value in sorted(found.items())
    ]
    with written_whole(path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
        (_write_csv if _is_csv(path) else _write_json)(file, rows, tolerance)


def _write_csv(file: TextIO, rows: Iterable[dict[str, Any]], tolerance: float | None) -> None:
    own = {} if tolerance is None else {"tolerance": tolerance}
    writer = csv.DictWriter(file, [*COLUMNS, *own], lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | own for row in rows)


def _write_json(file: TextIO, rows: Iterable[dict[str, Any]], tolerance: float | None) -> None:
    json.dump(
        {"tolerance": DEFAULT_TOLERANCE if tolerance is None else tolerance, "figures": list(rows)},
        file,
        indent=1,
        ensure_ascii=False,
    )
    file.write("\n")


def _read_csv(path: Path) -> list[_Row]:
    names, *rows = read_table(path) or [[]]
    if rows and not set(COLUMNS) <= set(names):
        raise ValueError(f"the columns {', '.join(names)}, not {', '.join(COLUMNS)}")
    given = [{name: cell for name, cell in zip(names, row) if cell != ""} for row in rows]
    return fitted(given, list[_Row], strict=False)


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"
