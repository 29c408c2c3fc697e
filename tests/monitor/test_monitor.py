"""Scores of the monitor against the CSVs of whole runs of a baseline: the stand-in always, the real
one where DCASE_BASELINE_DIR is set.
"""

import csv
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch
from baseline_checkouts import PROJECT, RATE_HZ, TAG, TINY_UNET, Checkout, make_machine
from click.testing import CliRunner

from benchmarks.speed.edge import MEMORY
from dcase_denoise_plugin.cli import main
from dcase_denoise_plugin.edge.autoencoder import Autoencoder
from dcase_denoise_plugin.edge.export import export_scorer
from dcase_denoise_plugin.edge.threshold import decision_threshold
from dcase_denoise_plugin.errors import BaselineError, ConfigError
from dcase_denoise_plugin.settings.config import DenoiseConfig

pytestmark = pytest.mark.slow

ARMS = {
    "plain": ("--denoise", "false"),
    "wave": ("--denoise", "true", *TINY_UNET, "--denoise_domain", "waveform"),
    "mel": (
        "--denoise",
        "true",
        *TINY_UNET,
        "--denoise_strength",
        "0.5",
        "--denoise_output",
        "clip_spectrum",
    ),
}
OURS = "DCASE2023T2-AE_DCASE2025T2fan_id(0_)_seed13711"


@pytest.fixture(scope="module")
def trained(any_checkout):
    """A checkout in which every arm was trained and tested; denoised ones as `run --set
    export_dir=<arm>` would name them.
    """
    make_machine(any_checkout.raw)
    for arm, options in ARMS.items():
        any_checkout.train_and_test(
            *options, "--export_dir", arm if arm == "plain" else f"{arm}_denoise"
        )
    return any_checkout


def call(*words, stdin=None):
    return CliRunner().invoke(
        main, [str(word) for word in words], input=stdin, catch_exceptions=False
    )


def monitored(checkout, *options):
    """The verdicts on the test clips, by clip."""
    return lines_of(call("monitor", checkout.raw / "fan/test", "--once", "--json", *options))


def arm_options(checkout, arm):
    """The options that choose an arm of a checkout."""
    return (
        "--machine",
        "fan",
        "--baseline",
        checkout.root,
        "--export-dir",
        arm,
        *(["--plain"] if arm == "plain" else []),
    )


def csv_of(checkout, arm, score, kind):
    folder = (
        checkout.root
        / "results/dev_data"
        / f"{arm if arm == 'plain' else f'{arm}_denoise'}_{score}"
    )
    with open(next(folder.glob(f"{kind}_*_seed13711_{TAG}.csv")), newline="") as stream:
        return {name: float(value) for name, value in csv.reader(stream)}


def lines_of(result):
    assert result.exit_code in (0, 1), result.output  # 1: there was an alarm
    return {line["clip"]: line for line in map(json.loads, result.stdout.splitlines())}


def assert_as_in_the_csvs(checkout, arm, lines, rtol):
    for score in ("MSE", "MAHALA"):
        expected, decided = (
            csv_of(checkout, arm, score, "anomaly_score"),
            csv_of(checkout, arm, score, "decision_result"),
        )
        assert lines.keys() == expected.keys() and len(lines) == 16
        np.testing.assert_allclose(
            [lines[clip]["scores"][score] for clip in expected], list(expected.values()), rtol=rtol
        )
        assert {clip: int(line["anomaly"][score]) for clip, line in lines.items()} == decided


@pytest.mark.parametrize("arm", ARMS)
def test_scores_and_decisions_are_those_of_the_baselines_csvs(trained, arm):
    lines = monitored(trained, *arm_options(trained, arm))
    assert_as_in_the_csvs(trained, arm, lines, rtol=1e-3)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    for arm in ARMS:
        result = call("export", "--out", folder / f"{arm}.onnx", *arm_options(trained, arm))
        assert result.output.startswith(f"wrote {folder / arm}.onnx (")
    return folder


@pytest.mark.parametrize("arm", ARMS)
def test_scores_and_decisions_of_one_exported_file_are_the_same(trained, exported, arm):
    lines = monitored(trained, "--onnx", exported / f"{arm}.onnx")
    assert_as_in_the_csvs(trained, arm, lines, rtol=1e-3)


