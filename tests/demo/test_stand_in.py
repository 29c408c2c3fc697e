import csv
import errno
import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import warm_python

from dcase_denoise_plugin import files
from dcase_denoise_plugin.demo import machines, stand_in
from dcase_denoise_plugin.errors import BaselineError

RUN = ("--dataset=DCASE2025T2fan", "-tag=id(0_)", "--use_ids", "0")
TINY = dict(source_train=6, target_train=2, test=2, noise=1, clip_s=1.0, machine_types=("fan",))
METRICS = [
    "AUC (source)",
    "AUC (target)",
    "pAUC",
    "pAUC (source)",
    "pAUC (target)",
    "precision (source)",
    "precision (target)",
    "recall (source)",
    "recall (target)",
    "F1 score (source)",
    "F1 score (target)",
]
FULL_NAME = "DCASE2025T2fan_section_00_test_seed13711_id(0_)"
RUN_NAME = "DCASE2023T2-AE_DCASE2025T2fan_id(0_)_seed13711"


def call(folder, *command, check=True):
    variables = {
        **os.environ,
        "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": "",
    }
    if command[:2] == (sys.executable, "train.py"):
        done = warm_python.run(list(command[1:]), folder, variables)
    else:
        done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done


def train_py(folder, *options):
    return call(folder, sys.executable, "train.py", *RUN, "--epochs", "2", *options)


