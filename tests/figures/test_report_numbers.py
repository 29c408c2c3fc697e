"""Every number on the page, against a few lines that read the CSVs themselves."""

import functools
import re
from html.parser import HTMLParser

import made_results
import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import f1_score, roc_auc_score

from dcase_denoise_plugin.figures.arms import Arm
from dcase_denoise_plugin.report.page import write_report

MACHINES, SEEDS = ("fan", "gearbox"), (1, 2, 3)


class Tables(HTMLParser):
    """Rows of each table by its id: (text, values) a cell."""

    def __init__(self, html):
        super().__init__()
        self.tables, self.rows, self.cell = {}, None, None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "table":
            self.rows = self.tables.setdefault(attributes["id"].removeprefix("table-"), [])
        elif tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.cell = [
                "",
                attributes.get("data-values", attributes.get("data-value", "")).split(),
                attributes.get("class", ""),
            ]
            self.rows[-1].append(self.cell)

    def handle_endtag(self, tag):
        if tag in ("th", "td"):
            self.cell = None

    def handle_data(self, data):
        if self.cell is not None:
            self.cell[0] = (self.cell[0] + data).strip()


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The page's tables, its text, and where the CSVs lie."""
    root = tmp_path_factory.mktemp("checkout")
    results = made_results.write(root, MACHINES, SEEDS)
    arms = [
        Arm(name, {score: results / f"{folder}_{score}" for score in made_results.SCORES})
        for name, folder in zip(("plain", "denoised"), made_results.ARMS)
    ]
    html = write_report(*arms, root / "report.html", "Test")[0].read_text()
    return Tables(html).tables, html, results


@functools.cache
def independent(results, score, machine, seed, arm):
    """The figures of one run, from its CSVs with scikit-learn."""
    folder = results / f"{arm}_{score}"
    scores, decided = (
        made_results.read_scores(folder, machine, seed, kind)
        for kind in ("anomaly_score", "decision_result")
    )
    figures = {
        "pAUC": roc_auc_score(
            ["_anomaly_" in name for name in scores], list(scores.values()), max_fpr=0.1
        )
    }
    for domain in ("source", "target"):
        ranked = [name for name in scores if f"_{domain}_" in name or "_anomaly_" in name]
        own = [name for name in scores if f"_{domain}_" in name]
        figures[f"AUC ({domain})"] = roc_auc_score(
            ["_anomaly_" in name for name in ranked], [scores[name] for name in ranked]
        )
        figures[f"F1 ({domain})"] = f1_score(
            ["_anomaly_" in name for name in own], [int(decided[name]) for name in own]
        )
    figures["harmonic mean"] = scipy.stats.hmean(
        [figures[name] for name in ("AUC (source)", "AUC (target)", "pAUC")]
    )
    figures["F1 harmonic mean"] = scipy.stats.hmean(
        [figures["F1 (source)"], figures["F1 (target)"]]
    )
    return {name: 100 * value for name, value in figures.items()}


def expected(results, score, machine, figure, arm):
    """One value a seed."""
    if machine != "all machines":
        return [independent(results, score, machine, seed, arm)[figure] for seed in SEEDS]
    figure = "harmonic mean" if figure == "official score" else figure
    return [
        scipy.stats.hmean([independent(results, score, one, seed, arm)[figure] for one in MACHINES])
        for seed in SEEDS
    ]


def shown(text):
    """The numbers in a cell's text, with true minus signs."""
    return [float(number) for number in re.findall(r"[+-]?\d+\.?\d*", text.replace("−", "-"))]


@pytest.mark.parametrize("score", made_results.SCORES)
@pytest.mark.parametrize(
    "table, figures",
    [
        ("", ["AUC (source)", "AUC (target)", "pAUC"]),
        ("_f1", ["F1 (source)", "F1 (target)", "F1 harmonic mean"]),
    ],
)
def test_every_row_of_the_figures(written, score, table, figures):
    tables, _, results = written
    rows = tables[f"{score.lower()}{table}"][1:]
    means = {
        machine: (
            [] if table else ["official score" if machine == "all machines" else "harmonic mean"]
        )
        for machine in (*MACHINES, "all machines")
    }
    assert [(row[0][0], row[1][0]) for row in rows] == [
        (machine, figure) for machine in means for figure in [*figures, *means[machine]]
    ]
    for row in rows:
        plain, denoised = (
            np.array(expected(results, score, row[0][0], row[1][0], arm))
            for arm in made_results.ARMS
        )
        interval = scipy.stats.ttest_rel(denoised, plain).confidence_interval()
        right = {
            2: [(denoised - plain).mean(), (denoised - plain).std(ddof=1)],
            4: [interval.low, interval.high],
            6: [plain.mean(), plain.std(ddof=1)],
            7: [denoised.mean(), denoised.std(ddof=1)],
            8: [3],
        }
        for column, values in right.items():
            assert [float(value) for value in row[column][1]] == pytest.approx(values, abs=1e-7), (
                row
            )
            assert shown(row[column][0]) == pytest.approx(values, abs=0.00501), row