def test_text_says_the_same_in_one_line_a_clip(trained, exported):
    result = call("monitor", trained.raw / "fan/test", "--once", "--onnx", exported / "plain.onnx")
    clip, score = next(iter(csv_of(trained, "plain", "MSE", "anomaly_score").items()))
    assert len(result.stdout.splitlines()) == 16
    assert f"{clip}: MSE {score:.3g}"[:-1] in result.stdout and (
        "normal (threshold " in result.stdout
    )


def test_int8_scores_stay_near(trained, tmp_path):
    call("export", "--int8", "--out", tmp_path / "int8.onnx", *arm_options(trained, "mel"))
    lines = monitored(trained, "--onnx", tmp_path / "int8.onnx")
    expected = csv_of(trained, "mel", "MSE", "anomaly_score")
    scores = [lines[clip]["scores"]["MSE"] for clip in expected]
    np.testing.assert_allclose(scores, list(expected.values()), rtol=0.1)
    assert not np.allclose(scores, list(expected.values()), rtol=1e-5)


def test_int8_without_a_unet_is_refused(trained, tmp_path):
    out = "--out", tmp_path / "int8.onnx"
    result = call("export", "--int8", *out, *arm_options(trained, "plain"))
    assert (
        result.exit_code == 2
        and "--int8: expected a denoiser with a U-Net to quantise" in result.stderr
        and not list(tmp_path.iterdir())
    )


def test_a_method_that_is_no_network_cannot_be_exported(tmp_path):
    behind_wiener = SimpleNamespace(
        machine=None, stage=SimpleNamespace(config=DenoiseConfig(method="wiener"))
    )
    with pytest.raises(
        ConfigError,
        match=(
            "denoise_method: expected unet or identity for an export, got wiener. Run this method"
            " with PyTorch."
        ),
    ):
        export_scorer(behind_wiener, tmp_path / "wiener.onnx")


def test_one_exported_file_scores_without_torch_in_bounded_time_and_memory(trained, exported):
    """At most 200 MB resident and a thirtieth of real time, on one core."""
    peak_mb, rtf, modules = measured(trained, "--onnx", exported / "mel.onnx")
    assert peak_mb < 200 and rtf > 30 and not {"torch", "scipy", "librosa"} & set(modules)


def test_the_checkout_scores_in_bounded_time_and_memory(trained):
    """At most 760 MB resident and a thirtieth of real time, on one core.

    Measured: 688 MB with the recommended preset and clips of 10 s, of which PyTorch built for CUDA
    takes 607 MB by itself. The bound is that plus 10 %.
    """
    peak_mb, rtf, modules = measured(trained, *arm_options(trained, "mel"))
    assert peak_mb < 760 and rtf > 30 and "torch" in modules


def measured(checkout, *options):
    """Peak memory of a monitor's process in MB, seconds of sound it scores in a second (start-up
    left out), and what it imported.
    """
    words = ["monitor", str(checkout.raw / "fan/test"), "--once", "--json", *map(str, options)]
    program = (
        MEMORY
        + f"""
import time
from dcase_denoise_plugin import cli
from dcase_denoise_plugin.monitor import verdicts as monitor
spent, verdicts = [], monitor.verdicts
def timed(*given):
    for verdict in verdicts(*given):
        spent.append(time.process_time())
        yield verdict
monitor.verdicts = timed
try:
    cli.main({words!r})
except SystemExit:
    pass
per_clip = sorted(after - before for before, after in zip(spent, spent[1:]))
print(1.5 / per_clip[len(per_clip) // 2], *(name for name in sys.modules if "." not in name))
memory()
"""
    )
    variables = {**checkout.environment(hooked=False), "PYTHONPATH": str(PROJECT)}
    run = subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True
    )
    *lines, last = run.stdout.splitlines()
    assert len(lines) == 16, run.stderr
    rtf, *modules = last.split()
    (peak_mb,) = re.findall(r"(\d+) MB", run.stderr)
    return int(peak_mb), float(rtf), modules