def train_py_calls(folder, *calls):
    """Several calls of train.py, or lines of Python between them, in one process: its imports take
    seconds.
    """
    program = "".join(
        (
            line
            if isinstance(line, str)
            else f"sys.argv = {['train.py', *RUN, '--epochs', '2', *line]!r}\ntrain.main()\n"
        )
        for line in calls
    )
    return call(
        folder, sys.executable, "-c", f"import sys, train\nfrom pathlib import Path\n{program}"
    )


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A stand-in that has trained one tiny machine and tested it with both scores, and what each of
    the three runs printed.
    """
    folder = stand_in.lay_out(tmp_path_factory.mktemp("finished") / "baseline")
    machines.make_machines(folder, **TINY)
    steps = (
        ("--train_only",),
        ("--test_only", "--score", "MSE"),
        ("--test_only", "--score", "MAHALA"),
    )
    return folder, [train_py(folder, "-d", *options).stdout for options in steps]


@pytest.fixture(scope="module")
def finished(runs):
    return runs[0]


@pytest.fixture
def fresh(tmp_path):
    """A stand-in with one tiny machine, nothing run."""
    folder = stand_in.lay_out(tmp_path / "baseline")
    machines.make_machines(folder, **TINY)
    return folder


def test_lay_out_gives_a_folder_that_looks_like_a_checkout_and_says_what_it_is(tmp_path):
    folder = stand_in.lay_out(tmp_path / "a" / "b")
    for name in (
        "train.py",
        "common.py",
        "baseline.yaml",
        "datasets/datasets.py",
        "datasets/dcase_dcase202x_t2_loader.py",
        "datasets/loader_common.py",
        "datasets/machine_type_2025_dev.yaml",
        "datasets/machine_type_2025_eval.yaml",
        "networks/models.py",
        "networks/base_model.py",
        "tools/export_results.sh",
        "01_train_2025t2.sh",
        "02a_test_2025t2.sh",
        "02b_test_2025t2.sh",
        "03_summarize_results.sh",
        "train_ae.sh",
        "test_ae.sh",
    ):
        assert (folder / name).is_file(), name
    for path in folder.rglob("*"):
        if path.suffix in (".py", ".sh"):
            assert "not the official baseline" in path.read_text(encoding="utf-8"), path
    assert stand_in.is_stand_in(folder) and not stand_in.is_stand_in(tmp_path)


def test_lay_out_again_repairs_files_and_keeps_what_runs_wrote(tmp_path):
    folder = stand_in.lay_out(tmp_path / "baseline")
    code = (folder / "train.py").read_text(encoding="utf-8")
    (folder / "train.py").write_text("broken", encoding="utf-8")
    (folder / "results").mkdir()
    (folder / "results" / "kept.csv").write_text("kept", encoding="utf-8")
    stand_in.lay_out(folder)
    assert (folder / "train.py").read_text(encoding="utf-8") == code
    assert (folder / "results" / "kept.csv").read_text(encoding="utf-8") == "kept"


def test_lay_out_leaves_files_alone_that_a_run_may_be_reading(tmp_path):
    folder = stand_in.lay_out(tmp_path / "baseline")
    before = (folder / "train.py").stat()
    stand_in.lay_out(folder)
    after = (folder / "train.py").stat()
    assert (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


@pytest.mark.parametrize("killed_at", range(4))
def test_lay_out_goes_on_in_what_a_killed_call_left(tmp_path, monkeypatch, killed_at):
    folder, replaced = tmp_path / "baseline", []

    def replace(path, target):
        if len(replaced) == killed_at:
            os.link(path, path.with_name(f".killed{files.PARTIAL}"))
            raise KeyboardInterrupt
        replaced.append(target)
        os.replace(path, target)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(files.Path, "replace", replace)
        stand_in.lay_out(folder)
    stand_in.lay_out(folder)
    assert (folder / "train.py").is_file()


def test_lay_out_on_a_full_disk_names_one_file(tmp_path, monkeypatch):
    def full(source, destination):
        if not str(source).endswith(stand_in.MARKER):
            raise OSError(errno.ENOSPC, "No space left on device", str(destination))
        copy(source, destination)

    copy = stand_in._copy
    monkeypatch.setattr(stand_in, "_copy", full)
    with pytest.raises(OSError) as raised:
        stand_in.lay_out(tmp_path / "baseline")
    assert str(raised.value).count("No space left") == 1


def test_lay_out_never_touches_a_folder_with_something_else_in_it(tmp_path):
    (tmp_path / "train.py").write_text("someone's work", encoding="utf-8")
    with pytest.raises(BaselineError, match="expected a new, an empty or a stand-in's folder"):
        stand_in.lay_out(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_lay_out_refuses_a_file(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BaselineError, match="expected a new, an empty or a stand-in's folder"):
        stand_in.lay_out(tmp_path / "file")


@pytest.mark.slow
def test_git_sees_nothing_that_runs_write(finished):
    call(finished, "git", "init", "-q")
    listed = call(
        finished, "git", "status", "--short", "--untracked-files=all", "--porcelain"
    ).stdout
    assert "train.py" in listed
    assert not [
        line
        for line in listed.splitlines()
        if any(
            part in line
            for part in ("data/", "results/", "models/", "logs/", "reference/", "__pycache__")
        )
    ]


def test_the_yaml_file_has_the_keys_and_values_of_the_baseline(fresh):
    seen = json.loads(
        call(
            fresh,
            sys.executable,
            "-c",
            "import common, json; print(json.dumps(common.yaml_load()))",
        ).stdout
    )
    assert seen == {
        "--dataset_directory": "./data",
        "--result_directory": "./results",
        "--export_dir": "baseline",
        "--use_cuda": True,
        "--log_interval": 100,
        "--model": "DCASE2023T2-AE",
        "--score": "MSE",
        "--seed": 13711,
        "--is_auto_download": False,
        "--max_fpr": 0.1,
        "--decision_threshold": 0.9,
        "--n_mels": 128,
        "--frames": 5,
        "--frame_hop_length": 1,
        "--n_fft": 1024,
        "--hop_length": 512,
        "--power": 2.0,
        "--fmin": 0.0,
        "--fmax": None,
        "--win_length": None,
        "--batch_size": 256,
        "--epochs": 100,
        "-lr": 0.001,
        "--shuffle": True,
        "--validation_split": 0.1,
    }


def test_the_yaml_file_parses_through_its_own_argparse(fresh):
    program = (
        "import common, json;"
        " words = common.param_to_args_list(common.yaml_load());"
        " print(json.dumps(vars(common.get_argparse().parse_args(words))))"
    )
    seen = json.loads(call(fresh, sys.executable, "-c", program).stdout)
    assert (
        seen["fmax"],
        seen["learning_rate"],
        seen["gpu_id"],
        seen["shuffle"],
        seen["score"],
    ) == (None, 0.001, [0], True, "MSE")


@pytest.mark.parametrize("word", ["--unknown", "--use_cuda=maybe", "--score=Nonsense"])
def test_unknown_options_and_values_stop_it(fresh, word):
    done = call(
        fresh,
        sys.executable,
        "-c",
        f"import common; common.get_argparse().parse_args([{word!r}])",
        check=False,
    )
    assert done.returncode == 2 and "error:" in done.stderr


@pytest.mark.parametrize(
    "seam, parameters",
    [
        ("common:yaml_load", ""),
        ("common:param_to_args_list", "params"),
        ("common:get_argparse", ""),
        ("datasets.datasets:Datasets.__init__", "self name"),
        ("datasets.datasets:DCASE202XT2.__init__", "self args"),
        ("datasets.loader_common:file_load", "wav_name mono"),
        (
            "datasets.loader_common:file_to_vectors",
            "file_name n_mels n_frames n_fft hop_length power fmax fmin win_length mono",
        ),
        ("datasets.loader_common:get_machine_type_dict", "dataset_name mode"),
        (
            "datasets.loader_common:file_list_generator",
            "target_dir section_name unique_section_names dir_name mode train",
        ),
        (
            "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.__init__",
            (
                "self data_path dataset_name section_keyword machine_type train section_ids frames"
                " n_mels frame_hop_length n_fft hop_length power fmax fmin win_length data_type"
                " use_id is_auto_download mono"
            ),
        ),
        (
            "datasets.dcase_dcase202x_t2_loader:DCASE202XT2Loader.load_pre_process",
            (
                "self pickle_name target_dir pickle_path n_sections unique_section_names dir_name"
                " train n_mels frames frame_hop_length n_fft hop_length power fmax fmin win_length"
                " mono"
            ),
        ),
        ("networks.base_model:BaseModel.__init__", "self args train test"),
        ("networks.models:Models.__init__", "self name"),
    ],
)
def test_every_seam_is_there_with_its_parameters(seams, seam, parameters):
    assert seams[seam] == parameters


@pytest.fixture(scope="module")
def seams(tmp_path_factory):
    folder = stand_in.lay_out(tmp_path_factory.mktemp("seams") / "baseline")
    program = """
