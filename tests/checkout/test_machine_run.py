import fake_baseline
import numpy as np
import pytest
import soundfile

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.errors import AudioError, DataError, RunError


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


def test_the_section_is_that_of_the_clips(tmp_path):
    run = fake_baseline.run_of(
        fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, sections=("02",)))
    )
    run.check_names()
    assert run.tag == "id(2_)" and run.command("train")[4:6] == ["--use_ids", "2"]


SOURCE = "section_00_source_test_normal_0000"


@pytest.mark.parametrize(
    "clips, listed, got",
    [
        (("00", "01", "02"), ("00", "01", "02"), "00, 01, 02"),
        (("00",), ("00", "01", "02"), "00, 01, 02"),
        (("01",), ("00",), "00, 01"),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_clips_of_several_sections_are_refused(tmp_path, clips, listed, got, split):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, sections=listed))
    for clip in (plan.data_folder / "raw/fan" / split).glob("*"):
        if not any(f"section_{section}" in clip.name for section in clips):
            clip.unlink()
    for section in set(clips) - set(listed):
        (plan.data_folder / "raw/fan" / split / f"section_{section}_normal_0.wav").touch()
    with pytest.raises(DataError, match=f"fan: expected clips of the one section .* got {got} in"):
        fake_baseline.run_of(plan).check_names()


def test_a_number_behind_a_clips_section_is_none(tmp_path):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))
    (run.raw / "test" / f"{SOURCE}_grid_5_.wav").touch()
    run.check_names()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_name_that_the_baseline_does_not_read_is_refused(tmp_path, split):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))
    (run.raw / split / f"{SOURCE}.WAV").touch()
    with pytest.raises(AudioError, match=f"ends in .wav, in small letters.*{SOURCE}.WAV in .*fan"):
        run.check_names()


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
