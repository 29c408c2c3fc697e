"""AUC of plain and denoised against the stored reference: the whole path, from clips through the
U-Net and the stand-in baseline to its CSVs.

The made-up machines always run; real recordings where ``../shared/data`` lies beside the
repository, or where DCASE_RECORDINGS_DIR leads to such a folder. A change that is meant to change
the figures comes with a new reference: ``python tests/regression/figures.py``.
"""

import json

import figures
import pytest

from dcase_denoise_plugin.figures.reference import judge, read_aucs

pytestmark = pytest.mark.slow
KNOWN = json.loads(figures.REFERENCE.read_text())["cases"]


@pytest.fixture(scope="module", params=figures.CASES)
def measured(request, tmp_path_factory):
    """A case by its name, the baseline's folder after both of its arms, and what they came to."""
    case = figures.CASES[request.param]
    if case.needs_recordings and figures.recordings() is None:
        pytest.skip(
            f"neither ../shared/data beside the repository nor {figures.RECORDINGS_VARIABLE} holds"
            " the recordings"
        )
    root = tmp_path_factory.mktemp("regression") / "baseline"
    return request.param, root, figures.measure_both(case, root)


@pytest.mark.parametrize("arm", figures.ARMS)
def test_every_auc_is_that_of_the_reference(measured, arm):
    name, root, _ = measured
    verdict = judge(
        read_aucs(root / "results"), figures.known_figures(figures.CASES[name], arm, KNOWN[name])
    )
    off = [f"missing: {figure}" for figure in verdict.missing] + [
        str(change) for change in (*verdict.fell, *verdict.rose)
    ]
    assert not off, "\n".join(
        [*off, f"versions: reference {KNOWN[name]['versions']}, now {figures.versions()}"]
    )


def test_the_stage_changes_the_features_as_much_as_in_the_reference(measured):
    name, _, now = measured
    known = KNOWN[name]
    assert now["change"] == pytest.approx(
        known["value"]["change"], abs=known["tolerance"]["change"]
    ), f"dB; now {now['change']}"


@pytest.mark.parametrize("name", figures.CASES)
def test_the_reference_tells_a_working_stage_from_one_that_is_off(name):
    known = KNOWN[name]
    assert known["value"]["change"]["rms"] > 5 * known["tolerance"]["change"]


@pytest.mark.parametrize("name, case", figures.CASES.items())
def test_the_reference_was_measured_as_the_test_measures(name, case):
    assert [*KNOWN[name]["autoencoder"], *KNOWN[name]["denoiser"]] == case.options("denoised")
