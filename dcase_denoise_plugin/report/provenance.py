"""Where the figures come from: baseline, configuration, denoisers, data, versions, and the commands
that repeat them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from dcase_denoise_plugin import __version__
from dcase_denoise_plugin.figures.tables import Cell, Column, Table, label
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.settings.config import keys_that_shape_nothing

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
    denoisers : a row for each machine type and seed.
    commands : (arm, lines for a shell).
    warnings : what makes the two arms, or the seeds of one, hard to compare.
    """

    facts: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]
    per_machine: tuple[str, ...]
    denoisers: Table
    commands: tuple[tuple[str, tuple[str, ...]], ...]
    warnings: tuple[str, ...]

    @property
    def is_demo(self) -> bool:
        return any("stand-in" in value for what, value in self.facts if what == "Baseline")


def gather(arms: Iterable[tuple[str, list[Checkout]]]) -> Provenance:
    """From the receipts and records beside the CSVs of every arm: (name, its folders, one a
    score).
    """
    arms = list(arms)
    receipts, records, places = [], [], []
    for name, checkouts in arms:
        for checkout in checkouts:
            for machine, seed in checkout.folder.runs:
                receipts.append((name, machine, seed, checkout.receipt(machine, seed)))
                records.append((name, machine, seed, checkout.wanted(machine, seed)))
                places.append((name, machine, seed, checkout.place(machine, seed)))
    stages = [receipt for *_, receipt in receipts if receipt]
    fingerprints = {
        tuple(sorted(_mapping(stage.get("baseline")).get("fingerprints", {}).items()))
        for stage in stages
    }
    facts = [
        ("Baseline", _all(_mapping(stage.get("baseline")).get("family") for stage in stages)),
        (
            "Seams' fingerprints",
            "; ".join(
                ", ".join(f"{seam} {digest}" for seam, digest in one)
                for one in sorted(fingerprints)
            )
            or NOT_NOTED,
        ),
        ("Baseline code", _all(wanted.get("baseline_code") for *_, wanted in records)),
        *(
            (
                f"Data manifest, {machine}",
                _all(wanted.get("clips") for _, own, _, wanted in records if own == machine),
            )
            for machine in sorted({machine for _, machine, *_ in records})
        ),
        (
            "Versions of the runs",
            _merged_versions(wanted.get("versions") for *_, wanted in records),
        ),
        ("Plugin in the runs", _all(stage.get("plugin_version") for stage in stages)),
        (
            "Versions of this page",
            _versions(
                {
                    "dcase_denoise_plugin": __version__,
                    **{name: metadata.version(name) for name in REPORT_LIBRARIES},
                }
            ),
        ),
        ("Threads", _all(place.get("threads") for *_, place in places)),
        ("Device", _all(place.get("device") for *_, place in places)),
        ("Runs written", _span(stage.get("written") for stage in stages)),
    ]
    return Provenance(
        tuple(facts),
        _changed(stages),
        tuple(
            sorted(
                {setting for stage in stages for setting in stage.get("per_machine_settings", ())}
            )
        ),
        _denoisers(receipts),
        tuple(_commands(name, records, receipts) for name, _ in arms),
        tuple(_warnings(receipts, records, places)),
    )