def test_a_stream_of_clips_gets_the_scores_of_its_files(trained, exported):
    files = sorted((trained.raw / "fan/test").glob("*.wav"))[:3]
    sound = np.concatenate([soundfile.read(file, dtype="int16")[0] for file in files]).tobytes()
    result = call(
        "monitor", "-", "--pcm", "s16le", "--json", "--onnx", exported / "plain.onnx", stdin=sound
    )
    expected = csv_of(trained, "plain", "MSE", "anomaly_score")
    assert list(lines_of(result)) == [f"standard input from {start:g} s" for start in (0, 1.5, 3)]
    np.testing.assert_allclose(
        [line["scores"]["MSE"] for line in lines_of(result).values()],
        [expected[file.name] for file in files],
        rtol=1e-4,
    )


def test_a_silent_stretch_of_a_stream_is_skipped_with_a_line(trained, exported):
    file = sorted((trained.raw / "fan/test").glob("*.wav"))[0]
    sound = bytes(2 * int(1.5 * RATE_HZ)) + soundfile.read(file, dtype="int16")[0].tobytes()
    first, second = call(
        "monitor", "-", "--pcm", "s16le", "--onnx", exported / "plain.onnx", stdin=sound
    ).stdout.splitlines()
    assert (
        " standard input from 0 s: skipped: clip: expected sound, got only zeros" in first
        and "MSE" in second
    )


def test_clips_of_another_rate_or_length_and_broken_ones_are_skipped_with_a_line(
    trained, exported, tmp_path
):
    good = sorted((trained.raw / "fan/test").glob("*.wav"))[0]
    wav = soundfile.read(good, dtype="int16")[0]
    soundfile.write(tmp_path / "a_rate.wav", wav, 8000)
    soundfile.write(tmp_path / "b_length.wav", wav[:-1], RATE_HZ)
    (tmp_path / "c_broken.wav").write_bytes(good.read_bytes()[:1000])
    (tmp_path / "d_text.wav").write_text("no sound")
    shutil.copy(good, tmp_path / "e_good.wav")
    lines = list(
        lines_of(
            call("monitor", tmp_path, "--once", "--json", "--onnx", exported / "plain.onnx")
        ).values()
    )
    for line, reason in zip(
        lines,
        (
            "expected 16000 Hz as in training, got 8000",
            "expected 24000 samples as in training, got 23999",
            "The file is truncated",
            "expected a readable wav file",
        ),
    ):
        assert reason in line["skipped"]
    assert "scores" in lines[4]


def refused(result, *texts):
    assert result.exit_code == 2 and all(text in result.stderr for text in texts), result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.fixture
def own_copy(trained, tmp_path):
    """A copy of the checkout that a test may damage; links to the clips and their times stay."""
    copy = Checkout(tmp_path / "copy")
    shutil.copytree(
        trained.root, copy.root, ignore=shutil.ignore_patterns(".git", "processed", "results")
    )
    return copy


def damaged(checkout, arm="mel", where="models/saved_model/{}_denoise"):
    return checkout.root / where.format(arm)


def test_a_missing_model_is_refused(own_copy, tmp_path):
    refused(
        call("monitor", tmp_path, "--once", *arm_options(own_copy, "none")),
        "expected a model from the baseline, got none in",
    )
    model = damaged(own_copy) / f"{OURS}.pth"
    model.unlink()
    refused(
        call("monitor", tmp_path, "--once", *arm_options(own_copy, "mel")),
        "expected the baseline's trained model, got none in",
        "Train it first: dcase-denoise run denoise -d --machine fan.",
    )


def test_a_model_without_its_receipt_settings_or_denoiser_is_refused(own_copy, tmp_path):
    def monitored():
        return call("monitor", tmp_path, "--once", *arm_options(own_copy, "mel"))

    def rewritten(content):
        receipt.write_text(content)
        os.utime(receipt, ns=(times.st_atime_ns, times.st_mtime_ns))

    (receipt,) = damaged(own_copy).glob("denoise_receipt_*.json")
    kept, times = receipt.read_text(), receipt.stat()
    rewritten(json.dumps({**json.loads(kept), "method_digest": "f" * 64}))
    refused(
        monitored(), "expected the denoiser it was trained behind (ffffffffffff), got another one ("
    )
    receipt.unlink()
    refused(monitored(), "expected the denoising stage's receipt")
    rewritten(kept)
    shutil.rmtree(own_copy.root / "models/checkpoint/denoiser")
    refused(
        monitored(),
        "denoiser of fan: expected one trained with these settings and clips",
        "dcase-denoise run denoise -d --machine fan",
    )
    for settings in (own_copy.root / "models/checkpoint/mel_denoise").rglob("args.json"):
        settings.unlink()
    refused(monitored(), "expected the settings of the training, got")


