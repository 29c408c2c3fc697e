import pytest
from small_machine import RATE_HZ, hum

from dcase_denoise_plugin.runner.step_log import Stage, StepLog, last_words
from dcase_denoise_plugin.sound.audio import write_wav


@pytest.fixture
def log_with(tmp_path):
    """Follows a log that holds a line of an earlier step, and these lines after it."""

    def make(text, step="train", epochs=20):
        path = tmp_path / "run.log"
        path.write_bytes(b"epoch 9/20 of an earlier step\n" + text.encode())
        log = StepLog(path, path.read_bytes().index(b"\n") + 1, step, epochs)
        log.read()
        return log

    return make


@pytest.mark.parametrize(
    "line, stage",
    [
        (
            "denoiser fan: epoch 3/12  loss 0.53434  168.3 clips/s  ETA 0:00:02",
            Stage("denoiser", 3, 12),
        ),
        ("denoiser fan: epoch 12/12  loss 0.51837  168.8 clips/s  ETA 0:00:00", Stage("features")),
        ("Train Epoch: 5 [12800/55620 (23%)]\tLoss: 9.1", Stage("autoencoder", 5, 20)),
        (
            "====> Epoch: 5 Average loss: 9.1000 Validation loss: 9.2000",
            Stage("autoencoder", 5, 20),
        ),
        ("epoch 5 batch 100/217 loss 20.1", Stage("autoencoder", 5, 20)),
        ("epoch 21/20 loss 20.1", Stage("autoencoder", 20, 20)),
        ("load denoise_1f66/partial/section_00.pickle", Stage("features")),
    ],
)
def test_the_last_line_of_plugin_or_baseline_tells_the_stage(log_with, line, stage):
    assert log_with(f"selected gpu id:[0]\n{line}\n").stage == stage


def test_a_test_is_one_stage(log_with):
    assert str(log_with("epoch 3/20\n", step="MSE").stage) == "testing (MSE)"


def test_a_line_counts_once_it_is_whole(log_with, tmp_path):
    log = log_with("epoch 1/20 loss 3\nepo")
    assert log.stage.epoch == 1
    with open(tmp_path / "run.log", "a") as file:
        file.write("ch 2/20 loss 2\n")
    assert (
        log.read() == ["epoch 2/20 loss 2"]
        and str(log.stage) == "autoencoder epoch 2/20"
        and log.read() == []
    )


def test_of_a_progress_bar_the_last_drawing_is_read(log_with, tmp_path):
    log = log_with("")
    with open(tmp_path / "run.log", "a") as file:
        file.write("\r  0%|   | 0/54\r100%|###| 54/54\n\n====> Epoch: 2 Average loss\r\n")
    assert log.read() == ["100%|###| 54/54", "====> Epoch: 2 Average loss"] and log.stage.epoch == 2


def test_a_log_that_is_not_there_yet_says_nothing(tmp_path):
    assert StepLog(tmp_path / "none.log", 0, "train", 20).read() == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of librosa's own imports
def test_a_whole_clip_that_the_baseline_calls_broken_is_not(tmp_path, monkeypatch):
    import librosa

    def no_cache(path, **settings):
        raise RuntimeError("cannot cache function '__o_fold': no locator available")

    monkeypatch.setattr(librosa, "load", no_cache)
    clip, log = tmp_path / "a.wav", tmp_path / "log"
    write_wav(clip, hum(0), RATE_HZ)
    log.write_text(f"ERROR: file_broken or not exists!! : {clip}\nTypeError: cannot unpack\n")
    assert "librosa: expected it to load" in last_words(log, 0, 1)
    assert "no locator available" in last_words(log, 0, 1)
    clip.unlink()
    assert "got No such file" in last_words(log, 0, 1)
