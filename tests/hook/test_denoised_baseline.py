"""The stage inside a baseline, in whole runs of its own train.py: the stand-in always, the real one
(all supported tags) where DCASE_BASELINE_DIR is set.
"""

import functools
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from baseline_checkouts import RATE_HZ, TAG, TINY_UNET, Checkout, make_machine

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.overrides import Overrides, resolve_stage
from dcase_denoise_plugin.demo.stand_in import lay_out

pytestmark = pytest.mark.slow

MODEL_RECEIPT = (
    f"models/saved_model/baseline_denoise/denoise_receipt_DCASE2025T2fan_seed13711_{TAG}.json"
)
TRAIN_PY = (
    sys.executable,
    "train.py",
    "--dataset=DCASE2025T2fan",
    "-d",
    f"-tag={TAG}",
    "--use_ids",
    "0",
    "--epochs",
    "2",
)
UNET = ("--denoise", "true", *TINY_UNET)
IDENTITY = ("--denoise", "true", "--denoise_method", "identity")


def receipt(checkout, where=MODEL_RECEIPT):
    return json.loads((checkout.root / where).read_text())


def everything_under(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def pickles(checkout):
    return sorted((checkout.raw.parent / "processed").rglob("*.pickle"))


def denoisers(checkout):
    return sorted((checkout.root / "models/checkpoint/denoiser").rglob("denoiser.pt"))


@pytest.fixture(scope="module")
def plain(any_checkout):
    """A checkout whose plain baseline ran without the plugin, and the CSVs of that run."""
    make_machine(any_checkout.raw)
    any_checkout.train_and_test(hooked=False)
    csvs = any_checkout.csvs("baseline")
    assert len(csvs) == 6
    return any_checkout, csvs


def test_off_means_off_to_the_last_byte(plain):
    checkout, csvs = plain
    for path in pickles(checkout):
        path.unlink()  # so that the hooked run makes its features itself
    checkout.train_and_test("--export_dir", "hooked", "--denoise", "false")
    assert checkout.csvs("hooked") == csvs


def test_identity_is_identity_to_the_last_byte_in_its_own_folders(plain):
    checkout, csvs = plain
    checkout.train_and_test(*IDENTITY)
    assert checkout.csvs("baseline_denoise") == csvs
    assert receipt(checkout)["config"]["denoise_method"] == "identity"


@pytest.mark.parametrize("domain", ["mel", "waveform"])
def test_strength_zero_hands_over_the_clips_untouched_and_trains_nothing(plain, domain):
    checkout, csvs = plain
    before = denoisers(checkout)
    checkout.train_and_test(
        *UNET,
        "--denoise_domain",
        domain,
        "--denoise_strength",
        "0",
        "--export_dir",
        f"zero_{domain}",
    )
    assert checkout.csvs(f"zero_{domain}") == csvs
    assert denoisers(checkout) == before


@pytest.fixture(scope="module")
def denoised(plain):
    """The same checkout after a denoised run, and what the plain run had left before it."""
    checkout, csvs = plain
    before = {
        folder: everything_under(checkout.root / folder)
        for folder in (
            "models/saved_model/baseline",
            "results/dev_data/baseline_MSE",
            "logs/baseline",
        )
    }
    features = {
        path: path.read_bytes()
        for path in pickles(checkout)
        if not path.parent.name.startswith("denoise_")
    }
    checkout.train_and_test(*UNET, "--export_dir", "unet")
    return checkout, csvs, before, features


def test_a_denoised_run_changes_the_scores_and_nothing_of_the_plain_run(denoised):
    checkout, csvs, before, features = denoised
    changed = checkout.csvs("unet")
    assert changed.keys() == csvs.keys() and all(
        changed[name] != csvs[name] for name in csvs if "anomaly_score" in name
    )
    assert all(
        everything_under(checkout.root / folder) == content for folder, content in before.items()
    )
    assert len(features) == 2 and all(
        path.read_bytes() == content for path, content in features.items()
    )
    checkout.train_and_test("--export_dir", "plain_again", hooked=False)
    assert checkout.csvs("plain_again") == csvs


def test_a_unet_that_was_trained_in_between_leaves_no_trace_in_the_random_streams(denoised):
    checkout, *_ = denoised
    trained = denoisers(checkout)
    checkout.train_and_test(*UNET, "--export_dir", "found")
    assert checkout.csvs("found") == checkout.csvs("unet") and denoisers(checkout) == trained


def test_the_denoiser_is_trained_once_for_every_strength(denoised):
    checkout, *_ = denoised
    trained = denoisers(checkout)
    checkout.train_py("--train_only", *UNET, "--denoise_strength", "0.5", "--export_dir", "half")
    assert len(trained) == 1 and denoisers(checkout) == trained


def test_nothing_on_disk_is_edited(denoised):
    checkout, *_ = denoised
    if not (checkout.root / ".git").exists():
        pytest.skip("the stand-in is no git checkout")
    status = subprocess.run(
        ["git", "status", "--short"], cwd=checkout.root, capture_output=True, text=True
    ).stdout.split("\n")
    assert set(filter(None, status)) <= {"?? baseline.log"}
    assert subprocess.run(["git", "diff", "--quiet"], cwd=checkout.root).returncode == 0


def test_the_keys_are_in_the_help_and_in_args_json(denoised):
    checkout, *_ = denoised
    assert "--denoise_strength" in checkout.python("train.py", "-h").stdout
    (args,) = (checkout.root / "models/checkpoint/unet").glob("*/args.json")
    assert json.loads(args.read_text())["denoise_image_size"] == 32


def test_a_receipt_says_what_was_done(denoised):
    checkout, *_ = denoised
    trained = receipt(
        checkout, f"models/saved_model/unet/denoise_receipt_DCASE2025T2fan_seed13711_{TAG}.json"
    )
    tested = receipt(
        checkout,
        f"results/dev_data/unet_MAHALA/denoise_receipt_DCASE2025T2fan_seed13711_{TAG}.json",
    )
    assert trained["baseline"]["warning"] is None and trained["baseline"]["family"]
    assert trained["splits"]["train"]["clips"] == 12 and tested["splits"]["test"]["clips"] == 16
    assert trained["stage_digest"] == tested["stage_digest"] and len(trained["method_digest"]) == 64
    assert trained["changed"]["denoise_width"] == 2


@pytest.fixture
def checkout(stand_in):
    make_machine(stand_in.raw)
    return stand_in


@pytest.fixture(scope="module")
def trained_behind_identity(tmp_path_factory):
    checkout = Checkout(lay_out(tmp_path_factory.mktemp("identity") / "baseline"))
    make_machine(checkout.raw)
    checkout.train_py("--train_only", *IDENTITY)
    return checkout


@pytest.fixture
def behind_identity(trained_behind_identity, tmp_path):
    """A checkout of the test's own whose autoencoder was trained behind the method identity."""
    shutil.copytree(trained_behind_identity.root, tmp_path / "baseline")
    return Checkout(tmp_path / "baseline")


def stopped(run, *texts):
    """Asserts that the run stopped with exit code 2 and one line of ours with all of `texts`."""
    (line,) = (
        (line for line in run.stderr.splitlines() if line.startswith("dcase-denoise: "))
        if run.returncode == 2
        else (run.stderr[-2000:],)
    )
    assert run.returncode == 2 and all(text in line for text in texts), line


@pytest.fixture(scope="module")
def calls_of_train_py(tmp_path_factory):
    """A checkout, and a function that calls its train.py."""
    checkout = Checkout(lay_out(tmp_path_factory.mktemp("calls") / "baseline"))
    make_machine(checkout.raw)
    return checkout, functools.partial(checkout.train_py, ok=False)


@pytest.fixture
def own_call(calls_of_train_py):
    """The same, for a test that changes settings or brings code of its own."""
    checkout, call = calls_of_train_py
    settings = checkout.root / "baseline.yaml"
    before = settings.read_text()
    yield checkout, call
    settings.write_text(before)
    (checkout.root / "mine.py").unlink(missing_ok=True)


def test_testing_without_a_denoiser_stops_and_names_the_command_that_trains_it(own_call):
    checkout, call = own_call
    run = call("--test_only", *UNET)
    stopped(
        run,
        "denoiser of fan: expected one trained with these settings",
        "Train it first: python3 train.py --dataset=DCASE2025T2fan",
        "--train_only",
    )
    assert "--test_only" not in run.stderr.split("Train it first")[1] and not denoisers(checkout)


def test_testing_an_autoencoder_of_another_stage_stops(behind_identity):
    run = behind_identity.train_py(
        "--test_only", "--denoise", "true", "--denoise_method", "wiener", ok=False
    )
    stopped(run, "expected one trained on the features of denoiser stage", "Train it first")
    assert not list((behind_identity.root / "results").rglob("*.csv"))


@pytest.mark.parametrize("left", ["an older model", "none"])
def test_testing_an_autoencoder_whose_training_was_not_finished_stops(behind_identity, left):
    (model,) = (behind_identity.root / "models/saved_model/baseline_denoise").glob("*.pth")
    os.utime(model, (0, 0)) if left == "an older model" else model.unlink()
    run = behind_identity.train_py("--test_only", *IDENTITY, ok=False)
    stopped(
        run,
        f"{model.name}: expected one that was saved after its receipt, got an older one or none",
        "was not finished; run it again: python3 train.py",
    )
    assert not list((behind_identity.root / "results").rglob("*.csv"))


RESTART = ("--restart", "--train_only", "--epochs", "3")


def epochs_trained(run):
    return re.findall(r"^epoch (\d+)/3 ", run.stdout, re.MULTILINE)


def test_a_training_that_goes_on_behind_the_same_stage_keeps_its_receipt(behind_identity):
    before = receipt(behind_identity)
    assert (
        epochs_trained(behind_identity.train_py(*IDENTITY, *RESTART)) == ["3"]
        and receipt(behind_identity) == before
    )


def test_a_training_that_is_to_go_on_behind_another_stage_stops_and_the_receipt_stays(
    behind_identity,
):
    before = receipt(behind_identity)
    run = behind_identity.train_py(
        "--denoise", "true", "--denoise_method", "wiener", *RESTART, ok=False
    )
    stopped(
        run,
        "--restart: expected an autoencoder in training on the features of denoiser stage",
        "checkpoint.tar. Leave --restart out",
    )
    assert receipt(behind_identity) == before


def test_a_training_that_is_to_go_on_from_a_plain_autoencoder_stops(checkout):
    checkout.train_py("--train_only")
    (state,) = (checkout.root / "models/checkpoint/baseline").glob("*/checkpoint.tar")
    stopped(
        checkout.train_py(*IDENTITY, *RESTART, "--checkpoint_path", str(state), ok=False),
        "got one of another stage or of none in",
        str(state),
    )
    assert not list(checkout.root.rglob("denoise_receipt*"))


def test_a_restart_with_nothing_to_go_on_from_trains_anew(checkout):
    # The stand-in, unlike the baseline, then fails; by that time the receipt has been written.
    checkout.train_py(*IDENTITY, *RESTART, ok=False)
    assert receipt(checkout)["config"]["denoise_method"] == "identity"


def test_a_plain_and_a_denoised_run_never_share_a_folder(checkout):
    checkout.train_py("--train_only", *IDENTITY, "--export_dir", "mine")
    stopped(
        checkout.train_py("--train_only", "--export_dir", "mine", ok=False),
        "expected a folder without denoised models for a plain run, got 'mine'",
    )
    checkout.train_py("--train_only", "--export_dir", "yours")
    run = checkout.train_py("--train_only", *IDENTITY, "--export_dir", "yours", ok=False)
    stopped(run, "expected a folder without plain models for a denoised run, got 'yours'")


def test_changed_raw_files_make_new_features(behind_identity):
    before = set(pickles(behind_identity))
    clip = sorted((behind_identity.raw / "fan/train").glob("*.wav"))[0]
    wav, _ = soundfile.read(clip)
    soundfile.write(clip, wav * 0.5, RATE_HZ, subtype="PCM_16")
    behind_identity.train_py("--train_only", *IDENTITY)
    assert len(set(pickles(behind_identity)) - before) == 1


def test_training_reads_no_test_clip(checkout):
    for clip in (checkout.raw / "fan/test").glob("*.wav"):
        clip.write_bytes(b"not for training")
    checkout.train_py("--train_only", *UNET)
    assert denoisers(checkout)


def test_the_baselines_own_scripts_need_the_yaml_flag_only(checkout):
    with (checkout.root / "baseline.yaml").open("a") as settings:
        settings.write(
            "\n--denoise: true\ndenoise_image_size: 32\n--denoise_width: 2\ndenoise_depth:"
            " 2\ndenoise_epochs: 1\n"
        )
    text = (checkout.root / "baseline.yaml").read_text()
    (checkout.root / "baseline.yaml").write_text(
        re.sub(r"(?m)^--epochs: 100$", "--epochs: 2", text)
    )
    machines = checkout.root / "datasets/machine_type_2025_dev.yaml"
    machines.write_text(re.sub(r"(?m)^    (?!fan)\w+:.*\n", "", machines.read_text()))
    scripts = sorted(path.name for path in checkout.root.glob("0[12]*_2025t2.sh"))
    assert len(scripts) == 3
    for script in scripts:
        run = checkout.bash(script, "-d")
        assert "dcase-denoise:" not in run.stderr, run.stderr[-2000:]
    assert len(checkout.csvs("baseline_denoise")) == 6 and not checkout.csvs("baseline")


def test_a_preset_stands_below_the_yaml_and_the_command_line_above_it(checkout, tmp_path):
    preset = tmp_path / "mine.yaml"
    preset.write_text(
        "denoise_method: wiener\ndenoise_strength: 0.25\ndenoise_seedless: 1\n".replace(
            "denoise_seedless: 1\n", "denoise_width: 3\n"
        )
    )
    with (checkout.root / "baseline.yaml").open("a") as settings:
        settings.write(f"\ndenoise: true\ndenoise_preset: {preset}\ndenoise_strength: 0.5\n")
    checkout.train_py("--train_only", "--denoise_method", "identity")
    config = receipt(checkout)["config"]
    assert (config["denoise_method"], config["denoise_strength"], config["denoise_width"]) == (
        "identity",
        0.5,
        3,
    )


@pytest.mark.parametrize("empty", ["''", "null", "None"])
def test_an_empty_key_takes_back_what_the_preset_says_in_the_hook_as_in_the_runner(checkout, empty):
    with (checkout.root / "baseline.yaml").open("a") as settings:
        settings.write(
            f"\ndenoise: true\ndenoise_preset: denoise\ndenoise_machine_epochs: {empty}\n"
        )
    program = (
        "import common, json;"
        " words = common.param_to_args_list(common.yaml_load());"
        " print(json.dumps(vars(common.get_argparse().parse_args(words))))"
    )
    hooked = json.loads(checkout.python("-c", program).stdout)
    _, config = resolve_stage(Baseline.from_folder(checkout.root), Overrides(), environment={})
    assert (
        {key: hooked[key] for key in config.as_keys()} == config.as_keys()
        and config.machine_epochs == ""
        and config.epochs == 100
    )


@pytest.mark.parametrize(
    "line, message",
    [
        ("denoise_strenght: 1", "Did you mean denoise_strength?"),
        ("denoise: maybe", "denoise: expected true or false, got 'maybe'"),
        ("denoise_strength: 7", "denoise_strength: expected a number from 0 to 1, got 7"),
    ],
)
def test_a_bad_key_in_baseline_yaml_stops_before_anything_runs(own_call, line, message):
    checkout, call = own_call
    with (checkout.root / "baseline.yaml").open("a") as settings:
        settings.write(f"\n{line}\n")
    features = everything_under(checkout.raw.parent / "processed")
    run = call("--train_only")
    assert run.returncode == 2 and message in run.stderr
    assert everything_under(checkout.raw.parent / "processed") == features


def test_an_unknown_option_on_the_command_line_names_the_nearest(own_call):
    checkout, call = own_call
    stopped(
        call("--train_only", "--denoise_strenght", "1"),
        "got an unknown one in the command line. Did you mean denoise_strength?",
    )


def test_an_unknown_source_whose_signatures_fit_runs_with_a_warning_in_the_receipt(checkout):
    source = checkout.root / "datasets/loader_common.py"
    source.write_text(
        source.read_text().replace("def file_load(", "def file_load(  # changed\n    ")
    )
    run = checkout.train_py("--train_only", *IDENTITY)
    assert run.stderr.count("dcase-denoise: warning: unknown baseline source") == 1
    assert (
        receipt(checkout)["baseline"]["warning"].startswith("unknown baseline source")
        and receipt(checkout)["baseline"]["family"] is None
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (
            ("def file_load(wav_name", "def file_load(wav_path"),
            "to take wav_name, got a changed one",
        ),
        (
            ("file_load", "read_file"),
            "expected datasets.loader_common.file_load, got a baseline without it",
        ),
    ],
)
def test_a_changed_or_missing_seam_stops_a_run_with_the_flag_on_only(checkout, change, message):
    source = checkout.root / "datasets/loader_common.py"
    text = source.read_text().replace(*change)
    source.write_text(
        re.sub(r"\bwav_name\b", "wav_path", text) if "wav_path" in change[1] else text
    )
    stopped(checkout.train_py("--train_only", *IDENTITY, ok=False), message)
    checkout.train_py("--train_only")


