"""The report: gathers what both arms left, and writes one HTML page that needs nothing else, with
the same tables as CSV and Markdown beside it.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib.resources
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import sklearn.metrics

from dcase_denoise_plugin.errors import DenoiseError, RunError
from dcase_denoise_plugin.figures import intervals, ranks, tables
from dcase_denoise_plugin.figures.comparison import ScoreComparison, compare
from dcase_denoise_plugin.figures.results_folders import Arm
from dcase_denoise_plugin.figures.score_files import Remark, ScoreFolder, SectionScores
from dcase_denoise_plugin.figures.tables import Cell, Column, Table, label, number, written
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.report import charts
from dcase_denoise_plugin.report.denoised_clips import MOST_CLIPS, MachineSound, typical_clips
from dcase_denoise_plugin.report.listening import Sight, colour_ramp
from dcase_denoise_plugin.report.provenance import Provenance, gather
from dcase_denoise_plugin.report.surroundings import Checkout
from dcase_denoise_plugin.runner.step_log import autoencoder_losses, denoiser_losses

# What a page may weigh; sounds and pictures that would exceed it stay out, and the page says so.
MOST_BYTES = 10_000_000
CLIP_MARKUP_BYTES = 2500  # of the 2 kB or so that stand around a clip's pictures and sounds
LABEL_NAMES = {1: "anomaly", 0: "normal", -1: "not known"}


@dataclasses.dataclass(frozen=True)
class Clip:
    """A clip on the page; without a `sight`, `note` says why."""

    title: str
    name: str
    facts: tuple[str, ...]
    sight: Sight | None = None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """A machine type's clips: `typical` ones and those that `moved` most."""

    machine: str
    note: str
    typical: tuple[Clip, ...]
    moved: tuple[Clip, ...]


def write_report(
    first: Arm,
    second: Arm,
    page: Path,
    title: str,
    data: Path | None = None,
    reference: Path | None = None,
    most_bytes: int = MOST_BYTES,
    baseline: Path | None = None,
) -> list[Path]:
    """Writes the page, and beside it every table as CSV and all of them as Markdown.

    Parameters
    ----------
    page : where the HTML goes; the other files share its stem.
    title : what the results are about; "" for the name of the data set.
    data, reference : where recordings (``<machine>/test/*.wav``) and clean references lie, if not
        in the checkout around the results.
    baseline : that checkout; the first one above the results by default.

    Returns
    -------
    list of Path
        All files written, the page first.

    Raises
    ------
    RunError
        If neither arm has a single figure or score.
    """
    comparisons, checkouts = [], {0: [], 1: []}
    for score in dict.fromkeys((*first.folders, *second.folders)):
        folders = [
            ScoreFolder.read(arm.folders[score], score, arm.only) if score in arm.folders else None
            for arm in (first, second)
        ]
        for index, folder in enumerate(folders):
            if folder:
                checkouts[index].append(Checkout(folder, data, reference, baseline))
        comparisons.append(compare(score, *folders, (first.name, second.name), _max_fpr(checkouts)))
    if not any(
        folder and folder.runs for comparison in comparisons for folder in comparison.folders
    ):
        where = ", ".join(str(path) for arm in (first, second) for path in arm.folders.values())
        raise RunError(
            "report: expected anomaly_score_*.csv or result_*_roc.csv of the baseline's test, got"
            f" none that can be read in {where}. Name results folders such as"
            " results/dev_data/baseline_MSE."
        )
    report = _Report(
        comparisons, checkouts, (first.name, second.name), title or _title(checkouts), most_bytes
    )
    html = report.html()
    page = Path(page)
    _write(page, html)
    _write(page.with_suffix(".md"), report.markdown())
    files = [page, page.with_suffix(".md")]
    for table in report.tables:
        files.append(page.with_name(f"{page.stem}_{table.name}.csv"))
        table.write_csv(files[-1])
    return files


def _write(path: Path, text: str) -> None:
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _title(checkouts: Mapping[int, list[Checkout]]) -> str:
    checkout = next(checkout for both in checkouts.values() for checkout in both)
    mode = {"dev_data": "development data", "eval_data": "evaluation data"}.get(checkout.mode, "")
    return " ".join(filter(None, (checkout.folder.dataset, mode))) or "Results"