import inspect, json, importlib
found = {}

def note(seam, thing):
    if inspect.isfunction(thing):
        found[seam] = " ".join(inspect.signature(thing).parameters)

for name in (
    "common",
    "datasets.datasets",
    "datasets.loader_common",
    "datasets.dcase_dcase202x_t2_loader",
    "networks.base_model",
    "networks.models",
):
    for thing in list(vars(importlib.import_module(name)).values()):
        if getattr(thing, "__module__", None) == name:
            note(f"{name}:{thing.__name__}", thing)
            for key, value in vars(thing).items() if inspect.isclass(thing) else ():
                note(f"{name}:{thing.__name__}.{key}", value)
print(json.dumps(found))
"""
    return json.loads(call(folder, sys.executable, "-c", program).stdout)


def test_file_load_and_file_to_vectors_are_looked_up_when_called_and_a_broken_file_gives_none(
    fresh,
):
    clip = min((fresh / "data/dcase2025t2/dev_data/raw/fan/train").iterdir())
    (fresh / "broken.wav").write_bytes(b"RIFF")
    call(
        fresh,
        sys.executable,
        "-c",
        f"""
import numpy as np
from datasets import loader_common as com, dcase_dcase202x_t2_loader as loader
assert com.file_load("broken.wav", mono=True) is None
vectors = com.file_to_vectors({str(clip)!r}, n_mels=128)
assert vectors.shape == (32 - 4, 640) and vectors.dtype == np.float64
assert np.array_equal(vectors[0, 128:], vectors[1, :512])
com.file_load = lambda wav_name, mono=False: (np.zeros(16000, np.float32), 16000)
silence = 10 * np.log10(np.finfo(float).eps)
assert np.allclose(com.file_to_vectors("no such file", n_mels=128), silence)
com.file_to_vectors = lambda *args, **kwargs: np.ones((3, 640))
options = 128, 5, 1, 1024, 512, 2.0, None, 0.0, None
assert loader.file_list_to_data(["no such file"], *options).shape == (1, 3, 640)
""",
    )


@pytest.mark.slow
def test_a_run_writes_the_files_of_the_baseline_and_no_others(finished):
    files = [
        path
        for top in ("results", "models", "logs", "data")
        for path in (finished / top).rglob("*")
        if path.is_file()
    ]
    written = {str(path.relative_to(finished)) for path in files if path.suffix != ".wav"}
    scores = {
        f"results/dev_data/baseline_{score}/{name}"
        for score in ("MSE", "MAHALA")
        for name in (
            f"anomaly_score_{FULL_NAME}.csv",
            f"decision_result_{FULL_NAME}.csv",
            "result_DCASE2025T2fan_test_seed13711_id(0_)_roc.csv",
        )
    }
    pickles = {
        f"data/dcase2025t2/dev_data/processed/fan/{split}/mels128_fft1024_hop512/"
        "section_00_mix_TF5-1_mel1024-512.pickle"
        for split in ("train", "test")
    }
    assert written == scores | pickles | {
        f"models/saved_model/baseline/{RUN_NAME}.pth",
        f"models/saved_model/baseline/score_distr_{RUN_NAME}_mse.pickle",
        f"models/saved_model/baseline/score_distr_{RUN_NAME}_mahala.pickle",
        f"models/checkpoint/baseline/{RUN_NAME}/checkpoint.tar",
        f"models/checkpoint/baseline/{RUN_NAME}/args.json",
        f"logs/baseline/{RUN_NAME}/log.csv",
    }
    assert {path.name for path in (finished / "results/eval_data").iterdir()} == {
        "baseline_MSE",
        "baseline_MAHALA",
    }


@pytest.mark.parametrize("score", ["MSE", "MAHALA"])
@pytest.mark.slow
def test_scores_and_decisions_name_every_test_clip(finished, score):
    folder = finished / f"results/dev_data/baseline_{score}"
    names = sorted(
        (path.name for path in (finished / "data/dcase2025t2/dev_data/raw/fan/test").iterdir()),
        key=lambda name: ("_anomaly_" in name, name),
    )
    scores, decisions = (
        rows(folder / f"anomaly_score_{FULL_NAME}.csv"),
        rows(folder / f"decision_result_{FULL_NAME}.csv"),
    )
    assert [row[0] for row in scores] == [row[0] for row in decisions] == names
    assert all(float(value) > 0 for _, value in scores)
    assert {value for _, value in decisions} <= {"0", "1"}


@pytest.mark.parametrize("score", ["MSE", "MAHALA"])
@pytest.mark.slow
def test_the_result_table_has_the_columns_and_rows_of_the_baseline(finished, score):
    header, section, arithmetic, harmonic, end = rows(
        finished
        / f"results/dev_data/baseline_{score}/result_DCASE2025T2fan_test_seed13711_id(0_)_roc.csv"
    )
    assert header == ["section", *METRICS]
    assert (section[0], arithmetic[0], harmonic[0], end) == (
        "00",
        "arithmetic mean",
        "harmonic mean",
        [],
    )
    assert all(0 <= float(value) <= 1 for value in section[1:])


@pytest.mark.slow
def test_an_auc_sets_a_domains_normals_against_the_anomalies_of_both_domains(finished):
    folder = finished / "results/dev_data/baseline_MSE"
    scores = {name: float(value) for name, value in rows(folder / f"anomaly_score_{FULL_NAME}.csv")}
    table = rows(folder / "result_DCASE2025T2fan_test_seed13711_id(0_)_roc.csv")
    for column, domain in ((1, "source"), (2, "target")):
        normals = [value for name, value in scores.items() if f"{domain}_test_normal" in name]
        anomalies = [value for name, value in scores.items() if "anomaly" in name]
        assert float(table[1][column]) == pytest.approx(
            np.mean([anomaly > normal for anomaly in anomalies for normal in normals])
        )


@pytest.mark.slow
def test_args_json_and_the_log_hold_the_run(finished):
    args = json.loads(
        (finished / f"models/checkpoint/baseline/{RUN_NAME}/args.json").read_text(encoding="utf-8")
    )
    expected = {
        "dataset": "DCASE2025T2fan",
        "epochs": 2,
        "dev": True,
        "model_name_suffix": "id(0_)",
        "use_ids": [0],
        "export_dir": "baseline",
    }
    assert {**args, **expected} == args and "cuda" in args
    header, *epochs = rows(finished / f"logs/baseline/{RUN_NAME}/log.csv")
    assert header == ["loss", "val_loss", "recon_loss", "recon_loss_source", "recon_loss_target"]
    assert len(epochs) == 2


@pytest.mark.slow
def test_the_mahala_score_is_the_full_product_of_residuals(finished):
    program = f"""
