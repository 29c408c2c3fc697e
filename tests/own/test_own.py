"""The command `own`, from a folder of recordings to an alarm."""

import json

import pytest
from click.testing import CliRunner
from filelock import FileLock
from small_machine import RATE_HZ, hiss, hum, write

from dcase_denoise_plugin.checkout.run_record import findings_in
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.edge.onnx_model import OnnxScorer
from dcase_denoise_plugin.errors import ConfigError
from dcase_denoise_plugin.own.detector import plan_of

TINY = [
    *("--set", "epochs=2", "--set", "n_mels=16", "--set", "n_fft=256", "--set", "hop_length=128"),
    *("--set", "denoise_epochs=1", "--set", "denoise_width=2", "--set", "denoise_depth=2"),
    *("--set", "use_cuda=False", "--clip-s", "1"),
]


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def recorded(folder):
    for number in range(30):
        write(folder / "normal" / f"day {number % 3}" / f"{number}.wav", hum(number, 2 * RATE_HZ))
    for number in range(4):
        write(folder / "noise" / f"hall {number}.wav", hiss(number))
    for number in range(3):
        write(folder / "test" / "healthy" / f"{number}.wav", hum(5 + number))
        write(folder / "test" / "broken" / f"{number}.wav", hum(1200 + number))
    write(folder / "normal" / "short.wav", hum(0)[:2000])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    recorded(folder)
    words = [
        *("own", folder / "normal", "--name", "pump7", "--noise", folder / "noise"),
        *("--test", folder / "test", "--out", folder / "pump7", "--false-alarms", 0.05, *TINY),
    ]
    return folder, words, call(*words)


@pytest.mark.slow
def test_recordings_become_a_file_and_a_page_under_the_users_own_name(made):
    folder, _, result = made
    assert result.exit_code == 0, result.output
    assert "pump7: 4000 Hz; training 40 clips of 20 recordings, calibration 20 clips of 10" in (
        result.stdout
    )
    assert "left out: short.wav: 0.5 s, shorter than 1 s" in result.stderr
    assert "pump7: 3 of 3 test clips in broken raise an alarm" in result.stdout
    assert result.stdout.splitlines()[-1] == f"file: {folder / 'pump7' / 'pump7.onnx'}"
    page = (folder / "pump7" / "pump7.html").read_text()
    assert "<h1>pump7</h1>" in page and "broken" in page and "pump7: 4 noise recordings" in page
    assert "<svg" in page and "half are caught from" in page and "NaN" not in page


@pytest.mark.slow
def test_the_same_command_again_trains_nothing(made):
    _, words, first = made
    again = call(*words)
    assert again.exit_code == 0 and "pump7 seed 13711 denoised train: finished before" in (
        again.stdout
    )
    assert again.stdout.splitlines()[-5:] == first.stdout.splitlines()[-5:]


@pytest.mark.slow
def test_the_monitor_takes_the_file_and_raises_the_alarm(made):
    folder, *_ = made
    watch = "monitor", folder / "test" / "broken", "--once", "--json", "--onnx"
    result = call(*watch, folder / "pump7" / "pump7.onnx")
    verdicts = [json.loads(line) for line in result.stdout.splitlines()]
    assert [verdict["verdict"] for verdict in verdicts] == ["anomaly"] * 3
    assert {min(verdict["p_values"].values()) for verdict in verdicts} == {1 / 21}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--name", "pump 7", "--out", "out"], "--name: expected letters, digits and underscores"),
        (["--name", "pump7", "--out", "normal/out"], "--out: expected a folder outside NORMAL_FOL"),
    ],
)
def test_a_name_or_a_folder_that_cannot_be_is_refused(tmp_path, monkeypatch, options, text):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "normal" / "a.wav", hum(0))
    result = call("own", "normal", *options)
    assert result.exit_code == 2 and text in result.stderr
    assert len(result.stderr.splitlines()) == 1


def of_two_rates(folder):
    write(folder / "normal" / "a.wav", hum(0))
    write(folder / "normal" / "b.wav", hum(0, 8000, 8000), 8000)


def forty(folder):
    for number in range(40):
        write(folder / "normal" / "test" / f"{number}.wav", hum(number))