def _max_fpr(checkouts: Mapping[int, list[Checkout]]) -> float:
    """As the runs noted it, else the baseline's default."""
    for checkout in (checkout for both in checkouts.values() for checkout in both):
        for machine, _ in checkout.folder.runs:
            if "max_fpr" in checkout.settings(machine):
                return float(checkout.settings(machine)["max_fpr"])
    return 0.1


class _Report:
    """Everything on the page."""

    def __init__(
        self,
        comparisons: list[ScoreComparison],
        checkouts: Mapping[int, list[Checkout]],
        names: tuple[str, str],
        title: str,
        most_bytes: int,
    ):
        self.comparisons, self.names, self.title, self.most_bytes = (
            comparisons,
            names,
            title,
            most_bytes,
        )
        self.checkouts = checkouts
        self.remarks: list[Remark] = [
            remark for comparison in comparisons for remark in comparison.remarks
        ]
        self.provenance: Provenance = gather(
            (name, checkouts[index]) for index, name in enumerate(names)
        )
        self.machines = sorted(
            {machine for comparison in comparisons for machine in comparison.machines}
        )
        self.seeds = sorted(
            {
                seed
                for comparison in comparisons
                for folder in comparison.folders
                if folder
                for _, seed in folder.runs
            }
        )
        self.moved = ranks.most_moved(comparisons[0])
        self.sounds = [self._sound(machine) for machine in self.machines]
        self.tables = self._tables()

    def html(self) -> str:
        """The page with as many clips as fit."""
        environment = jinja2.Environment(
            loader=jinja2.PackageLoader("dcase_denoise_plugin.report", "."),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        environment.globals.update(zip=zip, written=written, opening=opening)
        package = importlib.resources.files("dcase_denoise_plugin.report")
        content = {
            "title": self.title,
            "names": self.names,
            "provenance": self.provenance,
            "machines": self.machines,
            "seeds": self.seeds,
            "tables": {table.name: table for table in self.tables},
            "scores": [self._score(comparison) for comparison in self.comparisons],
            "remarks": self.remarks,
            "losses": self._losses(),
            "removed": self._removed(),
            "replicates": intervals.REPLICATES,
            "most_clips": MOST_CLIPS,
            "written_at": (
                datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
            ),
            "colour_ramp": colour_ramp(),
            "separation": [sound for sound in self.sounds if sound.separation],
            "style": (package / "page.css").read_text(encoding="utf-8"),
            "script": (package / "page.js").read_text(encoding="utf-8"),
        }
        template = environment.get_template("page.html.j2")
        bare = len(template.render(content, sections=[], left_out=0, most_megabytes=0).encode())
        sections, left_out = self._sections(self.most_bytes - bare)
        return template.render(
            content, sections=sections, left_out=left_out, most_megabytes=self.most_bytes / 1e6
        )

    def markdown(self) -> str:
        parts = [f"# {self.title}: {self.names[0]} against {self.names[1]}"]
        parts += (
            [
                "## Remarks on the input\n\n"
                + "\n".join(
                    f"- {f'{remark.score}: ' if remark.score else ''}{remark.text}"
                    for remark in self.remarks
                )
            ]
            if self.remarks
            else []
        )
        return "\n\n".join([*parts, *(table.markdown() for table in self.tables)]) + "\n"

    def _sound(self, machine: str) -> MachineSound:
        """By the second arm's denoiser, or the first's if only that one left receipts."""
        candidates = [
            MachineSound.of(checkouts[0], machine)
            for checkouts in (self.checkouts[1], self.checkouts[0])
            if checkouts
        ]
        sound = next((candidate for candidate in candidates if candidate.function), candidates[0])
        for section in self._sections_of(machine):
            wrong = sound.measure(section)
            if wrong:
                text = (
                    f"{machine}: {len(wrong)} clips could not be denoised for this page, the first"
                    f" one because of {wrong[0]}"
                )
                self.remarks.append(Remark(text, "", machine))
        return sound

    def _sections_of(self, machine: str) -> list[SectionScores]:
        """The machine's sections under the first score and seed that has any."""
        for comparison in self.comparisons:
            for folder in (folder for folder in comparison.folders if folder):
                for (own, _), sections in sorted(folder.sections.items()):
                    if own == machine:
                        return list(sections.values())
        return []

    def _tables(self) -> list[Table]:
        made = []
        for comparison in self.comparisons:
            slug = comparison.score.lower()
            if comparison.auc_rows:
                made.append(
                    tables.figures_table(
                        slug, f"{comparison.score}: AUCs", comparison.auc_rows, self.names
                    )
                )
            if comparison.f1_rows:
                made.append(
                    tables.figures_table(
                        f"{slug}_f1",
                        f"{comparison.score}: F1 at the baseline's threshold",
                        comparison.f1_rows,
                        self.names,
                    )
                )
            if comparison.rows:
                made.append(
                    tables.seeds_table(
                        f"{slug}_seeds", f"{comparison.score}: every seed", comparison, self.names
                    )
                )
        if self.moved:
            made.append(self._moved_table())
        if any(sound.separation for sound in self.sounds):
            made.append(_separation_table(self.sounds))
        return [*made, self.provenance.denoisers] if self.provenance.denoisers.rows else made

    def _moved_table(self) -> Table:
        columns = (
            Column("Machine", ("machine",), False),
            Column("Clip", ("clip",), False),
            Column("Truth", ("truth",), False),
            Column("Domain", ("domain",), False),
            Column(f"Rank, {self.names[0]}", (f"rank {self.names[0]}",)),
            Column(f"Rank, {self.names[1]}", (f"rank {self.names[1]}",)),
            Column("Rise", ("rise",)),
            Column("Of clips", ("clips",)),
        )
        rows = tuple(
            (
                label(clip.machine),
                label(clip.clip),
                label(LABEL_NAMES[clip.label]),
                label(clip.domain or "–"),
                number(clip.first, 1),
                number(clip.second, 1),
                number(clip.rise, 1, signed=True, tone=clip.tone),
                number(clip.clips, 0),
            )
            for clip in self.moved
        )
        return Table(
            "ranks", f"Clips whose rank changed most, by {self.comparisons[0].score}", columns, rows
        )

    def _score(self, comparison: ScoreComparison) -> dict[str, Any]:
        official, compared = comparison.official, comparison.compared_machines
        reach = tables.strip_reach([official], cut_seeds=False) if official else 1
        return {
            "name": comparison.score,
            "slug": comparison.score.lower(),
            "official": official,
            "remarks": comparison.remarks,
            "only": [] if compared == self.machines else compared,
            "means": (
                official
                and [written(statistics.mean(official.shown(arm))) for arm in ("first", "second")]
            ),
            "difference": (
                official
                and tables.mean_and_deviation(official.differences, signed=True, tone=official.tone)
            ),
            "intervals": (
                official and [tables.bounds(official.over_seeds), tables.bounds(official.clips)]
            ),
            "strip": official and tables.strip(official, reach),
            "reach": official and written(reach, 1),
            "verdict": official and _verdict(official, self.names),
            "curves": self._curves(comparison),
        }

    def _curves(self, comparison: ScoreComparison) -> list[dict[str, Any]]:
        """Histograms of one seed and ROC curves of all, machine by machine."""
        drawn = []
        for machine in comparison.machines:
            pictures, roc = [], []
            for folder, name, color in zip(
                comparison.folders, self.names, (charts.FIRST, charts.SECOND)
            ):
                runs = (
                    [
                        (seed, _pooled(sections))
                        for (own, seed), sections in sorted(folder.sections.items())
                        if own == machine
                    ]
                    if folder
                    else []
                )
                if runs:
                    seed, (scores, labels) = runs[0]
                    about = (
                        f"{machine}, {name}: histogram of {comparison.score} scores of seed {seed}"
                    )
                    pictures.append(
                        (
                            f"{name}, seed {seed}",
                            charts.score_histogram(scores, labels, color, about),
                        )
                    )
                for _, (scores, labels) in runs:
                    known = labels >= 0
                    if len(set(labels[known])) == 2:
                        roc.append(
                            (
                                name,
                                color,
                                *sklearn.metrics.roc_curve(labels[known], scores[known])[:2],
                            )
                        )
            if roc:
                about = f"{machine}: ROC curves under {comparison.score}, one a seed"
                pictures.append(
                    ("ROC, every seed", charts.roc_curves(roc, _max_fpr(self.checkouts), about))
                )
            drawn.append({"machine": machine, "pictures": pictures})
        return drawn

    def _losses(self) -> list[dict[str, Any]]:
        drawn = []
        for machine in self.machines:
            pictures, curves = [], []
            for index, color in ((0, charts.FIRST), (1, charts.SECOND)):
                for checkout in self.checkouts[index][:1]:
                    for seed in (seed for own, seed in checkout.folder.runs if own == machine):
                        for kind, line, losses in autoencoder_losses(checkout.log(machine, seed)):
                            curves.append((f"{self.names[index]}, {kind}", color, line, losses))
            if curves:
                pictures.append(
                    (
                        "Autoencoder",
                        charts.loss_curves(
                            curves,
                            "loss",
                            f"{machine}: loss of the autoencoder by epoch, every seed",
                        ),
                    )
                )
            trained = [
                (self.names[index], color, "-", losses)
                for index, color in ((0, charts.FIRST), (1, charts.SECOND))
                for checkout in self.checkouts[index][:1]
                for own, seed in checkout.folder.runs
                if own == machine and checkout.receipt(machine, seed)
                for losses in [denoiser_losses(checkout.run_logs(machine, seed), machine)]
                if losses
            ]
            if trained:
                pictures.append(
                    (
                        "Denoiser",
                        charts.loss_curves(
                            trained, "loss", f"{machine}: loss of the denoiser by epoch, every seed"
                        ),
                    )
                )
            drawn.append({"machine": machine, "pictures": pictures})
        return drawn

    def _removed(self) -> list[dict[str, Any]]:
        drawn = []
        for sound in self.sounds:
            truth = {
                name: int(value)
                for section in self._sections_of(sound.machine)
                for name, value in zip(section.clips, section.labels)
            }
            kinds = {
                LABEL_NAMES[kind]: [
                    removed for name, removed in sound.removed_db.items() if truth[name] == kind
                ]
                for kind in (0, 1, -1)
            }
            kinds = {kind: np.array(removed) for kind, removed in kinds.items() if removed}
            picture = (
                charts.removed_per_band(
                    sound.band_centres_hz,
                    kinds,
                    f"{sound.machine}: level removed by frequency band",
                )
                if kinds
                else None
            )
            drawn.append(
                {
                    "machine": sound.machine,
                    "picture": picture,
                    "seed": sound.seed,
                    "clips": len(sound.removed_db),
                    "note": (
                        sound.reason
                        or "no recordings of its test clips in"
                        f" {sound.checkout.recordings(sound.machine)}"
                    ),
                }
            )
        return drawn

    def _sections(self, room_bytes: int) -> tuple[list[Section], int]:
        """Machine by machine, with the clips that fit into `room_bytes`, typical ones first; and
        how many did not.
        """
        wanted: dict[tuple[str, str, bool], Clip] = {}
        for sound in self.sounds:
            for section in self._sections_of(sound.machine):
                for name in typical_clips(section, preferred=tuple(sound.separation)):
                    index = section.clips.index(name)
                    kind = ", ".join(
                        filter(
                            None,
                            (LABEL_NAMES[int(section.labels[index])], str(section.domains[index])),
                        )
                    )
                    wanted[sound.machine, name, False] = Clip(
                        kind.capitalize(), name, _separation_facts(sound, name)
                    )
        for moved in sorted(self.moved, key=lambda moved: -abs(moved.rise)):
            sound = next(sound for sound in self.sounds if sound.machine == moved.machine)
            kind = ", ".join(filter(None, (LABEL_NAMES[moved.label], moved.domain)))
            rank = f"rank {written(moved.first, 1)} → {written(moved.second, 1)} of {moved.clips}"
            wanted[moved.machine, moved.clip, True] = Clip(
                kind.capitalize(), moved.clip, (rank, *_separation_facts(sound, moved.clip))
            )
        left_out = 0
        for key, clip in wanted.items():
            sight, note = self._sight(key[0], key[1])
            if sight and sight.size_bytes > room_bytes:
                left_out, sight, note = (
                    left_out + 1,
                    None,
                    "Left out to keep this page small enough to send.",
                )
            room_bytes -= CLIP_MARKUP_BYTES + (sight.size_bytes if sight else 0)
            wanted[key] = dataclasses.replace(clip, sight=sight, note=note)
        found = {
            (sound.machine, kind): tuple(
                clip
                for (machine, _, own), clip in wanted.items()
                if (machine, own) == (sound.machine, kind)
            )
            for sound in self.sounds
            for kind in (False, True)
        }
        return [
            Section(
                sound.machine, sound.reason, found[sound.machine, False], found[sound.machine, True]
            )
            for sound in self.sounds
        ], left_out

    def _sight(self, machine: str, name: str) -> tuple[Sight | None, str]:
        sound = next(sound for sound in self.sounds if sound.machine == machine)
        if not sound.checkout.clip(machine, name):
            return None, f"No recording of this name in {sound.checkout.recordings(machine)}/test."
        try:
            return sound.sight(name), ""
        except (DenoiseError, OSError, ValueError) as error:
            return None, str(error)


def _pooled(sections: Mapping[str, SectionScores]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of all sections."""
    return tuple(
        np.concatenate([getattr(section, field) for section in sections.values()])
        for field in ("scores", "labels")
    )


def opening(name: str) -> str:
    """`name` as a sentence begins with it; that of a folder stays as it is."""
    return name.capitalize() if name.isalpha() and name.islower() else name


def _verdict(official, names) -> str:
    mean = statistics.mean(official.differences)
    count = len(official.seeds)
    known = [
        (interval, what)
        for interval, what in ((official.over_seeds, "over seeds"), (official.clips, "over clips"))
        if interval
    ]
    open_ends = [what for interval, what in known if not interval.excludes_zero]
    if not known:
        return "No interval can be drawn here, so this difference may be chance."
    if open_ends:
        which = (
            "both intervals include"
            if len(open_ends) == 2
            else f"the interval {open_ends[0]} includes"
        )
        return f"No difference is shown: {which} zero." + (
            " One seed proves nothing by itself." if count == 1 else ""
        )
    side = f"{opening(names[1])} is {'higher' if mean > 0 else 'lower'}"
    if count == 1:
        return f"{side} on these clips, but one seed proves nothing by itself."
    return (
        f"{side}:"
        f" {'both intervals exclude' if len(known) > 1 else f'the interval {known[0][1]} excludes'}"
        " zero."
    )


def _separation_facts(sound: MachineSound, name: str) -> tuple[str, ...]:
    if name not in sound.separation:
        return ()
    before, after, before_si, after_si = sound.separation[name]
    return (
        f"SNR {written(before, 1)} → {written(after, 1)} dB",
        f"SI-SDR {written(before_si, 1)} → {written(after_si, 1)} dB",
    )


def _separation_table(sounds: Iterable[MachineSound]) -> Table:
    columns = (
        Column("Machine", ("machine",), False),
        Column("Measure", ("measure",), False),
        Column("Noisy [dB]", ("noisy mean", "noisy standard deviation")),
        Column("Denoised [dB]", ("denoised mean", "denoised standard deviation")),
        Column("Improvement [dB]", ("improvement mean", "improvement standard deviation")),
        Column("95 % over clips", ("over clips low", "over clips high")),
        Column("Clips", ("clips",)),
    )
    rows = []
    for sound in (sound for sound in sounds if sound.separation):
        values = list(sound.separation.values())
        for measure, before, after in (("SNR", 0, 1), ("SI-SDR", 2, 3)):
            improvements = [value[after] - value[before] for value in values]
            interval = intervals.over_seeds(improvements)
            rows.append(
                (
                    label(sound.machine),
                    label(measure),
                    *(
                        tables.mean_and_deviation([value[at] for value in values])
                        for at in (before, after)
                    ),
                    tables.mean_and_deviation(
                        improvements, signed=True, tone=interval.tone if interval else ""
                    ),
                    tables.bounds(interval),
                    Cell(str(len(values)), (len(values),)),
                )
            )
    return Table("separation", "Against the clean references", columns, tuple(rows))