def bad_clip(checkout, split="train"):
    return sorted((checkout.raw / "fan" / split).glob("*.wav"))[3]


def spoil(kind, path):
    wav, _ = soundfile.read(path, dtype="float32")
    if kind == "zero-byte":
        path.write_bytes(b"")
    elif kind == "non-wav":
        path.write_text("hello")
    elif kind == "truncated":
        path.write_bytes(path.read_bytes()[:20000])
    else:
        changed = {
            "nan": np.where(np.arange(len(wav)) == 5, np.nan, wav),
            "silent": wav * 0,
            "stereo": np.stack([wav, wav], 1),
            "one sample": wav[:1],
            "longer": np.tile(wav, 2),
        }[kind]
        soundfile.write(path, changed, RATE_HZ, subtype="FLOAT")


@pytest.mark.parametrize(
    "method",
    [("--denoise_method", "identity"), ("--denoise_method", "unet", *TINY_UNET)],
    ids=["identity", "unet"],
)
@pytest.mark.parametrize(
    "kind", ["zero-byte", "non-wav", "truncated", "nan", "silent", "stereo", "one sample", "longer"]
)
def test_a_bad_clip_stops_the_run_by_name_and_leaves_nothing_half_written(
    calls_of_train_py, kind, method
):
    checkout, call = calls_of_train_py
    clip = bad_clip(checkout)
    good, times = clip.read_bytes(), clip.stat()
    spoil(kind, clip)
    try:
        stopped(call("--train_only", "--denoise", "true", *method), clip.name)
    finally:
        clip.write_bytes(good)
        os.utime(clip, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (
        not pickles(checkout)
        and not denoisers(checkout)
        and not list(checkout.root.rglob("denoise_receipt*"))
    )


def test_a_bad_test_clip_stops_the_test_and_leaves_no_csv(behind_identity):
    clip = bad_clip(behind_identity, "test")
    spoil("nan", clip)
    stopped(behind_identity.train_py("--test_only", *IDENTITY, ok=False), clip.name)
    assert not list((behind_identity.root / "results").rglob("*.csv"))


def test_a_full_disk_stops_the_run_and_leaves_nothing_half_written(checkout):
    run = checkout.bash(
        "-c", 'ulimit -f 200; exec "$@"', "bash", *TRAIN_PY, "--train_only", *IDENTITY
    )
    stopped(run, "features: expected to write them in", "File too large", "Free space")
    assert not pickles(checkout) and not list(checkout.root.rglob("partial"))
    checkout.train_py("--train_only", *IDENTITY)


def test_a_place_that_cannot_be_written_stops_the_run_in_one_line(checkout):
    (checkout.root / "models").write_text("a file where a folder is to be")
    stopped(
        checkout.train_py("--train_only", *IDENTITY, ok=False),
        "denoised run: expected to read and write its files, got",
        "models",
        "path and rights",
    )


def test_a_machine_with_one_clip_stops_the_run(checkout):
    for clip in sorted((checkout.raw / "fan/train").glob("*.wav"))[1:]:
        clip.unlink()
    stopped(
        checkout.train_py("--train_only", *UNET, ok=False),
        "machine fan: expected at least 2 training clips (*.wav), got 1",
    )


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda path: path.write_bytes(path.read_bytes()[:200]), "checkpoint"),
        (lambda path: path.write_bytes(b"junk"), "checkpoint"),
    ],
)
def test_a_damaged_checkpoint_stops_the_run(checkout, change, message):
    checkout.train_py("--train_only", *UNET)
    change(denoisers(checkout)[0])
    stopped(
        checkout.train_py("--train_only", *UNET, "--export_dir", "again", ok=False),
        message,
        "denoiser.pt",
    )


