"""The page as a file: it needs nothing else, weighs no more than allowed, and says the same as the
tables beside it.
"""

import csv
import json
import re
import subprocess
import sys

import made_results
import pytest

from dcase_denoise_plugin.figures.arms import arms_of_checkout
from dcase_denoise_plugin.report.page import write_report


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return made_results.write_whole_checkout(
        tmp_path_factory.mktemp("checkout"), seeds=(1, 2), machine_epochs="fan=65"
    )


@pytest.fixture(scope="module")
def files(results):
    return write_report(*arms_of_checkout(results, "baseline"), results / "report.html", "")


@pytest.fixture(scope="module")
def html(files):
    return files[0].read_text(encoding="utf-8")


def test_nothing_is_loaded_from_anywhere_and_nothing_leads_away(html):
    without_data = re.sub(r"data:(image/png|audio/mpeg);base64,[A-Za-z0-9+/=]+", "", html)
    assert {
        address.partition(":")[0]
        for address in re.findall(r"(?:src|href)=\"([^\"]*)\"", without_data)
        if not address.startswith("#")
    } <= {"", "data"}
    assert (
        not re.findall(r"(?<!xmlns=\")(?<!xmlns:xlink=\")https?://", without_data)
        and "@import" not in html
        and "url(http" not in html
    )
    assert "default-src 'none'" in html


def test_it_says_nothing_of_the_machine_it_was_made_on(html, results):
    assert str(results.parents[1]) not in html


def test_each_machine_type_has_three_clips_that_can_be_seen_and_heard_and_those_that_moved(html):
    for machine in ("fan", "gearbox"):
        typical = re.search(
            rf"<h3>{machine}</h3>\s*<div class=\"sights large\">(.*?)</div>\s*(?:<h3>|</section>)",
            html,
            re.S,
        )[1]
        assert (
            typical.count("<figure") == 3
            and typical.count("<img") == 6
            and typical.count("<audio") == 9
        )
        moved = re.search(
            rf"<h3>{machine}</h3>\s*<div class=\"sights\">(.*?)</div>\s*(?:<h3>|</section>)",
            html,
            re.S,
        )[1]
        assert 2 <= moved.count("<figure") <= 6 and moved.count("<audio") == 3 * moved.count(
            "<figure"
        )


def test_charts_take_the_pages_colours_and_are_named(html):
    charts = re.findall(r"<figure class=\"chart\">(.*?)</figure>", html, re.S)
    # Of each machine type: three a score, two of the training, one of what was removed.
    assert len(charts) == 2 * (2 * 3 + 2 + 1) and all(
        'role="img"><title>' in chart for chart in charts
    )
    assert not any(re.search(r"(?:fill|stroke): #(?!000000|ffffff)", chart) for chart in charts)
    ids = re.findall(r" id=\"([^\"]+)\"", html)
    assert len(set(ids)) == len(ids)


def test_provenance_names_everything_that_the_runs_noted(html):
    provenance = html[html.index('id="provenance"') :]
    for text in (
        "v4.3.0",
        "b" * 64,
        "1e1e1e1e1e1e1e1e",
        "1d1d1d1d1d1d1d1d",
        "torch 2.11.0",
        "denoise_strength: 0.5",
        "<mark>fan=65</mark>",
        (
            "for seed in 1 2; do python3 train.py --dataset=DCASE2025T2fan -d &#39;-tag=id(0_)&#39;"
            " --use_ids 0 --train_only --seed=&#34;$seed&#34; --export_dir=baseline_denoise; done"
        ),
        "--test_only --score MAHALA",
    ):
        assert text in provenance, text


def test_the_same_tables_lie_beside_it(files, html):
    names = {file.name for file in files[1:]}
    assert names == {
        "report.md",
        *(
            f"report_{name}.csv"
            for name in (
                "mse",
                "mse_f1",
                "mse_seeds",
                "mahala",
                "mahala_f1",
                "mahala_seeds",
                "ranks",
                "separation",
                "denoisers",
            )
        ),
    }
    markdown = files[1].read_text(encoding="utf-8")
    for file in files[2:]:
        table = re.search(
            rf"<table id=\"table-{file.stem.removeprefix('report_')}\">(.*?)</table>", html, re.S
        )[1]
        with open(file, newline="", encoding="utf-8") as stream:
            lines = list(csv.reader(stream))[1:]
        rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
        assert len(rows) == len(lines)
        for row, line in zip(rows, lines):
            assert [
                value
                for value in " ".join(re.findall(r"data-values=\"([^\"]*)\"", row)).split()
                if value != "None"
            ] == " ".join(line).split()
            texts = [
                re.sub(r"<[^>]+>", "", text).strip()
                for text in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
            ]
            assert f"| {' | '.join(text for text in texts if text)} |" in markdown


