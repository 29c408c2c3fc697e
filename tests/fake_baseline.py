"""A baseline in a folder that runs in a moment: the same commands, file names and columns, AUCs
that it makes up, receipts that the hook would leave.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from dcase_denoise_plugin.checkout.baseline import Baseline
from dcase_denoise_plugin.checkout.machine_run import MachineRun
from dcase_denoise_plugin.checkout.overrides import read_overrides, resolve_stage
from dcase_denoise_plugin.checkout.plan import Plan

TRAIN_PY = """
import argparse, json, os, pathlib, sys, time
from dcase_denoise_plugin.settings import sources

parser = argparse.ArgumentParser()
for option in ("--dataset", "-tag", "--score", "--export_dir"):
    parser.add_argument(option, default="MSE")
for option in ("--epochs", "-lr", "--mono", "--gpu_id"):
    parser.add_argument(option, default="MSE")
parser.add_argument("--result_directory", default="results")
parser.add_argument("--seed", type=int)
parser.add_argument("--use_ids", nargs="*")
for option in ("-d", "-e", "--train_only", "--test_only"):
    parser.add_argument(option, action="store_true")
sources.add_arguments(parser)
args = parser.parse_args()

with open("calls.txt", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
with open("gpus.txt", "a") as gpus:
    gpus.write(os.environ.get("CUDA_VISIBLE_DEVICES", "all") + "\\n")
orders = pathlib.Path("orders.json")
order = json.loads(orders.read_text()).get(args.dataset, {}) if orders.exists() else {}
if "touches" in order:
    pathlib.Path(order["touches"]).write_text(order["content"])
if "sleep_s" in order:
    pathlib.Path("pid.txt").write_text(str(os.getpid()))
    time.sleep(order["sleep_s"])
if "epochs_s" in order and not args.test_only:
    for epoch in range(1, int(args.epochs) + 1):
        time.sleep(order["epochs_s"] / int(args.epochs))
        print(f"====> Epoch: {epoch} Average loss", flush=True)
if "killed" in order:
    os.kill(os.getpid(), 9)
if "complaint" in order:
    print(order["complaint"], file=sys.stderr)
    sys.exit(3)

suffix = f"{args.tag}{'_Eval' if args.e else ''}"
run = f"{args.dataset}_seed{args.seed}_{suffix}"
tested = f"test_seed{args.seed}_{suffix}"
folder = pathlib.Path("models/saved_model", args.export_dir)
if args.test_only:
    split = "eval_data" if args.e else "dev_data"
    folder = pathlib.Path(args.result_directory, split, f"{args.export_dir}_{args.score}")
folder.mkdir(parents=True, exist_ok=True)
if args.denoise and "no_receipt" not in order:
    keys = {key: value for key, value in vars(args).items() if key.startswith("denoise")}
    stage = sources.resolve(sources.from_keys(keys, "the command line"))
    config_used = {**stage.as_keys(), **order.get("other_config", {})}
    receipt = {
        "config": config_used,
        "stage_digest": "d" * 64,
        "checkpoint": f"models/checkpoint/denoiser/{args.dataset}/denoiser.pt",
    }
    receipt |= {"findings": order["findings"]} if "findings" in order else {}
    (folder / f"denoise_receipt_{run}.json").write_text(json.dumps(receipt))
if not args.test_only:
    model = f"AE_{args.dataset}_{suffix}_seed{args.seed}"
    (folder / f"{model}.pth").write_text(f"model {args.epochs}")
    (folder / f"score_distr_{model}_mse.pickle").write_text("distribution")
else:
    for number in args.use_ids:
        for kind, value in (("anomaly_score", "1.0"), ("decision_result", "1")):
            name = f"{kind}_{args.dataset}_section_{int(number):02d}_{tested}.csv"
            (folder / name).write_text(f"{folder.name} {args.seed}.wav,{value}\\n")
    raw = pathlib.Path("data/dcase2025t2/eval_data/raw", args.dataset[11:])
    if not args.e or (raw / "test_rename").is_dir():
        auc = 0.5 + 0.1 * args.denoise + args.seed % 10 / 100
        rows = ["section,AUC (source),AUC (target),pAUC"]
        for row in ("00", "arithmetic mean", "harmonic mean"):
            rows.append(f"{row},{auc},{auc - 0.05},0.5")
        table = folder / f"result_{args.dataset}_{tested}_roc.csv"
        table.write_text("\\n".join(rows) + "\\n\\n")
"""
COMMON_PY = """OPTIONS = ["--epochs", '-lr', "--learning_rate", "--export_dir"]
OPTIONS += ["--result_directory", "--batch_size", "--gpu_id"]
"""
# As the real tool, it passes over a folder with two tables of one machine type.
EXPORT_SH = """table="$2/$1_auc_pauc_extract.csv"
mkdir -p "$2" && echo "$@" && echo "System,metric,h-mean" > "$table"
for folder in "${@:5}"; do
    twice=$(ls "$folder" | sed "s/_test_seed.*//" | uniq -d)
    echo "$(basename "$folder"),TOTAL score,$([ -n "$twice" ] || echo 0.6)" >> "$table"
done
"""
SETTINGS = (
    "--use_cuda: False\n--export_dir: baseline\n--seed: 13711\n--epochs: 100\n-lr:"
    " 0.001\n--dataset_directory: ./data\n--result_directory: ./results\n"
)
_wav = io.BytesIO()
soundfile.write(_wav, np.ones(8), 4000, format="WAV")
SOUND = _wav.getvalue()


def lay_out(
    root: Path,
    machines: tuple[str, ...] = ("fan",),
    sections: tuple[str, ...] = ("00",),
    mode: str = "dev",
) -> Baseline:
    """Writes the fake and, for each machine, two files in the place of clips for each section and
    split.
    """
    numbers = "".join(f"        - '{section}'\n" for section in sections)
    listed = "".join(
        f"    {machine}:\n      {mode}:\n{numbers}" for machine in (*machines, "valve")
    )
    files = {
        "train.py": TRAIN_PY,
        "common.py": COMMON_PY,
        "baseline.yaml": SETTINGS,
        "tools/export_results.sh": EXPORT_SH,
        "datasets/datasets.py": "",
        "datasets/loader_common.py": "",
        "datasets/dcase_dcase202x_t2_loader.py": "",
        "networks/base_model.py": "",
        f"datasets/machine_type_2025_{mode}.yaml": f"DCASE2025T2:\n  machine_type:\n{listed}",
    }
    for machine in machines:
        for section in sections:
            for split in ("train", "test"):
                for index in range(2):
                    files[
                        f"data/dcase2025t2/{mode}_data/raw/{machine}/{split}/"
                        f"section_{section}_source_{split}_normal_{index:04d}.wav"
                    ] = None
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content) if content is not None else path.write_bytes(SOUND)
    return Baseline.from_folder(root)


def plan_of(
    baseline: Baseline, *assignments: str, mode: str = "dev", dataset: str = "DCASE2025T2"
) -> Plan:
    """What a call with these --set asks for."""
    overrides, config = resolve_stage(
        baseline, read_overrides(None, assignments, baseline), environment={}
    )
    return Plan(baseline, dataset, mode, overrides, config)


def run_of(plan: Plan, machine: str = "fan", seed: int = 13711, arm: str = "plain") -> MachineRun:
    return MachineRun(plan, machine, seed, arm)


def calls(baseline: Baseline) -> list[str]:
    """The command lines that reached train.py so far."""
    path = baseline.folder / "calls.txt"
    return path.read_text().splitlines() if path.exists() else []
