from pathlib import Path

import pytest

from dcase_denoise_plugin.checkout.result_files import (
    NoteFile,
    ResultFile,
    decisions_beside,
    is_training_of,
)
from dcase_denoise_plugin.names import RunName

DEV = RunName("DCASE2025T2fan", 1, "id(0_)", "dev")
EVAL = RunName("DCASE2025T2fan", 1, "", "eval")
CSV = "DCASE2025T2fan_section_00_test_seed1_id(0_).csv"


@pytest.mark.parametrize(
    "name, file",
    [
        (f"anomaly_score_{CSV}", ("anomaly_score", "DCASE2025T2", "fan", "section_00", 1, (0,))),
        (
            f"decision_result_{CSV}",
            ("decision_result", "DCASE2025T2", "fan", "section_00", 1, (0,)),
        ),
        (
            "anomaly_score_DCASE2020T2ToyCar_id_03_test_seed13711_Eval.csv",
            ("anomaly_score", "DCASE2020T2", "ToyCar", "id_03", 13711, ()),
        ),
        (DEV.roc, ("result", "DCASE2025T2", "fan", "", 1, (0,))),
        (EVAL.roc, ("result", "DCASE2025T2", "fan", "", 1, ())),
        ("result_mill_test_seed2_roc.csv", ("result", "", "mill", "", 2, ())),
        ("result_DCASE2025T2fan_test_seed1_id(0_).csv", None),
        ("anomaly_score_DCASE2025T2fan_test_seed1_id(0_).csv", None),
        (f"anomaly_score_{CSV}.partial", None),
    ],
)
def test_the_name_of_a_result_tells_what_it_is(name, file):
    assert ResultFile.from_name(name) == file


@pytest.mark.parametrize("section, is_foreign", [("00", True), ("01", False), ("03", False)])
def test_clips_of_a_section_that_the_autoencoder_was_not_trained_for_are_foreign(
    section, is_foreign
):
    name = f"anomaly_score_DCASE2022T2fan_section_{section}_test_seed1_id(1_3_).csv"
    assert ResultFile.from_name(name).is_foreign == is_foreign


@pytest.mark.parametrize("run", [DEV, EVAL])
def test_receipts_and_records_are_told_apart_by_their_names(run):
    assert NoteFile.from_name(run.receipt) == ("denoise_receipt", "DCASE2025T2fan", 1)
    assert NoteFile.from_name(run.record) == ("run", "DCASE2025T2fan", 1)
    assert NoteFile.from_name(run.roc) is None


def test_a_training_is_known_by_its_folder():
    assert is_training_of(DEV.training("AE"), "DCASE2025T2fan", 1, "dev")
    assert is_training_of(EVAL.training("AE"), "DCASE2025T2fan", 1, "eval")
    assert not is_training_of(EVAL.training("AE"), "DCASE2025T2fan", 1, "dev")
    assert not is_training_of(DEV.training("AE"), "DCASE2025T2fan", 11, "dev")


def test_decisions_lie_beside_their_scores():
    scores = Path("results", f"anomaly_score_{CSV}")
    assert decisions_beside(scores) == Path("results", f"decision_result_{CSV}")