def test_two_processes_that_want_the_same_denoiser_train_it_once(checkout):
    processes = [
        subprocess.Popen(
            [*TRAIN_PY, "--train_only", *UNET, "--export_dir", name],
            cwd=checkout.root,
            env=checkout.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name in ("one", "two")
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sum(bool(re.search(r"fan.*epoch 1/1", output)) for output in outputs) == 1


def test_a_users_own_function_denoises(checkout):
    (checkout.root / "mine.py").write_text(
        "def louder(log_mel, sample_rate_hz):\n    return log_mel + 6.0\n"
    )
    checkout.train_py(
        "--train_only",
        "--denoise",
        "true",
        "--denoise_method",
        "mine:louder",
        "--denoise_domain",
        "mel",
    )
    assert receipt(checkout)["config"]["denoise_method"] == "mine:louder"


FITTED = """import numpy as np

class Fitted:
    def __init__(self, machine, config):
        self.bias_db = np.random.default_rng({seed}).normal(0, 20, (machine.features.n_mels, 1))
    def __call__(self, log_mel, sample_rate_hz):
        return log_mel + self.bias_db
"""


def test_a_users_class_that_comes_out_otherwise_in_the_test_stops_it(checkout):
    options = ("--denoise", "true", "--denoise_method", "mine:Fitted", "--denoise_domain", "mel")
    (checkout.root / "mine.py").write_text(FITTED.format(seed="machine.seed"))
    checkout.train_and_test(*options, "--export_dir", "same", scores=("MSE",))
    (checkout.root / "mine.py").write_text(FITTED.format(seed=""))
    checkout.train_py("--train_only", *options, "--export_dir", "other")
    stopped(
        checkout.train_py(
            "--test_only", "--score", "MSE", *options, "--export_dir", "other", ok=False
        ),
        "denoise_method mine:Fitted",
        "expected it to come out as it did for the training, got one that differs by",
    )
    assert not checkout.csvs("other")


def test_the_traceback_of_a_users_method_stands_before_the_line_that_names_its_place(own_call):
    checkout, call = own_call
    (checkout.root / "mine.py").write_text(
        "import numpy as np\n\ndef bad(log_mel, sample_rate_hz):\n    return"
        " np.concatenate([log_mel, log_mel[:3]], 1)\n"
    )
    run = call(
        "--train_only",
        "--denoise",
        "true",
        "--denoise_method",
        "mine:bad",
        "--denoise_domain",
        "mel",
    )
    assert (
        run.returncode == 2
        and "(mine.py, line 4). Correct the method." in run.stderr.splitlines()[-1]
        and "Traceback" in run.stderr
    )


@pytest.mark.parametrize(
    "returned, message",
    [
        ("log_mel[:, 1:]", "of shape"),
        ("log_mel * float('nan')", "expected finite values back"),
        ("log_mel.astype('float32')", "got float32"),
    ],
)
def test_a_users_function_that_breaks_the_contract_stops_the_run(own_call, returned, message):
    checkout, call = own_call
    (checkout.root / "mine.py").write_text(
        f"def bad(log_mel, sample_rate_hz):\n    return {returned}\n"
    )
    stopped(
        call(
            "--train_only",
            "--denoise",
            "true",
            "--denoise_method",
            "mine:bad",
            "--denoise_domain",
            "mel",
        ),
        "denoise_method mine:bad",
        message,
    )


@pytest.mark.baseline
@pytest.mark.parametrize(
    "tag",
    [
        "v4.0.0",
        "v4.0.1",
        "v4.1.0",
        "v4.1.1",
        "v4.2.0",
        "v4.3.0",
        "v5.0.0",
        "v5.0.1",
        "v5.1.0",
        "v5.1.1",
    ],
)
def test_every_supported_tag_of_the_real_baseline_is_known_and_denoised(real_checkout_of, tag):
    checkout = real_checkout_of(tag)
    make_machine(checkout.raw)
    checkout.train_and_test(hooked=False, scores=("MSE",))
    checkout.train_and_test(*IDENTITY, scores=("MSE",))
    assert checkout.csvs("baseline_denoise") == checkout.csvs("baseline")
    checkout.train_and_test(*UNET, "--export_dir", "unet", scores=("MSE",))
    assert receipt(checkout)["baseline"]["warning"] is None
    assert checkout.csvs("unet").keys() == checkout.csvs("baseline").keys() and checkout.csvs(
        "unet"
    ) != checkout.csvs("baseline")
