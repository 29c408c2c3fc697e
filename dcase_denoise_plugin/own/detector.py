"""From recordings to a detector: a denoiser and an autoencoder trained on most of them, a threshold
set by the others, one file for the monitor, and a page.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

import yaml
from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.overrides import read_overrides, resolve_stage
from dcase_denoise_plugin.checkout.plan import Plan
from dcase_denoise_plugin.checkout.run_record import findings_of
from dcase_denoise_plugin.demo.stand_in import lay_out
from dcase_denoise_plugin.edge.export import export_scorer
from dcase_denoise_plugin.edge.onnx_model import OnnxScorer, store_facts
from dcase_denoise_plugin.edge.trained_baseline import TrainedBaseline
from dcase_denoise_plugin.errors import BaselineError, ConfigError, DataError
from dcase_denoise_plugin.files import digest_of, written_whole
from dcase_denoise_plugin.monitor.calibration import Calibration, calibrate, caught_faults
from dcase_denoise_plugin.monitor.verdicts import verdicts
from dcase_denoise_plugin.names import OWN_RUNS, refuse_pattern
from dcase_denoise_plugin.own.clips import clips_of, lay_out_clips
from dcase_denoise_plugin.own.split import Asked, Split
from dcase_denoise_plugin.runner.progress import Snapshot
from dcase_denoise_plugin.runner.runner import run_all
from dcase_denoise_plugin.runner.screen import logged_to

DATASET = "DCASE2025T2"  # the layout that the stand-in reads
WORK = "work"
# Half of the baseline's: an hour of sound then takes less than a quarter of an hour on two cores.
USUAL = ("epochs=50",)
FAULT_LEVELS_DB = (-30.0, -25.0, -20.0, -15.0, -10.0, -5.0, 0.0, 5.0)
logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Detector:
    """What `build` has made, and what is known of it.

    Attributes
    ----------
    file : what the monitor takes.
    findings : what the stage found out about the recordings, in one line.
    caught : (kind, level in dB above the clip) → share of normal clips that raise an alarm with
        this known fault added.
    tested : folder of the test recordings → its clips, and how many of them raise an alarm.
    left_out : what is to be said of each recording and clip that was not used.
    baseline : whose autoencoder it is; None for the project's own.
    """

    name: str
    file: Path
    asked: Asked
    split: Split
    findings: str
    calibration: Calibration
    caught: dict[tuple[str, float], float]
    tested: dict[str, tuple[int, int]]
    left_out: tuple[str, ...]
    baseline: Path | None

    def smallest_caught_db(self, kind: str) -> float | None:
        """The level above a clip from which on at least half of the faults of a kind are caught."""
        levels = sorted(level for of, level in self.caught if of == kind)
        for at, level_db in enumerate(levels):
            if all(self.caught[kind, higher] >= 0.5 for higher in levels[at:]):
                return level_db
        return None


def build(
    asked: Asked,
    name: str,
    out: Path,
    score: str | None = None,
    settings: tuple[str, ...] = (),
    watch: Callable[[Snapshot], None] | None = None,
    baseline: Path | None = None,
) -> Detector:
    """Trains, calibrates and exports a detector into the folder `out`; what an earlier call has
    finished is not done again.

    Parameters
    ----------
    name : of the machine.
    score : the one that decides; None for the one that finds more known faults.
    settings : of the autoencoder and the denoiser, each ``key=value``.
    watch : gets the training's progress.
    baseline : a checkout of the baseline, to train its autoencoder; None for the project's own.

    Raises
    ------
    DenoiseError
        If the recordings, the settings or the folder do not allow it, another call is at work in
        the folder, or the training fails.
    """
    _check(name, out, asked)
    split = Split.from_folders(asked)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(out / f".{name}.lock", timeout=0):
            return _built(asked, split, name, out, score, settings, watch, baseline)
    except Timeout as error:
        raise DataError(
            f"--out: expected no other call at work in it, got one that holds {error.lock_file}."
            " Wait for it or end it."
        ) from None


def _built(
    asked: Asked,
    split: Split,
    name: str,
    out: Path,
    score: str | None,
    settings: tuple[str, ...],
    watch: Callable[[Snapshot], None] | None,
    baseline: Path | None,
) -> Detector:
    _say_split(name, asked, split)
    plan, machine = plan_of(name, out / WORK, (*USUAL, *settings), baseline)
    seed = plan.baseline.seed
    run = MachineRun(plan, machine, seed, "denoised", steps=("train",), own_name=name)
    left_out = split.left_out + tuple(lay_out_clips(split, run.raw, asked.channel))
    for error in run_all([run], 1, watch).values():
        raise error
    file = out / f"{name}.onnx"
    with logged_to(lambda line: None):  # what the stage found is said at its training
        export_scorer(TrainedBaseline.load(run), file)
    scorer = OnnxScorer(file)
    held_out = (clip for clip, _ in clips_of(split.calibration, split.samples, asked.channel))
    calibration, problems, some = calibrate(scorer, held_out, asked.false_alarms, score)
    store_facts(file, machine=name, calibration=calibration.as_facts(), channel=asked.channel)
    caught = caught_faults(scorer, calibration, some, FAULT_LEVELS_DB)
    return Detector(
        name,
        file,
        asked,
        split,
        findings_of(run),
        calibration,
        caught[calibration.score],
        _tested(asked, split, scorer, calibration),
        (*left_out, *problems),
        baseline,
    )


def _check(name: str, out: Path, asked: Asked) -> None:
    if not re.fullmatch(r"\w+", name):
        raise ConfigError(
            f"--name: expected letters, digits and underscores, got {name!r}. Choose another name."
        )
    for what, folder in asked.folders().items():
        if out.resolve().is_relative_to(folder.resolve()):
            raise DataError(
                f"--out: expected a folder outside {what}, got {out} in {folder}. The next call"
                " would take its clips for recordings; name another folder."
            )


def plan_of(
    name: str, work: Path, settings: tuple[str, ...], checkout: Path | None = None
) -> tuple[Plan, str]:
    """How the machine `name` is trained, and what the autoencoder's code calls it. Without
    `checkout`: in a copy of the project's own autoencoder in `work`. With one: in that baseline,
    under the first machine type that it lists; the clips stay in `work`.

    Raises
    ------
    ConfigError
        If `settings`, each ``key=value``, cannot be.
    BaselineError
        If `checkout` is no baseline, or lists no such machine types.
    """
    refuse_pattern(work)
    if any(setting.startswith("dataset_directory=") for setting in settings):
        raise ConfigError(
            "--set dataset_directory: expected the clips where own puts them, below --out, got"
            " another folder. Leave the key out."
        )
    if checkout is None:
        lay_out(work)
        listed = {DATASET: {"machine_type": {name: {"dev": [0]}}}}
        with written_whole(work / "datasets" / "machine_type_2025_dev.yaml") as aside:
            aside.write_text(yaml.safe_dump(listed, allow_unicode=True), encoding="utf-8")
        baseline, machine = Baseline.from_folder(work), name
    else:
        baseline = Baseline.from_folder(checkout)
        machines = baseline.machine_types(DATASET, "dev")
        if not machines:
            raise BaselineError(
                f"--baseline: expected a checkout that lists {DATASET}, got none in {checkout}."
                " Check out v4.0.0 or later."
            )
        machine = machines[0]
        clips = (work / name / "data").resolve()
        # The baseline takes it for one below its own folder.
        data = os.path.relpath(clips, checkout.resolve())
        export_dir = f"{OWN_RUNS}{name}_{digest_of(str(clips))[:8]}"
        settings = (f"export_dir={export_dir}", *settings, f"dataset_directory={data}")
    overrides, config = resolve_stage(
        baseline, read_overrides(None, settings, baseline), environment={}
    )
    return Plan(baseline, DATASET, "dev", overrides, config), machine


def _say_split(name: str, asked: Asked, split: Split) -> None:
    counted = ", ".join(
        f"{what.replace('_', ' ')} {clips} clips of {recordings} recordings"
        for what, (recordings, clips) in split.counts().items()
    )
    channel = f", channel {asked.channel} of {split.channels}" if split.channels > 1 else ""
    logger.info(f"{name}: {split.sample_rate_hz} Hz{channel}; {counted}")


def _tested(
    asked: Asked, split: Split, scorer: OnnxScorer, calibration: Calibration
) -> dict[str, tuple[int, int]]:
    """Folder of the test recordings → clips, and alarms among them."""
    counted: dict[str, tuple[int, int]] = {}
    clips = (clip for clip, _ in clips_of(split.test, split.samples, asked.channel))
    for verdict in verdicts(clips, scorer, calibration):
        if "skipped" not in verdict:
            parts = Path(verdict["clip"]).parts
            group = parts[0] if len(parts) > 1 else "."
            of_group, alarms = counted.get(group, (0, 0))
            counted[group] = of_group + 1, alarms + (verdict["verdict"] == "anomaly")
    return counted


def as_lines(detector: Detector) -> list[str]:
    """What a reader wants to know first."""
    said = [f"{detector.name}: {detector.calibration}"]
    for folder, (clips, alarms) in detector.tested.items():
        said.append(f"{detector.name}: {alarms} of {clips} test clips in {folder} raise an alarm")
    return said