def _mapping(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _all(values: Iterable[Any]) -> str:
    return "; ".join(dict.fromkeys(str(value) for value in values if value)) or NOT_NOTED


def _span(times: Iterable[Any]) -> str:
    known = sorted(str(time) for time in times if time)
    return (
        NOT_NOTED
        if not known
        else known[0]
        if known[0] == known[-1]
        else f"{known[0]} … {known[-1]}"
    )


def _merged_versions(noted: Iterable[Any]) -> str:
    """Each library once; several versions of it where runs differ."""
    found: dict[str, dict[str, None]] = {}
    for versions in noted:
        for name, version in _mapping(versions).items():
            found.setdefault(name, {})[str(version)] = None
    return _versions({name: " / ".join(versions) for name, versions in found.items()}) or NOT_NOTED


def _versions(versions: Any) -> str:
    return ", ".join(
        f"{name} {version}" for name, version in sorted(_mapping(versions).items()) if version
    )


def _changed(stages):
    values: dict[str, dict[str, None]] = {}
    for stage in stages:
        for key, value in _mapping(stage.get("changed")).items():
            values.setdefault(key, {})[str(value)] = None
    return tuple((key, " / ".join(found)) for key, found in sorted(values.items()))


def _denoisers(receipts):
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
    for arm, machine, seed, receipt in receipts:
        if receipt:
            own = [
                setting
                for setting in receipt.get("per_machine_settings", ())
                if setting.startswith(f"{machine}=")
            ]
            digests = [str(receipt.get(key) or "") for key in ("method_digest", "stage_digest")]
            # Only the last two parts of the path: where somebody keeps a checkout is nobody's
            # business.
            denoiser = "/".join(
                str(
                    receipt.get("checkpoint")
                    or _mapping(receipt.get("config")).get("denoise_method", "")
                ).split("/")[-2:]
            )
            rows[arm, machine, seed, digests[1]] = (
                label(arm),
                label(machine),
                Cell(str(seed), (seed,)),
                label(denoiser),
                *(Cell(digest[:16], (digest,)) for digest in digests),
                Cell(", ".join(own) or "–", (", ".join(own),)),
            )
    return Table("denoisers", "Denoisers", columns, tuple(rows.values()))


def _commands(name, records, receipts):
    """The baseline's commands of one arm, those that differ in seed alone as one loop."""
    noted: dict[str, list[int]] = {}
    for (arm, _, seed, wanted), (*_, receipt) in zip(records, receipts):
        command = wanted.get("command") or receipt.get("command")
        if arm != name or not isinstance(command, list):
            continue
        test = [str(word) for word in command]
        score = test.index("--score") if "--score" in test else -1
        train = [
            "--train_only" if word == "--test_only" else word
            for index, word in enumerate(test)
            if score < 0 or index not in (score, score + 1)
        ]
        for words in (train, test):
            text = " ".join(shlex.quote(word) for word in words)
            noted.setdefault(re.sub(rf"--seed[= ]{seed}\b", '--seed="$seed"', text), []).append(
                seed
            )
    lines = []
    for text, seeds in noted.items():
        seeds = sorted(set(seeds))
        lines.append(
            f"for seed in {' '.join(map(str, seeds))}; do python3 {text}; done"
            if '"$seed"' in text
            else f"python3 {text}"
        )
    return name, tuple(sorted(lines, key=lambda line: "--test_only" in line))


def _warnings(receipts, records, places):
    for text in dict.fromkeys(
        _mapping(receipt.get("baseline")).get("warning") for *_, receipt in receipts if receipt
    ):
        if text:
            yield str(text)
    for what, key, noted in (
        ("settings", "settings", records),
        ("code of the baseline", "baseline_code", records),
        ("package versions", "versions", records),
        ("code of the plugin", "plugin_code", records),
        ("number of threads", "threads", places),
        ("device", "device", places),
    ):
        found = {}
        for arm, machine, seed, content in noted:
            if content.get(key):
                found.setdefault(
                    repr(_without(content[key], "export_dir", "dcase_denoise_plugin")), []
                ).append(f"{arm} {machine} seed {seed}")
        if len(found) > 1:
            yield f"not all runs rest on the same {what}: {_grouped(found)}."
    yield from _mixed_stages(receipts)
    for machine in sorted({machine for _, machine, *_ in records}):
        if (
            len(
                {
                    wanted["clips"]
                    for _, own, _, wanted in records
                    if own == machine and wanted.get("clips")
                }
            )
            > 1
        ):
            yield (
                f"not all runs of {machine} rest on the same clips; a difference may come from the"
                " data."
            )
    arms, noted = {arm for arm, *_ in records}, {arm for arm, *_, wanted in records if wanted}
    if len(arms) > max(len(noted), 1):
        which = "one arm has no" if noted else "no arm has"
        yield (
            f"{which} records of the runner, so that nothing shows whether both rest on the same"
            " settings and clips."
        )


def _mixed_stages(receipts):
    """Arms whose runs are of several stages, as where one seed was run at another strength and the
    last one is left over: their mean is nobody's.
    """
    for name in dict.fromkeys(arm for arm, *_ in receipts):
        configs, found = [], {}
        for arm, machine, seed, receipt in receipts:
            if arm == name and _mapping(receipt.get("config")):
                configs.append(_without(receipt["config"], *keys_that_shape_nothing()))
                found.setdefault(json.dumps(configs[-1], sort_keys=True), []).append(
                    f"{machine} seed {seed}"
                )
        if len(found) > 1:
            keys = sorted(
                {
                    key
                    for config in configs
                    for key in config
                    if any(other.get(key) != config[key] for other in configs)
                }
            )
            yield (
                f"not all runs of {name} went through the same stage, but through several of other"
                f" {', '.join(keys)}: {_grouped(found)}."
            )


def _without(value, *names):
    return (
        {name: content for name, content in value.items() if name not in names}
        if isinstance(value, dict)
        else value
    )


def _grouped(found):
    return "; ".join(", ".join(dict.fromkeys(group)) for group in found.values())
