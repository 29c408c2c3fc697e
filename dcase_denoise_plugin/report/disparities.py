"""What makes two arms, or the seeds of one, hard to compare, by what their runs noted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dcase_denoise_plugin.report.surroundings import Notes
from dcase_denoise_plugin.settings.config import keys_that_shape_nothing

# What all runs should share, by its key in the record, and what to call it.
OF_RECORDS = {
    "settings": "settings",
    "baseline_code": "code of the baseline",
    "versions": "package versions",
    "plugin_code": "code of the plugin",
}
OF_PLACES = {"threads": "number of threads", "device": "device"}
# What differs between the arms by design.
OF_ARMS = ("export_dir", "dcase_denoise_plugin")


def disparities(notes: Sequence[Notes]) -> Iterator[str]:
    """A sentence each."""
    seams = [note.receipt.baseline for note in notes if note.receipt]
    yield from dict.fromkeys(one.warning for one in seams if one and one.warning)
    for key, what in OF_RECORDS.items():
        yield from _several(what, ((note, getattr(note.wanted, key)) for note in notes))
    for key, what in OF_PLACES.items():
        yield from _several(what, ((note, note.record.place.get(key)) for note in notes))
    for arm in dict.fromkeys(note.arm for note in notes):
        yield from _mixed_stages(arm, [note for note in notes if note.arm == arm])
    for machine in sorted({note.machine for note in notes}):
        noted = [note.wanted.clips for note in notes if note.machine == machine]
        if len({str(clips) for clips in noted if clips}) > 1:
            yield (
                f"not all runs of {machine} rest on the same clips; a difference may come from the"
                " data."
            )
    yield from _without_records(notes)


def _several(what: str, values: Iterable[tuple[Notes, Any]]) -> Iterator[str]:
    """Names the runs by what they have, where that is not one thing for all that noted it."""
    found: dict[str, list[str]] = {}
    for note, value in values:
        if value:
            found.setdefault(repr(_without(value, OF_ARMS)), []).append(f"{note.arm} {note}")
    if len(found) > 1:
        yield f"not all runs rest on the same {what}: {_grouped(found)}."


def _mixed_stages(arm: str, notes: Iterable[Notes]) -> Iterator[str]:
    """Names the runs of an arm by their stage, where there are several, as where one seed was run
    at another strength and the last one is left over: their mean is nobody's.
    """
    configs: list[dict[str, Any]] = []
    found: dict[str, list[str]] = {}
    for note in notes:
        config = note.receipt.config if note.receipt else {}
        if config:
            configs.append(_without(config, keys_that_shape_nothing()))
            found.setdefault(json.dumps(configs[-1], sort_keys=True), []).append(str(note))
    if len(found) < 2:
        return
    every = sorted({key for config in configs for key in config})
    first = configs[0]
    keys = [key for key in every if any(config.get(key) != first.get(key) for config in configs)]
    yield (
        f"not all runs of {arm} went through the same stage, but through several of other"
        f" {', '.join(keys)}: {_grouped(found)}."
    )


def _without_records(notes: Iterable[Notes]) -> Iterator[str]:
    noted: dict[str, bool] = {}
    for note in notes:
        noted[note.arm] = noted.get(note.arm, False) or bool(note.record.wanted)
    if len(noted) > 1 and not all(noted.values()):
        which = "one arm has no" if any(noted.values()) else "no arm has"
        yield (
            f"{which} records of the runner, so that nothing shows whether both rest on the same"
            " settings and clips."
        )


def _without(value: Any, names: Iterable[str]) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: content for name, content in value.items() if name not in names}


def _grouped(found: Mapping[str, Iterable[str]]) -> str:
    return "; ".join(", ".join(dict.fromkeys(group)) for group in found.values())
