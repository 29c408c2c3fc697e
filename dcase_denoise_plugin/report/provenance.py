"""Where the figures come from: baseline, configuration, denoisers, data, versions, and the commands
that repeat them.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from typing import Any

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.figures.tables import NOTHING, Cell, Column, Table, label
from dcase_denoise_plugin.quoting import in_one_line
from dcase_denoise_plugin.report.disparities import disparities
from dcase_denoise_plugin.report.surroundings import Checkout, Notes
from dcase_denoise_plugin.stage.receipts import Receipt

NOT_NOTED = "not noted"
REPORT_LIBRARIES = ("torch", "numpy", "scipy", "librosa", "soundfile", "matplotlib", "Jinja2")


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What the runs of both arms noted about themselves.

    Attributes
    ----------
    facts : (what, value), ready to read.
    changed : settings of the stage that differ from their default, by key; several values where
        runs differ.
    per_machine : settings that break the one rule for all machine types.
    findings : what the stage found out about each machine type, a line each.
    denoisers : a row for each machine type and seed.
    commands : (arm, lines for a shell).
    warnings : what makes the two arms, or the seeds of one, hard to compare.
    """

    facts: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]
    per_machine: tuple[str, ...]
    findings: tuple[str, ...]
    denoisers: Table
    commands: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...]

    @property
    def is_demo(self) -> bool:
        return any("stand-in" in value for what, value in self.facts if what == "Baseline")


def gather(arms: Iterable[tuple[str, Sequence[Checkout]]]) -> Provenance:
    """From the receipts and records beside the CSVs of every arm: (name, its folders, one a
    score).
    """
    arms = list(arms)
    notes = [
        note for name, checkouts in arms for checkout in checkouts for note in checkout.notes(name)
    ]
    receipts = [note.receipt for note in notes if note.receipt]
    unreadable = [
        f"{checkout.results.path.name}: {text}"
        for _, checkouts in arms
        for checkout in checkouts
        for text in checkout.unreadable
    ]
    per_machine = {setting for receipt in receipts for setting in receipt.per_machine_settings}
    return Provenance(
        tuple(_facts(notes)),
        _changed(receipts),
        tuple(sorted(per_machine)),
        _findings(notes),
        _denoisers(notes),
        tuple((name, _commands([note for note in notes if note.arm == name])) for name, _ in arms),
        (*disparities(notes), *unreadable),
    )


def _facts(notes: Sequence[Notes]) -> Iterable[tuple[str, str]]:
    receipts = [note.receipt for note in notes if note.receipt]
    seams = [receipt.baseline for receipt in receipts if receipt.baseline]
    own_versions = {name: metadata.version(name) for name in REPORT_LIBRARIES}
    yield "Baseline", _all(one.family for one in seams)
    yield "Seams' fingerprints", _all(_pairs(one.fingerprints) for one in seams)
    yield "Baseline code", _all(note.wanted.baseline_code for note in notes)
    for machine in sorted({note.machine for note in notes}):
        clips = [note.wanted.clips for note in notes if note.machine == machine]
        yield f"Data manifest, {machine}", _all(clips)
    yield "Versions of the runs", _merged_versions(note.wanted.versions for note in notes)
    yield "Plugin in the runs", _all(receipt.plugin_version for receipt in receipts)
    yield "Versions of this page", _pairs({"dcase_denoise_plugin": __version__, **own_versions})
    yield "Threads", _all(note.record.place.get("threads") for note in notes)
    yield "Device", _all(note.record.place.get("device") for note in notes)
    yield "Runs written", _span(receipt.written for receipt in receipts)


def _all(values: Iterable[Any]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values if value)) or NOT_NOTED


def _span(times: Iterable[Any]) -> str:
    known = sorted({str(time) for time in times if time})
    if not known:
        return NOT_NOTED
    return " … ".join(dict.fromkeys((known[0], known[-1])))


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(values.items()) if value)


def _merged_versions(noted: Iterable[Mapping[str, Any]]) -> str:
    """Each library once; several versions of it where runs differ."""
    return _pairs(_every_value(noted)) or NOT_NOTED


def _changed(receipts: Iterable[Receipt]) -> tuple[tuple[str, str], ...]:
    found = _every_value(receipt.changed for receipt in receipts)
    return tuple(sorted(found.items()))


def _every_value(mappings: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Each key with all its values."""
    found: dict[str, dict[str, None]] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            found.setdefault(key, {})[str(value)] = None
    return {key: " / ".join(values) for key, values in found.items()}


def _findings(notes: Iterable[Notes]) -> tuple[str, ...]:
    """Each line once: seeds and scores of one denoiser say the same."""
    lines = (note.receipt.findings for note in notes if note.receipt)
    return tuple(dict.fromkeys(in_one_line(line) for line in lines if line))


def _denoisers(notes: Iterable[Notes]) -> Table:
    columns = (
        Column("Arm", ("arm",), False),
        Column("Machine", ("machine",), False),
        Column("Seed", ("seed",)),
        Column("Denoiser", ("denoiser",), False),
        Column("Weights or source", ("method digest",), False),
        Column("Stage", ("stage digest",), False),
        Column("Own settings", ("own settings",), False),
    )
    rows = {}
    for note in notes:
        if not note.receipt:
            continue
        settings = note.receipt.per_machine_settings
        own = ", ".join(one for one in settings if one.startswith(f"{note.machine}="))
        digests = [note.receipt.method_digest or "", note.receipt.stage_digest or ""]
        method = note.receipt.config.get("denoise_method", "")
        # Only the last two parts of the path: where somebody keeps a checkout is nobody's business.
        denoiser = "/".join(str(note.receipt.checkpoint or method).split("/")[-2:])
        rows[note.arm, note.machine, note.seed, digests[1]] = (
            label(note.arm),
            label(note.machine),
            Cell(str(note.seed), (note.seed,)),
            label(denoiser),
            *(Cell(digest[:16], (digest,)) for digest in digests),
            Cell(own or NOTHING, (own,)),
        )
    return Table("denoisers", "Denoisers", columns, tuple(rows.values()))


def _commands(notes: Iterable[Notes]) -> tuple[str, ...]:
    """The baseline's commands of one arm, those that differ in seed alone as one loop."""
    noted: dict[str, set[int]] = {}
    for note in notes:
        command = note.wanted.command or (note.receipt.command if note.receipt else [])
        for words in _both_steps(command) if command else ():
            text = " ".join(shlex.quote(word) for word in words)
            text = re.sub(rf"--seed[= ]{note.seed}\b", '--seed="$seed"', text)
            noted.setdefault(text, set()).add(note.seed)
    lines = []
    for text, seeds in noted.items():
        line = f"python3 {text}"
        if '"$seed"' in text:
            line = f"for seed in {' '.join(map(str, sorted(seeds)))}; do {line}; done"
        lines.append(line)
    return tuple(sorted(lines, key=lambda line: "--test_only" in line))


def _both_steps(command: Iterable[str]) -> tuple[list[str], list[str]]:
    """The words of the training and of the test, from those of the test."""
    test = list(command)
    train = ["--train_only" if word == "--test_only" else word for word in test]
    if "--score" in train:
        score = train.index("--score")
        del train[score : score + 2]
    return train, test
