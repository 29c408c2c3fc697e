"""The report: one HTML page that needs nothing else, and the same tables as CSV and Markdown."""

from __future__ import annotations

import dataclasses
import datetime
import importlib.resources
from pathlib import Path
from typing import Any

import jinja2

from dcase_denoise_plugin.errors import RunError
from dcase_denoise_plugin.figures import intervals, ranks
from dcase_denoise_plugin.figures.arms import Arm
from dcase_denoise_plugin.figures.results import Remark
from dcase_denoise_plugin.figures.tables import Table, written
from dcase_denoise_plugin.files import written_whole
from dcase_denoise_plugin.quoting import in_markdown
from dcase_denoise_plugin.report.cards import card, opening
from dcase_denoise_plugin.report.clips import machine_clips
from dcase_denoise_plugin.report.curves import removed_chart, score_charts, training_charts
from dcase_denoise_plugin.report.denoised_clips import MOST_CLIPS, MachineSound
from dcase_denoise_plugin.report.listening import colour_ramp
from dcase_denoise_plugin.report.page_tables import page_tables
from dcase_denoise_plugin.report.provenance import Provenance, gather
from dcase_denoise_plugin.report.subject import Subject

# What a page may weigh; sounds and pictures that would exceed it stay out, and the page says so.
MOST_BYTES = 10_000_000
PACKAGE = "dcase_denoise_plugin.report"


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything on the page but its pictures and sounds.

    Attributes
    ----------
    sounds : of each machine type.
    moved : the clips whose rank changed most.
    remarks : on the input, of all scores.
    """

    title: str
    subject: Subject
    provenance: Provenance
    sounds: tuple[MachineSound, ...]
    moved: tuple[ranks.Moved, ...]
    tables: tuple[Table, ...]
    remarks: tuple[Remark, ...]

    @classmethod
    def from_subject(
        cls, subject: Subject, title: str = "", own_method: str | None = None
    ) -> Report:
        """Without a `title`, the data set's name is one; `own_method` is as in `write_report`."""
        provenance = gather(zip(subject.names, subject.checkouts))
        heard = [_machine_sound(subject, machine, own_method) for machine in subject.machines]
        sounds = [sound for sound, _ in heard]
        moved = ranks.most_moved(subject.comparisons[0])
        remarks = [remark for comparison in subject.comparisons for remark in comparison.remarks]
        remarks += [remark for _, remark in heard if remark]
        return cls(
            title or subject.title,
            subject,
            provenance,
            tuple(sounds),
            tuple(moved),
            tuple(page_tables(subject.comparisons, moved, sounds, provenance.denoisers)),
            tuple(remarks),
        )


def write_report(
    first: Arm,
    second: Arm,
    page: Path,
    title: str,
    data: Path | None = None,
    reference: Path | None = None,
    most_bytes: int = MOST_BYTES,
    baseline: Path | None = None,
    own_method: str | None = None,
) -> list[Path]:
    """Writes the page, and beside it every table as CSV and all of them as Markdown.

    Parameters
    ----------
    page : where the HTML goes; the other files share its stem.
    title : what the results are about; "" for the name of the data set.
    data, reference : where recordings (``<machine>/test/*.wav``) and clean references lie, if not
        in the checkout around the results.
    baseline : that checkout; the first one above the results by default.
    own_method : the user's method that this page may import and play, if a receipt names it.

    Returns
    -------
    list of Path
        All files written, the page first.

    Raises
    ------
    RunError
        If neither arm has a single figure or score.
    """
    subject = Subject.from_arms((first, second), data, reference, baseline)
    if not subject.runs:
        where = ", ".join(str(path) for arm in (first, second) for path in arm.folders.values())
        raise RunError(
            "report: expected anomaly_score_*.csv or result_*_roc.csv of the baseline's test, got"
            f" none that can be read in {where}. Name results folders such as"
            " results/dev_data/baseline_MSE."
        )
    report = Report.from_subject(subject, title, own_method)
    html, page = _html(report, most_bytes), Path(page)
    _write(page, html)
    _write(page.with_suffix(".md"), _markdown(report))
    files = [page, page.with_suffix(".md")]
    for table in report.tables:
        files.append(page.with_name(f"{page.stem}_{table.name}.csv"))
        table.write_csv(files[-1])
    return files


def _write(path: Path, text: str) -> None:
    with written_whole(path) as aside:
        aside.write_text(text, encoding="utf-8")


def _machine_sound(
    subject: Subject, machine: str, own_method: str | None
) -> tuple[MachineSound, Remark | None]:
    """A machine type through the second arm's denoiser, or the first's if only that one left
    receipts; and what kept clips from being denoised.
    """
    candidates = [
        MachineSound.from_checkout(checkouts[0], machine, own_method)
        for checkouts in reversed(subject.checkouts)
        if checkouts
    ]
    sound = next((candidate for candidate in candidates if candidate.function), candidates[0])
    wrong = [reason for section in subject.sections(machine) for reason in sound.measure(section)]
    if not wrong:
        return sound, None
    return sound, Remark(
        f"{machine}: {len(wrong)} clips could not be denoised for this page, the first one because"
        f" of {wrong[0]}",
        "",
        machine,
    )


def _html(report: Report, most_bytes: int) -> str:
    """The page with as many clips as fit."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(PACKAGE, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals.update(zip=zip, written=written, opening=opening)
    template, content = environment.get_template("page.html.j2"), _content(report)
    bare = len(template.render(content, clips=[], left_out=0, most_megabytes=0).encode())
    sections = {machine: report.subject.sections(machine) for machine in report.subject.machines}
    clips, left_out = machine_clips(report.sounds, sections, report.moved, most_bytes - bare)
    return template.render(content, clips=clips, left_out=left_out, most_megabytes=most_bytes / 1e6)


def _content(report: Report) -> dict[str, Any]:
    """What the page's template shows besides clips."""
    subject, files = report.subject, importlib.resources.files(PACKAGE)
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "report": report,
        "names": subject.names,
        "provenance": report.provenance,
        "tables": {table.name: table for table in report.tables},
        "scores": [
            {
                "name": comparison.score,
                "slug": comparison.score.lower(),
                "card": card(comparison),
                "remarks": comparison.remarks,
                "only": (
                    []
                    if comparison.compared_machines == subject.machines
                    else comparison.compared_machines
                ),
                "charts": score_charts(comparison, subject.max_fpr),
            }
            for comparison in subject.comparisons
        ],
        "trainings": training_charts(subject),
        "removed": [(sound, removed_chart(sound, subject)) for sound in report.sounds],
        "replicates": intervals.REPLICATES,
        "most_clips": MOST_CLIPS,
        "written_at": now.strftime("%Y-%m-%d %H:%M UTC"),
        "colour_ramp": colour_ramp(),
        "style": (files / "page.css").read_text(encoding="utf-8"),
        "script": (files / "page.js").read_text(encoding="utf-8"),
    }


def _markdown(report: Report) -> str:
    first, second = report.subject.names
    parts = [in_markdown(f"# {report.title}: {first} against {second}")]
    if report.remarks:
        lines = [
            in_markdown(f"- {f'{remark.score}: ' if remark.score else ''}{remark.text}")
            for remark in report.remarks
        ]
        parts.append("\n".join(["## Remarks on the input", "", *lines]))
    if report.provenance.findings:
        lines = [in_markdown(f"- {line}") for line in report.provenance.findings]
        parts.append("\n".join(["## What the stage found out", "", *lines]))
    return "\n\n".join([*parts, *(table.markdown() for table in report.tables)]) + "\n"
