import subprocess
import sys
from pathlib import Path

import pytest

from dcase_denoise_plugin.names import (
    Folders,
    NoteFile,
    ResultFile,
    RunName,
    decisions_beside,
    denoised_features,
    denoiser,
    is_training_of,
)

DEV = RunName("DCASE2025T2fan", 1, "id(0_)", "dev")
EVAL = RunName("DCASE2025T2fan", 1, "", "eval")
CSV = "DCASE2025T2fan_section_00_test_seed1_id(0_).csv"


def test_files_of_a_run_are_named_as_the_baseline_names_its_own():
    assert DEV.model("AE") == "AE_DCASE2025T2fan_id(0_)_seed1.pth"
    assert DEV.roc == "result_DCASE2025T2fan_test_seed1_id(0_)_roc.csv"
    assert EVAL.model("AE") == "AE_DCASE2025T2fan_Eval_seed1.pth"
    assert EVAL.receipt == "denoise_receipt_DCASE2025T2fan_seed1_Eval.json"


def test_two_settings_of_the_baseline_name_folders():
    folders = Folders(
        Path("checkout"), "eval", {"dataset_directory": "sounds", "result_directory": "out"}
    )
    assert folders.raw("DCASE2025T2") == Path("checkout/sounds/dcase2025t2/eval_data/raw")
    assert folders.scores("mine", "MSE") == Path("checkout/out/eval_data/mine_MSE")
    assert Folders(Path(), "dev").results == Path("results/dev_data")


def test_digests_in_names_are_shortened():
    digest = "0123456789abcdef" * 4
    assert denoiser(Path("d"), "T2fan", 1, digest) == Path(
        "d/T2fan_seed1_0123456789abcdef/denoiser.pt"
    )
    assert denoised_features(Path("p/features.pickle"), digest) == Path(
        "p/denoise_0123456789abcdef"
    )


@pytest.mark.parametrize(
    "name, file",
    [
        (f"anomaly_score_{CSV}", ("anomaly_score", "DCASE2025T2", "fan", "section_00", 1)),
        (f"decision_result_{CSV}", ("decision_result", "DCASE2025T2", "fan", "section_00", 1)),
        (
            "anomaly_score_DCASE2020T2ToyCar_id_03_test_seed13711_Eval.csv",
            ("anomaly_score", "DCASE2020T2", "ToyCar", "id_03", 13711),
        ),
        (DEV.roc, ("result", "DCASE2025T2", "fan", "", 1)),
        (EVAL.roc, ("result", "DCASE2025T2", "fan", "", 1)),
        ("result_mill_test_seed2_roc.csv", ("result", "", "mill", "", 2)),
        ("result_DCASE2025T2fan_test_seed1_id(0_).csv", None),
        ("anomaly_score_DCASE2025T2fan_test_seed1_id(0_).csv", None),
        (f"anomaly_score_{CSV}.partial", None),
    ],
)
def test_the_name_of_a_result_tells_what_it_is(name, file):
    assert ResultFile.from_name(name) == file


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


def test_names_need_the_standard_library_alone():
    program = (
        "import sys, dcase_denoise_plugin.names; sys.exit(any(name in sys.modules for name in"
        " ('torch', 'numpy', 'yaml', 'click')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
