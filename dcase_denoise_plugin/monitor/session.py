"""One watch: every verdict said and kept, every alarm told, until the clips end."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.monitor.alarm import FALSE_ALARMS, Watcher, parsed_after
from dcase_denoise_plugin.monitor.calibration import (
    Calibration,
    calibrate,
    check_score,
    normal_clips,
)
from dcase_denoise_plugin.monitor.outputs import Command, CsvFile, heartbeat
from dcase_denoise_plugin.monitor.verdicts import Scorer, as_text, verdicts
from dcase_denoise_plugin.sound.recordings import Clip

SAID = {
    "alarm": "ALARM",
    "changed": "the sound has CHANGED; no alarm begins until it is as before: calibrate again",
}


class Session:
    """What a watch needs, checked before it begins.

    Parameters
    ----------
    calibration : whose thresholds hold; None for the baseline's own, by `score`.
    say : takes each line that is no verdict.
    alarm_after : K/N, an alarm is on while K of the last N clips are anomalies.
    csv_file : gets a line a clip.
    on_alarm : a program with arguments that is told of alarms.
    heartbeat_s : seconds between two signs of life.
    as_json : whether a verdict is said as a JSON object.

    Raises
    ------
    ConfigError, DataError
        If one of them cannot be.
    """

    def __init__(
        self,
        scorer: Scorer,
        calibration: Calibration | None,
        score: str | None,
        say: Callable[[str], None],
        alarm_after: str = "1/1",
        csv_file: Path | None = None,
        on_alarm: str | None = None,
        heartbeat_s: float | None = None,
        as_json: bool = False,
    ):
        self._scorer, self._calibration, self._say = scorer, calibration, say
        self._score = score or next(iter(scorer.thresholds))
        after = parsed_after(alarm_after)
        self._watcher = Watcher(scorer.name, after, calibration.clips if calibration else 0)
        self._table = CsvFile(csv_file, say) if csv_file else None
        self._command = Command(on_alarm, say) if on_alarm else None
        self._heartbeat_s, self._as_json = heartbeat_s, as_json

    @property
    def alarms(self) -> int:
        """How many have begun."""
        return self._watcher.alarms

    def run(self, source: str, clips: Iterable[Clip], write: Callable[[str], None]) -> None:
        """Watches until the `clips` end; `write` takes each verdict."""
        self._say(self._start_line(source))
        beat = heartbeat(self._heartbeat_s, lambda: self._say(f"{_now():%F %T} {self._watcher}"))
        try:
            with beat:
                for clip in verdicts(clips, self._scorer, self._calibration, self._score):
                    self._take(clip, write)
        finally:
            if self._command:
                self._command.wait()

    def _take(self, scored: Mapping[str, Any], write: Callable[[str], None]) -> None:
        now, name = _now(), self._watcher.name
        verdict, events = self._watcher.take(scored, now)
        text = f"{now:%F %T} {as_text(verdict)}"
        write(json.dumps(verdict, allow_nan=False) if self._as_json else text)
        if self._table:
            self._table.append(verdict)
        for event in events:
            self._say(f"{now:%F %T} {name}: {SAID[event]} ({verdict['clip']})")
            if self._command:
                self._command.tell({"event": event, "machine": name, **verdict})

    def _start_line(self, source: str) -> str:
        needed, last = self._watcher.after
        threshold = self._calibration or (
            f"{self._score} above {self._scorer.thresholds[self._score]:.4g} is an anomaly, by the"
            " baseline's own threshold, which promises nothing"
        )
        alarm = "each anomaly is an alarm" if last == 1 else f"{needed} of {last} are an alarm"
        return f"{self._scorer.name}: watches {source}; {threshold}; {alarm}"


def _now() -> datetime.datetime:
    return datetime.datetime.now().astimezone()


def calibration_of(
    scorer: Scorer, normal: Path | None, false_alarms: float | None, score: str | None
) -> tuple[Calibration | None, list[str]]:
    """That of the recordings in `normal`, else the one that the scorer's file keeps, else none; and
    why recordings were left out.

    Parameters
    ----------
    false_alarms, score : what the user asks for; None for what the file keeps, else the usual.

    Raises
    ------
    ConfigError, DataError, AudioError, CheckpointError
        If what is asked for cannot be.
    """
    given = {"false_alarms": false_alarms, "score": score}
    asked = {name: value for name, value in given.items() if value is not None}
    if normal:
        kept = {"false_alarms": FALSE_ALARMS, **(scorer.calibration or {}), **asked}
        clips = normal_clips(normal, scorer)
        calibration, problems, _ = calibrate(scorer, clips, kept["false_alarms"], score)
        return calibration, problems
    if scorer.calibration:
        return Calibration.from_facts(scorer.calibration, **asked), []
    if false_alarms is not None:
        raise ConfigError(
            "--false-alarms: expected normal recordings to promise it by, got none. Name their"
            " folder with --normal."
        )
    if score:
        check_score(score, scorer.thresholds)
    return None, []