import torch
from networks.autoencoder import Autoencoder
net = Autoencoder(640, 128)
net.load_state_dict(torch.load("models/saved_model/baseline/{RUN_NAME}.pth", weights_only=True))
net.eval()
vectors = torch.randn(7, 640, generator=torch.Generator().manual_seed(0))
frames = net.residual_frames(vectors)
assert frames.shape == (35, 128)
full = min((frames @ inverse @ frames.T).mean() for inverse in net.inverse_covariance)
assert torch.allclose(net.mahala(vectors), full)
assert net.inverse_covariance[0].ne(net.inverse_covariance[1]).any()
"""
    call(finished, sys.executable, "-c", program)


@pytest.mark.slow
def test_a_second_training_writes_the_same_bytes_and_a_restarted_one_goes_on_from_its_checkpoint(
    finished, fresh
):
    done = train_py_calls(
        fresh,
        ("-d", "--train_only"),
        ("-d", "--test_only"),
        "print('restarted')\n",
        ("-d", "--train_only", "--restart", "--epochs", "3"),
    )
    for path in (finished / "results/dev_data/baseline_MSE").iterdir():
        assert (
            fresh / "results/dev_data/baseline_MSE" / path.name
        ).read_bytes() == path.read_bytes()
    before, after = done.stdout.split("restarted")
    assert "epoch 2/2" in before and "epoch 3/3" in after and "epoch 2/3" not in after


@pytest.mark.slow
def test_features_are_made_once_and_then_reused_without_a_look_at_the_wav_files(runs):
    folder, (train, first_test, second_test) = runs
    assert ["features of" in output for output in (train, first_test, second_test)] == [
        True,
        True,
        False,
    ]
    pickle_path = (
        folder
        / "data/dcase2025t2/dev_data/processed/fan/test/mels128_fft1024_hop512"
        / "section_00_mix_TF5-1_mel1024-512.pickle"
    )
    data, y_true, condition, n_vectors, basenames = pickle.loads(pickle_path.read_bytes())
    assert (
        data.shape == (8 * n_vectors, 640) and len(basenames) == len(y_true) == len(condition) == 8
    )


@pytest.mark.slow
def test_the_summary_tool_puts_systems_side_by_side(finished, tmp_path):
    folders = "results/dev_data/baseline_MSE", "results/dev_data/baseline_MAHALA"
    call(
        finished,
        "bash",
        "tools/export_results.sh",
        "DCASE2025T2",
        str(tmp_path),
        "None",
        "-d",
        *folders,
    )
    header, *extract = rows(tmp_path / "DCASE2025T2_auc_pauc_extract.csv")
    assert header == [
        "System",
        "metric",
        "h-mean",
        "a-mean",
        "ToyCar",
        "ToyTrain",
        "bearing",
        "fan",
        "gearbox",
        "slider",
        "valve",
    ]
    wanted = ["AUC (source)", "AUC (target)", "pAUC (source, target)", "TOTAL score"]
    assert [row[:2] for row in extract] == [
        [system, metric] for system in ("baseline_MSE", "baseline_MAHALA") for metric in wanted
    ]
    table = rows(
        finished
        / "results/dev_data/baseline_MSE/result_DCASE2025T2fan_test_seed13711_id(0_)_roc.csv"
    )
    assert [float(row[7]) for row in extract[:3]] == pytest.approx(
        [float(table[1][column]) for column in (1, 2, 3)]
    )
    assert rows(tmp_path / "DCASE2025T2_auc_pauc.csv")[0][:3] == ["System", "machine", "section"]


@pytest.mark.slow
def test_the_summary_script_needs_no_list_of_folders(finished):
    call(finished, "bash", "03_summarize_results.sh", "DCASE2025T2", "-d")
    assert (
        finished / "results/dev_data/summarize/DCASE2025T2/DCASE2025T2_auc_pauc_extract.csv"
    ).is_file()


def test_the_summary_tool_says_when_there_is_nothing(fresh):
    done = call(
        fresh,
        "bash",
        "tools/export_results.sh",
        "DCASE2025T2",
        "out",
        "None",
        "-d",
        "nowhere",
        check=False,
    )
    assert done.returncode != 0 and "nowhere" in done.stderr


def test_the_shell_scripts_call_train_py_for_every_machine_type_as_the_baselines_do(
    fresh, tmp_path
):
    fake = tmp_path / "bin" / "python3"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\necho "$@" >> calls.txt\ncase "$*" in *ToyCar*) exit 3;; esac\n',
        encoding="utf-8",
    )
    fake.chmod(0o755)
    for script in ("01_train_2025t2.sh", "02a_test_2025t2.sh", "02b_test_2025t2.sh"):
        done = subprocess.run(
            ["bash", script, "-d"],
            cwd=fresh,
            env={**os.environ, "PATH": f"{fake.parent}{os.pathsep}{os.environ['PATH']}"},
        )
        assert done.returncode == 1, "the failure of one machine type shows at the end"
    calls = (fresh / "calls.txt").read_text(encoding="utf-8").splitlines()
    assert len(calls) == 3 * 7
    assert [line for line in calls if "DCASE2025T2fan" in line] == [
        "train.py --dataset=DCASE2025T2fan -d -tag=id(0_) --use_ids 0 --train_only",
        "train.py --dataset=DCASE2025T2fan -d -tag=id(0_) --use_ids 0 --test_only --score MSE",
        "train.py --dataset=DCASE2025T2fan -d -tag=id(0_) --use_ids 0 --test_only --score MAHALA",
    ]


@pytest.mark.slow
def test_evaluation_data_give_a_result_table_only_with_the_labels_of_test_rename(fresh):
    raw = fresh / "data/dcase2025t2/eval_data/raw"
    raw.mkdir(parents=True)
    (fresh / "data/dcase2025t2/dev_data/raw/fan").rename(raw / "fan")
    labelled = sorted((raw / "fan/test").iterdir())
    (raw / "fan/test").rename(raw / "fan/labelled")
    (raw / "fan/test").mkdir()
    for number, path in enumerate(labelled):
        (raw / f"fan/test/section_00_{number:04d}.wav").write_bytes(
            (raw / "fan/labelled" / path.name).read_bytes()
        )
    labels_arrive = (
        f"Path({str(raw)!r}, 'fan/labelled').rename(Path({str(raw)!r}, 'fan/test_rename'))\n"
    )
    train_py_calls(fresh, ("-e",), labels_arrive, ("-e", "--test_only", "--score", "MAHALA"))
    unlabelled = {f"anomaly_score_{FULL_NAME}_Eval.csv", f"decision_result_{FULL_NAME}_Eval.csv"}
    table = "result_DCASE2025T2fan_test_seed13711_id(0_)_Eval_roc.csv"
    assert {
        path.name for path in (fresh / "results/eval_data/baseline_MSE").iterdir()
    } == unlabelled
    assert {
        path.name for path in (fresh / "results/eval_data/baseline_MAHALA").iterdir()
    } == unlabelled | {table}
    name = "baseline/DCASE2023T2-AE_DCASE2025T2fan_id(0_)_Eval_seed13711"
    assert all(
        (fresh / file).is_file()
        for file in (
            f"models/saved_model/{name}.pth",
            f"models/checkpoint/{name}/args.json",
            f"logs/{name}/log.csv",
        )
    )


@pytest.mark.slow
def test_what_it_cannot_use_stops_it(fresh):
    clip = min((fresh / "data/dcase2025t2/dev_data/raw/fan/train").iterdir())
    clip.write_bytes(clip.read_bytes()[:20000])
    cases = {
        "--dataset=DCASE2025T2valve": "no machine type valve",
        "--dataset=Nonsense": "unknown data set",
        "--model=Nonsense": "unknown model",
        "--dev": "same shape",
    }
    call(
        fresh,
        sys.executable,
        "-c",
        f"""