class Harmful:
    def __reduce__(self):
        return print, ("run by the unpickler",)


def test_a_score_distribution_that_would_run_code_is_refused(tmp_path, capsys):
    path = tmp_path / "distribution.pickle"
    for content, reason in (
        (Harmful(), "builtins.print, which is no number"),
        ([1.0, 2.0], "not enough values"),
        ([-1.0, 0.0, 1.0], "-1.0, 0.0 and 1.0"),
        ([1.0, float("nan"), 1.0], "1.0, nan and 1.0"),
        ("text", ""),
    ):
        path.write_bytes(pickle.dumps(content))
        with pytest.raises(
            BaselineError,
            match=(
                f"score distribution: expected three numbers of a .*, got .*{reason}.* in .*pickle."
                " Train the autoencoder again."
            ),
        ):
            decision_threshold(path, 0.9)
    path.unlink()
    with pytest.raises(BaselineError, match="No such file"):
        decision_threshold(path, 0.9)
    assert not capsys.readouterr().out


@pytest.mark.parametrize("protocol", [4, 5])
@pytest.mark.parametrize("kind", [list, tuple])
def test_the_threshold_is_the_quantile_of_the_gamma_distribution(tmp_path, protocol, kind):
    from scipy.stats import gamma

    path, parameters = tmp_path / "distribution.pickle", (2.5, np.float64(3.0), np.float64(0.7))
    path.write_bytes(pickle.dumps(kind(parameters), protocol=protocol))
    assert decision_threshold(path, 0.9) == pytest.approx(gamma.ppf(0.9, *parameters), rel=1e-12)


def autoencoder_of(inputs=640, bands=128):
    """The state of one whose parts fit each other for 640 inputs and 128 bands."""
    return {
        "one.weight": torch.ones(2, inputs),
        "one.bias": torch.ones(2),
        "two.weight": torch.ones(640, 2),
        "two.bias": torch.ones(640),
        "cov_source": torch.eye(bands),
        "cov_target": torch.eye(bands),
    }


def test_an_autoencoder_whose_parts_fit_is_read(tmp_path):
    torch.save(autoencoder_of(), tmp_path / "model.pth")
    Autoencoder.load(tmp_path / "model.pth", 5, 1, 128)


@pytest.mark.parametrize(
    "content",
    [
        {"a.weight": torch.ones(2)},
        {},
        [1],
        {"layers.0.weight": torch.ones(2, 2), "layers.0.bias": torch.ones(2)},
        {"layers.0.weight": 3},
        autoencoder_of(inputs=635),
        autoencoder_of(bands=127),
    ],
)
def test_weights_of_something_else_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "model.pth")
    with pytest.raises(
        BaselineError,
        match=(
            "autoencoder: expected the weights of the baseline's autoencoder, got .* in .*model.pth"
        ),
    ):
        Autoencoder.load(tmp_path / "model.pth", 5, 1, 128)


def test_a_model_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save(Harmful(), tmp_path / "model.pth")
    with pytest.raises(BaselineError, match="autoencoder: expected a readable file"):
        Autoencoder.load(tmp_path / "model.pth", 5, 1, 128)
    assert not capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("monitor", "."),
        ("monitor", ".", "--machine", "fan", "--onnx", "a"),
        ("export", "--out", "a"),
        ("export", "--out", "a", "--machine", "fan", "--checkpoint", "b"),
        ("export", "--out", "a", "--checkpoint", "b"),
        ("export", "--out", "a", "--checkpoint", "b", "--clip-s", "10", "--int8"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(words):
    result = call(*words)
    assert result.exit_code == 2 and result.stderr.startswith("Usage: ")
