"""Settings of one call: what --yaml and --set say on top of the baseline's ``baseline.yaml``,
checked before anything runs.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.files import read_mapping
from dcase_denoise_plugin.names import refuse_pattern
from dcase_denoise_plugin.settings import config, sources
from dcase_denoise_plugin.settings.keys import PREFIX, option_name
from dcase_denoise_plugin.settings.sources import split
from dcase_denoise_plugin.settings.values import is_folder
from dcase_denoise_plugin.sound.machine import own_noise

# What the runner itself says to train.py: setting → what to do instead.
RUNNERS_OWN = {
    "dataset": "Use --dataset and --machine.",
    "dev": "Use -d.",
    "d": "Use -d.",
    "eval": "Use -e.",
    "e": "Use -e.",
    "seed": "Use --seed.",
    "denoise": "Use one of the words baseline, denoise, compare.",
    "score": "Leave it out, both scores are run.",
    **dict.fromkeys(
        (
            "use_ids",
            "tag",
            "model_name_suffix",
            "train_only",
            "test_only",
            "restart",
            "checkpoint_path",
            "mono",
        ),
        "Leave it out.",
    ),
}


@dataclasses.dataclass(frozen=True)
class Overrides:
    """Settings of the baseline, and fields of `config.DenoiseConfig`, that this call asks for."""

    baseline: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    denoise: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def options(self, baseline: Baseline) -> list[str]:
        """The baseline's settings as options of its ``train.py``."""
        return [
            part
            for key, value in self.baseline.items()
            for part in _as_option(baseline.option(key), value)
        ]

    def denoise_options(self) -> list[str]:
        """The denoise keys as options of the baseline's ``train.py``."""
        keys = {
            option_name(field): self.denoise[field.name]
            for field in config.field_names().values()
            if field.name in self.denoise
        }
        return [part for key, value in keys.items() for part in _as_option(f"--{key}", value)]


def read_overrides(
    yaml_file: Path | None, assigned: Iterable[str] | Mapping[str, Any], baseline: Baseline
) -> Overrides:
    """Reads --yaml FILE and each --set key=value, or a mapping in their place, which wins.

    Raises
    ------
    ConfigError
        If the file is no mapping, an assignment has no ``=``, a key is unknown to baseline and
        plugin alike, or it is the runner's own.
    """
    in_yaml = read_mapping(yaml_file, ConfigError) if yaml_file else {}
    given = (
        assigned
        if isinstance(assigned, Mapping)
        else {key: _parsed(text) for key, text in split(assigned)}
    )
    asked = {
        str(key).lstrip("-"): value for keys in (in_yaml, given) for key, value in keys.items()
    }
    for key in asked.keys() & RUNNERS_OWN.keys():
        raise ConfigError(
            f"{key}: expected a setting that is the same for all runs, got one that the runner sets"
            f" in --set or --yaml. {RUNNERS_OWN[key]}"
        )
    denoise = sources.from_keys(
        {key: value for key, value in asked.items() if key.startswith(PREFIX)},
        "--set or --yaml",
    )
    ours = {key: value for key, value in asked.items() if not key.startswith(PREFIX)}
    for key in ours:
        baseline.option(key)
    return Overrides(ours, {name: _from_here(name, value) for name, value in denoise.items()})


def resolve_stage(
    baseline: Baseline,
    overrides: Overrides,
    environment: Mapping[str, str] = os.environ,
) -> tuple[Overrides, config.DenoiseConfig]:
    """The stage's configuration in the denoised runs, and the overrides that lead there: with the
    preset `recommended` if nobody names one.

    Raises
    ------
    ConfigError
        If a key in ``baseline.yaml``, the preset or the overrides is unknown or out of range, or a
        user's method cannot be imported or told from others.
    DataError
        If the user names a noise folder without noise clips.
    BaselineError
        If the baseline finds no clip in a checkout of this path.
    """
    refuse_pattern(baseline.folder)
    in_yaml = {key: value for key, value in baseline.settings.items() if key.startswith(PREFIX)}
    written = sources.from_keys(in_yaml, str(baseline.folder / "baseline.yaml"))
    if not (
        overrides.denoise.get("preset")
        or written.get("preset")
        or environment.get(sources.PRESET_VARIABLE)
    ):
        overrides = dataclasses.replace(
            overrides, denoise={**overrides.denoise, "preset": config.RECOMMENDED}
        )
    if str(written.get("preset", "")).endswith((".yaml", ".yml")):
        written["preset"] = str(baseline.folder / written["preset"])
    resolved = sources.resolve({**written, **overrides.denoise, "denoise": True}, environment)
    import_method(resolved.method, baseline)
    own_noise(resolved, baseline.folder)
    return overrides, resolved


def refuse_spaces(settings: Mapping[str, Any]) -> None:
    """Raises ConfigError if the baseline's summary, hours later, would take the name of a results
    folder for two names or more.
    """
    for key in ("export_dir", "result_directory"):
        if any(map(str.isspace, str(settings.get(key, "")))):
            raise ConfigError(
                f"{key}: expected a name without spaces, at which the baseline's"
                f" tools/export_results.sh splits it, got {settings[key]!r} in --set, --yaml or"
                " baseline.yaml. Choose another name."
            )


def import_method(method: str, baseline: Baseline) -> None:
    """Imports a user's method (and none of the plugin's) as the baseline's process will: from the
    baseline's folder, else as here, else from the caller's.

    One that lies in the caller's folder takes that folder into PYTHONPATH, behind all that is
    there, so that the processes started from here find it too.

    Raises
    ------
    ConfigError
        If it cannot be imported, or nothing tells its source.
    """
    if method in config.BUILT_IN_METHODS:
        return
    from dcase_denoise_plugin.stage.own_method import find, source_digest

    source_digest(find(method, (baseline.folder,), (Path.cwd(),)))
    module = sys.modules.get(method.partition(":")[0].partition(".")[0])
    places = [*getattr(module, "__path__", ()), getattr(module, "__file__", None) or ""]
    path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(Path.cwd()) not in path and any(
        place and Path(place).absolute().parent == Path.cwd() for place in places
    ):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [*path, str(Path.cwd())]))


def _as_option(option: str, value: Any) -> list[str]:
    return [option, *map(str, value)] if isinstance(value, list) else [f"{option}={value}"]


def _parsed(text: str) -> Any:
    return (
        [part.strip() for part in text[1:-1].split(",")]
        if text.startswith("[") and text.endswith("]")
        else text
    )


def _from_here(name: str, value: Any) -> Any:
    """A path relative to the caller's folder, or to a home (``~``), made absolute, for a run that
    starts in the baseline's.
    """
    is_path = name == "noise_source" and is_folder(str(value))
    if (
        is_path
        or (name == "checkpoint" and value)
        or (name == "preset" and Path(value).suffix in (".yaml", ".yml"))
    ):
        return str(Path(os.path.expanduser(value)).absolute())
    return value
