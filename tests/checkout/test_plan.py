import fake_baseline
import pytest

from dcase_denoise_plugin.errors import BaselineError, ConfigError, DataError


def test_every_machine_with_clips_runs_by_default_and_the_others_are_named(tmp_path):
    plan = fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, ("fan", "ToyCar")))
    assert plan.machines(()) == (["fan", "ToyCar"], ["valve"])
    assert plan.machines(("ToyCar",)) == (["ToyCar"], ["valve"])


def test_where_the_baseline_lists_no_data_sets_one_is_taken_from_its_folders(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    (tmp_path / "datasets/machine_type_2025_dev.yaml").unlink()
    clip = (
        tmp_path
        / "data/own2031t2xx/dev_data/raw/mill/train/section_00_source_train_normal_0000.wav"
    )
    clip.parent.mkdir(parents=True)
    clip.write_text("sound")
    assert fake_baseline.plan_of(baseline, dataset="OWN2031T2XX").machines(()) == (["mill"], [])


@pytest.mark.parametrize(
    "mode, known",
    [
        ("dev", "DCASE2025T2, DCASE2020T2, which the baseline lists for dev data"),
        ("eval", "DCASE2020T2, which"),
    ],
)
def test_an_unlisted_data_set_is_refused_with_those_listed_the_nearest_first(tmp_path, mode, known):
    baseline = fake_baseline.lay_out(tmp_path)
    (tmp_path / "datasets/machine_type_legacy.yaml").write_text(
        "DCASE2020T2:\n  machine_type:\n    pump:\n      dev: ['00']\n"
    )
    with pytest.raises(
        DataError, match=f"--dataset: expected one of {known}.*, got 'dcase2025t2'. Correct"
    ):
        fake_baseline.plan_of(baseline, mode=mode, dataset="dcase2025t2").machines(())


@pytest.mark.parametrize(
    "machine, complaint",
    [("fann", "one of fan, valve, got 'fann'"), ("valve", r"training clips.*raw/valve/train")],
)
def test_a_machine_that_cannot_run_is_refused_by_name(tmp_path, machine, complaint):
    with pytest.raises(DataError, match=complaint):
        fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)).machines((machine,))


def test_no_data_at_all_says_where_they_belong(tmp_path):
    with pytest.raises(DataError, match=r"at least one machine type.*dev_data/raw/<machine>/train"):
        fake_baseline.plan_of(fake_baseline.lay_out(tmp_path, ())).machines(())


def test_plain_and_denoised_never_share_a_folder(tmp_path):
    baseline = fake_baseline.lay_out(tmp_path)
    for assignments, name in (((), "baseline"), (("export_dir=mine",), "mine")):
        plan = fake_baseline.plan_of(baseline, *assignments)
        assert (plan.export_dir("plain"), plan.export_dir("denoised")) == (name, f"{name}_denoise")


@pytest.mark.parametrize(
    "setting",
    [
        "export_dir=../../x",
        "export_dir=a/../../x",
        "export_dir=/x",
        "export_dir=a\nb",
        "result_directory=/",
        "result_directory=../results",
    ],
)
def test_folders_outside_the_checkout_are_refused_before_anything_is_made(tmp_path, setting):
    baseline = fake_baseline.lay_out(tmp_path / "baseline")
    before = set(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match=f"{setting.partition('=')[0]}: expected a folder inside"):
        fake_baseline.plan_of(baseline, setting)
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("setting", ["export_dir=a/b", "result_directory=./results"])
def test_folders_inside_the_checkout_are_the_users_own(tmp_path, setting):
    fake_baseline.plan_of(fake_baseline.lay_out(tmp_path), setting)


@pytest.mark.parametrize("name", ["run [1]", "a*", "what?"])
def test_a_checkout_in_which_the_baseline_finds_no_clip_is_refused_first(tmp_path, name):
    baseline = fake_baseline.lay_out(tmp_path / name)
    with pytest.raises(BaselineError, match=r"expected a path without \[, \* and \?"):
        fake_baseline.plan_of(baseline)


@pytest.mark.parametrize("content", ["[a]", "{machine_type: 3}", "{machine_type: {fan: x}}"])
def test_a_list_of_machine_types_that_is_none_is_refused(tmp_path, content):
    baseline = fake_baseline.lay_out(tmp_path)
    (tmp_path / "datasets/machine_type_2025_dev.yaml").write_text(f"DCASE2025T2: {content}")
    with pytest.raises(BaselineError, match="DCASE2025T2: expected machine types .* got Expected"):
        fake_baseline.plan_of(baseline).machines(())