def test_beyond_its_weight_it_is_thinned_out_and_says_so(results, files, html):
    most = len(html.encode()) - 400_000
    thin = write_report(
        *arms_of_checkout(results, "baseline"),
        results.parent / "thin" / "report.html",
        "",
        most_bytes=most,
    )[0].read_text(encoding="utf-8")
    assert len(thin.encode()) <= most + 2000
    left_out = int(
        re.search(r"(\d+) clips are left out: with them, this page would weigh more than", thin)[1]
    )
    assert (
        left_out >= 1 and thin.count("Left out to keep this page small enough to send.") == left_out
    )
    typical = thin[thin.index('id="listen"') : thin.index('id="moved"')]
    assert typical.count("<audio") == 18, "the clips that moved go first"


def test_what_the_stage_found_out_stands_on_the_page_and_beside_it(tmp_path):
    results = made_results.write_whole_checkout(tmp_path, seeds=(1,), test=1)
    for path in results.glob("baseline_denoise_*/denoise_receipt_*fan_*.json"):
        receipt = {**json.loads(path.read_text()), "findings": "fan: 2 noise recordings → <mask>"}
        path.write_text(json.dumps(receipt))
    page, markdown, *_ = write_report(
        *arms_of_checkout(results, "baseline"), tmp_path / "report.html", ""
    )
    html = page.read_text(encoding="utf-8")
    assert html.count("<li>fan: 2 noise recordings → &lt;mask&gt;</li>") == 1
    assert "\n- fan: 2 noise recordings → \\<mask\\>\n" in markdown.read_text(encoding="utf-8")
    assert "<li>gearbox: " not in html, "older receipts say nothing"


def test_on_one_seed_no_difference_is_coloured(tmp_path):
    results = made_results.write(tmp_path, seeds=(1,), better=3.0)
    html = write_report(*arms_of_checkout(results, "baseline"), tmp_path / "report.html", "")[
        0
    ].read_text(encoding="utf-8")
    tables = re.findall(r"<table id=\"table-m\w+\">.*?</table>", html, re.S)
    rows = [
        row for table in tables for row in re.findall(r"<tr>\n<th scope=.row.*?</tr>", table, re.S)
    ]
    numbers = [re.findall(r"<td class=\"number ?(\w*)", row) for row in rows]
    # Before the difference of one seed stands the seed.
    differences = {cells[0] if len(cells) == 6 else cells[1] for cells in numbers}
    assert len(rows) > 40 and differences == {""}
    assert any("better" in cells for cells in numbers), "intervals over clips are"
    assert '<p class="difference ">' in html and "one seed proves nothing by itself" in html


def test_a_broken_recording_is_said_at_its_clip_and_the_rest_stands(tmp_path):
    results = made_results.write_whole_checkout(tmp_path, seeds=(1,))
    for recording in tmp_path.glob("data/dcase2025t2/dev_data/raw/fan/test/*.wav"):
        recording.write_bytes(recording.read_bytes()[:100])
    html = write_report(*arms_of_checkout(results, "baseline"), tmp_path / "report.html", "")[
        0
    ].read_text(encoding="utf-8")
    assert (
        "fan: 12 clips could not be denoised for this page, the first one because of clip: expected"
        in html
        and html.count("<audio") >= 9
    )


# From a process of its own: Linux counts into a child's peak what the process that started it held,
# here that of all tests before.
WHAT_IT_TAKES = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


@pytest.mark.slow
def test_two_machine_types_and_three_seeds_take_less_than_a_minute_and_two_gigabytes(tmp_path):
    results = made_results.write_whole_checkout(tmp_path, test=12, clip_s=10.0)
    command = [
        sys.executable,
        "-m",
        "dcase_denoise_plugin",
        "compare",
        results / "baseline",
        results / "baseline_denoise",
        "--out",
        tmp_path / "page.html",
    ]
    # Of the processor and not of the clock, which other tests beside this one slow down.
    processor_s, peak_kb = subprocess.run(
        [sys.executable, "-c", WHAT_IT_TAKES, *command], check=True, capture_output=True, text=True
    ).stdout.split()[-2:]
    assert float(processor_s) < 60 and int(peak_kb) < 2_000_000
    assert (tmp_path / "page.html").stat().st_size < 10_000_000


def test_names_of_clips_break_no_line_and_no_table_of_the_markdown(tmp_path):
    odd = "a|b\nc<img src=x>.wav"
    results = made_results.write(
        tmp_path, ("fan",), (1,), ("MSE",), names=lambda _: [odd, *made_results.clip_names(3)]
    )
    page = write_report(*arms_of_checkout(results, "baseline"), tmp_path / "page.html", "")[0]
    text = page.with_suffix(".md").read_text()
    assert r"a\|b\\nc\<img src=x\>.wav" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
