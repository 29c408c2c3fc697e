import fake_baseline
import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.errors import DataError, RunError


def test_a_plain_run_says_what_the_baselines_own_scripts_say(tmp_path):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))
    own = ["train.py", "--dataset=DCASE2025T2fan", "-d", "-tag=id(0_)", "--use_ids", "0"]
    assert run.command("train") == [
        *own,
        "--train_only",
        "--seed=13711",
        "--export_dir=baseline",
        "--denoise=false",
    ]
    assert run.command("MAHALA")[6:9] == ["--test_only", "--score", "MAHALA"]


def test_denoise_keys_reach_the_denoised_run_alone_and_baseline_settings_reach_both(tmp_path):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path), "epochs=2", "denoise_epochs=3")
    plain, denoised = (
        fake_baseline.run_of(plan, arm=arm).command("train") for arm in ("plain", "denoised")
    )
    assert "--epochs=2" in plain and "--epochs=2" in denoised
    assert not [word for word in plain if word.startswith("--denoise_")]
    assert denoised[-4:] == [
        "--export_dir=baseline_denoise",
        "--denoise=true",
        "--denoise_preset=recommended",
        "--denoise_epochs=3",
    ]


def test_all_sections_of_the_clips_are_trained_together(tmp_path):
    run = fake_baseline.run_of(
        fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, sections=("00", "02")))
    )
    assert run.tag == "id(0_2_)" and run.command("train")[4:7] == ["--use_ids", "0", "2"]


def test_a_clip_without_a_section_in_its_name_is_refused(tmp_path):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path))
    (plan.data_folder / "raw/fan/train/recording.wav").write_text("sound")
    with pytest.raises(DataError, match="recording.wav"):
        fake_baseline.run_of(plan).command("train")


def test_a_baseline_of_the_stereo_year_is_told_that_the_data_are_mono(tmp_path):
    fake_baseline.lay_out(tmp_path)
    (tmp_path / "common.py").write_text(fake_baseline.COMMON_PY + 'MONO = "--mono"\n')
    run = fake_baseline.run_of(
        fake_baseline.plan_of(type(fake_baseline.lay_out(tmp_path / "other")).from_folder(tmp_path))
    )
    assert "--mono=True" in run.command("train")


def test_a_baseline_of_the_stereo_year_is_told_that_the_data_have_two_channels(tmp_path):
    fake_baseline.lay_out(tmp_path)
    (tmp_path / "common.py").write_text(fake_baseline.COMMON_PY + 'MONO = "--mono"\n')
    run = fake_baseline.run_of(fake_baseline.plan_of(Baseline.from_folder(tmp_path)))
    for clip in run.clips:
        soundfile.write(clip, np.ones((8, 2)), 4000)
    assert "--mono=False" in run.command("train")


def test_evaluation_data_have_their_own_flag_folder_and_file_names(tmp_path):
    run = fake_baseline.run_of(
        fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, mode="eval"), mode="eval")
    )
    assert run.command("train")[2] == "-e"
    assert (
        run.roc("MSE")
        == tmp_path
        / "results/eval_data/baseline_MSE/result_DCASE2025T2fan_test_seed13711_id(0_)_Eval_roc.csv"
    )


def test_outputs_are_those_of_this_machine_and_seed(tmp_path):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)), seed=1)
    own = [
        "AE_DCASE2025T2fan_id(0_)_seed1.pth",
        "score_distr_AE_DCASE2025T2fan_id(0_)_seed1_mse.pickle",
    ]
    run.folder("train").mkdir(parents=True)
    for name in (
        *own,
        "AE_DCASE2025T2fan_id(0_)_seed11.pth",
        "AE_DCASE2025T2fanfare_id(0_)_seed1.pth",
        "AE_DCASE2025T2fan_id(0_1_)_seed1.pth",
    ):
        (run.folder("train") / name).write_text("model")
    assert [file.name for file in run.outputs("train")] == own


def test_a_step_that_left_nothing_is_an_error(tmp_path):
    with pytest.raises(RunError, match="score CSVs"):
        fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path))).outputs("MSE")