import sys, train
for word, message in {cases!r}.items():
    sys.argv = ["train.py", *{RUN!r}, "-d", word]
    try:
        train.main()
    except (ValueError, FileNotFoundError) as error:
        assert message in str(error), (word, error)
    else:
        raise SystemExit(f"{{word}} went through")
""",
    )


@pytest.mark.slow
def test_the_autoencoder_finds_anomalies_in_clean_clips_better_than_in_noisy_ones(tmp_path):
    # Fewer than some 700 steps leave the running means of the autoencoder's batch normalisation
    # (momentum 0.01) behind, and its errors mean nothing.
    sizes = dict(
        source_train=40, target_train=6, test=10, noise=0, clip_s=4.0, machine_types=("fan",)
    )
    mean_auc = {}
    for clean in (False, True):
        folder = stand_in.lay_out(tmp_path / f"clean_{clean}")
        machines.make_machines(folder, **sizes, clean=clean)
        call(folder, sys.executable, "train.py", *RUN, "-d", "--epochs", "12", "--batch_size", "64")
        table = rows(
            folder
            / "results/dev_data/baseline_MSE/result_DCASE2025T2fan_test_seed13711_id(0_)_roc.csv"
        )
        mean_auc[clean] = np.mean([float(value) for value in table[1][1:3]])
    assert mean_auc[True] > mean_auc[False] + 0.05