@pytest.mark.parametrize(
    ("lay_out", "options", "text"),
    [
        (lambda folder: (folder / "normal").mkdir(), (), "got none under"),
        (lambda folder: write(folder / "normal/a.wav", hum(0)), (), "expected at least 2 recordin"),
        (of_two_rates, (), "recordings: expected one sample rate, got 4000 Hz in"),
        (forty, ("--test", "normal/test"), "--test: expected a folder outside NORMAL_FOLDER"),
        (forty, ("--false-alarms", 0), "--false-alarms: expected a rate above 0 and below 1"),
        (forty, ("--false-alarms", 1), "--false-alarms: expected a rate above 0 and below 1"),
    ],
    ids=["empty", "one recording", "two rates", "test inside", "rate 0", "rate 1"],
)
def test_recordings_and_rates_that_cannot_be_are_one_line(
    tmp_path, monkeypatch, lay_out, options, text
):
    monkeypatch.chdir(tmp_path)
    lay_out(tmp_path)
    result = call("own", "normal", "--name", "pump7", "--out", "out", "--clip-s", 1, *options)
    assert result.exit_code == 2 and text in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not (tmp_path / "out").exists()


def test_two_calls_into_one_folder_do_not_share_it(tmp_path):
    for number in range(2):
        write(tmp_path / "normal" / f"{number}.wav", hum(number))
    (tmp_path / "out").mkdir()
    words = "own", tmp_path / "normal", "--name", "pump7", "--out", tmp_path / "out", "--clip-s", 1
    with FileLock(tmp_path / "out" / ".pump7.lock"):
        result = call(*words, "--false-alarms", 0.5)
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1, result.stderr
    assert "--out: expected no other call at work in it" in result.stderr


@pytest.mark.slow
def test_a_checkout_of_the_baseline_trains_the_detector_under_the_users_own_name(
    tmp_path, any_checkout
):
    recorded(tmp_path)
    checkout = any_checkout.root
    before = {file: file.read_bytes() for file in checkout.rglob("*.py")}
    words = "own", tmp_path / "normal", "--name", "pump7", "--out", tmp_path / "pump7", *TINY
    u_net = "--noise", tmp_path / "noise", "--set", "denoise_network=always"
    result = call(*words, *u_net, "--false-alarms", 0.05, "--baseline", checkout)
    assert result.exit_code == 0, result.output
    assert "pump7 seed 13711 denoised train" in result.stdout
    assert "pump7: 4 noise recordings" in result.stdout and "by the U-Net" in result.stdout
    assert not list(checkout.rglob("*.wav"))
    assert {file: file.read_bytes() for file in checkout.rglob("*.py")} == before
    models = [file for file in (checkout / "models" / "saved_model").iterdir() if file.is_dir()]
    assert [folder.name.startswith("own_machine_pump7_") for folder in models] == [True]
    assert findings_in(checkout) == []  # another machine's name stands in the receipt
    assert OnnxScorer(tmp_path / "pump7" / "pump7.onnx").name == "pump7"
    assert "NTT's baseline" in (tmp_path / "pump7" / "pump7.html").read_text()


def test_a_checkout_that_lists_no_machine_types_is_refused(tmp_path, stand_in):
    for number in range(40):
        write(tmp_path / "normal" / f"{number}.wav", hum(number))
    for listed in (stand_in.root / "datasets").glob("machine_type*.yaml"):
        listed.unlink()
    words = "own", tmp_path / "normal", "--name", "pump7", "--out", tmp_path / "out", *TINY
    result = call(*words, "--false-alarms", 0.1, "--baseline", stand_in.root)
    assert (
        result.exit_code == 2
        and "--baseline: expected a checkout that lists DCASE2025T2"
        in (result.stderr.splitlines()[-1])
    )


def test_two_machines_in_one_folder_share_no_clips_and_no_export_dir(tmp_path, stand_in):
    plans = [
        plan_of(name, tmp_path / out, (), stand_in.root)[0]
        for name, out in (("pump7", "a"), ("fan3", "a"), ("pump7", "b"))
    ]
    assert len({plan.folders.raw("DCASE2025T2").resolve() for plan in plans}) == 3
    assert len({plan.export_dir("denoised") for plan in plans}) == 3
    raw = plans[0].folders.raw("DCASE2025T2").resolve()
    assert raw == tmp_path / "a/pump7/data/dcase2025t2/dev_data/raw"


def test_a_folder_of_ones_own_for_the_clips_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--set dataset_directory: expected the clips where own"):
        plan_of("pump7", tmp_path, ("dataset_directory=elsewhere",))