@pytest.mark.parametrize("score", made_results.SCORES)
def test_every_row_of_the_seeds(written, score):
    tables, _, results = written
    rows = tables[f"{score.lower()}_seeds"][1:]
    assert len(rows) == 3 * (4 + 3) * len(SEEDS)
    for machine, metric, seed, *cells in rows:
        plain, denoised = (
            expected(results, score, machine[0], metric[0], arm)[SEEDS.index(int(seed[0]))]
            for arm in made_results.ARMS
        )
        difference, _, *figures = cells
        for cell, value in zip((*figures, difference), (plain, denoised, denoised - plain)):
            assert float(cell[1][0]) == pytest.approx(value, abs=1e-7) and shown(
                cell[0]
            ) == pytest.approx([value], abs=0.00501)


def test_intervals_over_clips_are_those_of_a_plain_bootstrap_loop(written):
    tables, _, results = written
    names = np.array(made_results.clip_names())
    groups = {
        group: np.flatnonzero(np.char.count(names, group))
        for group in ("_source_test_normal_", "_source_test_anomaly_", "_target_test_anomaly_")
    }
    scores = {
        (arm, machine, seed): np.array(
            [
                made_results.read_scores(results / f"{arm}_MSE", machine, seed)[name]
                for name in names
            ]
        )
        for arm in made_results.ARMS
        for machine in MACHINES
        for seed in SEEDS
    }
    rng, drawn = np.random.default_rng(99), []
    for _ in range(2000):
        clips = {
            machine: [rng.choice(group, len(group)) for group in groups.values()]
            for machine in MACHINES
        }
        areas = {}
        for (arm, machine, seed), values in scores.items():
            normal, anomaly = (
                values[clips[machine][0]],
                np.concatenate([values[clips[machine][1]], values[clips[machine][2]]]),
            )
            areas[arm, machine, seed] = 50 * np.mean(
                (anomaly[:, None] > normal).astype(int) + (anomaly[:, None] >= normal)
            )
        by_arm = [
            [
                [
                    areas[arm, "fan", seed],
                    scipy.stats.hmean([areas[arm, machine, seed] for machine in MACHINES]),
                ]
                for seed in SEEDS
            ]
            for arm in made_results.ARMS
        ]
        drawn.append(np.subtract(by_arm[1], by_arm[0]))
    fan, together = np.moveaxis(np.array(drawn), -1, 0)  # (replicates, seeds) each
    found = {
        (row[0][0], row[1][0]): [float(value) for value in row[5][1]] for row in tables["mse"][1:]
    }
    # Two bootstraps of 2000 draws each agree within about 4 % of the interval's width.
    for machine, differences in (("fan", fan), ("all machines", together)):
        low, high = np.quantile(differences.mean(axis=1), [0.025, 0.975])
        assert found[machine, "AUC (source)"] == pytest.approx([low, high], abs=0.06 * (high - low))
    by_seed = {
        (row[0][0], row[1][0], row[2][0]): [float(value) for value in row[4][1]]
        for row in tables["mse_seeds"][1:]
    }
    for index, seed in enumerate(SEEDS):
        low, high = np.quantile(fan[:, index], [0.025, 0.975])
        assert by_seed["fan", "AUC (source)", str(seed)] == pytest.approx(
            [low, high], abs=0.06 * (high - low)
        )


def test_the_cards_show_the_official_score_of_the_tables(written):
    tables, html, _ = written
    cards = re.findall(r'<article class="card">(.*?)</article>', html, re.S)
    for score, card in zip(made_results.SCORES, cards, strict=True):
        row = next(row for row in tables[score.lower()] if row[1][0] == "official score")
        text = re.sub(r"<svg.*?</svg>|<p class=\"ends\">.*?</p>|<[^>]+>", " ", card, flags=re.S)
        for number in shown(" ".join(row[column][0] for column in (2, 4, 5))) + [
            shown(row[column][0])[0] for column in (6, 7)
        ]:
            assert number in shown(text)


def test_colour_stands_exactly_where_an_interval_excludes_zero(written):
    tables, _, _ = written
    coloured = 0
    for score in made_results.SCORES:
        for row in tables[score.lower()][1:]:
            outside = []
            for column in (4, 5):
                low, high = map(float, row[column][1])
                outside.append((low > 0) - (high < 0))
                assert (
                    row[column][2].split()[1:] == {1: ["better"], -1: ["worse"], 0: []}[outside[-1]]
                )
            tone = {2: ["better"], -2: ["worse"]}.get(sum(outside), [])
            assert row[2][2].split()[1:] == tone
            coloured += bool(tone)
    assert coloured


def test_ranks_are_those_of_the_scores(written):
    tables, _, results = written
    for machine, clip, truth, domain, first, second, rise, count in tables["ranks"][1:]:
        ranks = []
        for arm in made_results.ARMS:
            tables_of = [
                made_results.read_scores(results / f"{arm}_MSE", machine[0], seed) for seed in SEEDS
            ]
            ranks.append(
                np.mean(
                    [
                        scipy.stats.rankdata([-value for value in scores.values()])[
                            list(scores).index(clip[0])
                        ]
                        for scores in tables_of
                    ]
                )
            )
        assert [float(cell[1][0]) for cell in (first, second, rise)] == pytest.approx(
            [*ranks, ranks[0] - ranks[1]]
        )
        assert f"_{truth[0]}_" in clip[0] and f"_{domain[0]}_" in clip[0] and count[0] == "48"
    assert len(tables["ranks"]) == 1 + 2 * 6
