"""What stands in the way of reading a training; test_monitor reads whole ones."""
import json

import fake_baseline
import pytest

from dcase_denoise_plugin.errors import AudioError, BaselineError
from dcase_denoise_plugin.trained_baseline import NEEDED, TrainedBaseline


@pytest.fixture
def run(tmp_path):
    run = fake_baseline.run_of(fake_baseline.plan_of(fake_baseline.lay_out(tmp_path)))
    run.folder("train").mkdir(parents=True)
    (run.folder("train") / "AE_DCASE2025T2fan_id(0_)_seed13711.pth").touch()
    return run


def noted(run, content):
    settings = run.plan.baseline.folder / "models/checkpoint/baseline/AE_DCASE2025T2fan_id(0_)_seed13711/args.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(content))


@pytest.mark.parametrize("content, complaint", [({name: 1 for name in NEEDED if name != "frames"}, "none of frames in"), (3, "not iterable in")])
def test_settings_that_lack_a_key_are_refused(run, content, complaint):
    noted(run, content)
    with pytest.raises(BaselineError, match=rf"expected the settings of the training, .*{complaint} .*args\.json. Train it again."):
        TrainedBaseline.load(run)


def test_a_first_clip_that_cannot_be_read_is_refused(run):
    noted(run, dict.fromkeys(NEEDED, 1))
    with pytest.raises(AudioError, match="clip: expected a readable wav file, got .* in .*section_00_source_train_normal_0000.wav"):
        TrainedBaseline.load(run)
