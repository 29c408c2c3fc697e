import subprocess
import sys
from pathlib import Path

from dcase_denoise_plugin.names import Folders, RunName, denoised_features, denoiser

DEV = RunName("DCASE2025T2fan", 1, "id(0_)", "dev")
EVAL = RunName("DCASE2025T2fan", 1, "", "eval")


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


def test_names_need_the_standard_library_alone():
    program = (
        "import sys, dcase_denoise_plugin.names; sys.exit(any(name in sys.modules for name in"
        " ('torch', 'numpy', 'yaml', 'click')))"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
