"""A checkout's results, written in a moment: scores, decisions and AUCs as the baseline's test
leaves them, around made-up recordings where asked for.
"""

from __future__ import annotations

import csv
import json
import zlib
from pathlib import Path

import numpy as np
import sklearn.metrics

from dcase_denoise_plugin.demo import machines as made_up
from dcase_denoise_plugin.settings.config import DenoiseConfig
from dcase_denoise_plugin.settings.sources import changed_keys

DATASET = "DCASE2025T2"
SCORES = ("MSE", "MAHALA")
ARMS = ("baseline", "baseline_denoise")
THRESHOLD = 1.0


def clip_names(per_group: int = 12) -> list[str]:
    return [
        f"section_00_{domain}_test_{label}_{number:04d}.wav"
        for domain in ("source", "target")
        for label in ("normal", "anomaly")
        for number in range(per_group)
    ]


def write(
    root: Path,
    machines=("fan", "gearbox"),
    seeds=(1, 2, 3),
    scores=SCORES,
    arms=ARMS,
    names=None,
    better: float = 0.6,
) -> Path:
    """Writes everything for each arm, score, machine and seed; an anomaly's score is higher, in the
    second arm by `better` more. Returns results/dev_data.
    """
    results = root / "results" / "dev_data"
    for arm in arms:
        for score in scores:
            for machine in machines:
                for seed in seeds:
                    own = names(machine) if names else clip_names()
                    rng = np.random.default_rng(
                        [seed, zlib.crc32(f"{arm}{score}{machine}".encode())]
                    )
                    anomalous = np.array(["_anomaly_" in name for name in own])
                    values = rng.normal(size=len(own)).round(2) + anomalous * (
                        0.4 + better * (arm != ARMS[0])
                    )
                    write_run(results / f"{arm}_{score}", machine, seed, own, values)
    return results


def write_run(folder: Path, machine: str, seed: int, names, values) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run = f"{DATASET}{machine}_section_00_test_seed{seed}_id(0_).csv"
    write_rows(folder / f"anomaly_score_{run}", zip(names, values.tolist()))
    write_rows(
        folder / f"decision_result_{run}", zip(names, (values > THRESHOLD).astype(int).tolist())
    )
    labels = np.array(["_anomaly_" in name for name in names])
    columns = {"pAUC": sklearn.metrics.roc_auc_score(labels, values, max_fpr=0.1)}
    for domain in ("source", "target"):
        own = np.array([f"_{domain}_" in name for name in names]) | labels
        columns[f"AUC ({domain})"] = sklearn.metrics.roc_auc_score(labels[own], values[own])
    rows = [
        ["section", *columns],
        *([row, *columns.values()] for row in ("00", "arithmetic mean", "harmonic mean")),
        [],
    ]
    write_rows(folder / f"result_{DATASET}{machine}_test_seed{seed}_id(0_)_roc.csv", rows)


def write_rows(path: Path, rows) -> None:
    with open(path, "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def read_scores(
    folder: Path, machine: str, seed: int, kind: str = "anomaly_score"
) -> dict[str, float]:
    with open(
        folder / f"{kind}_{DATASET}{machine}_section_00_test_seed{seed}_id(0_).csv", newline=""
    ) as file:
        return {name: float(value) for name, value in csv.reader(file)}


def score_file(
    folder: Path, machine: str = "fan", seed: int = 1, kind: str = "anomaly_score"
) -> Path:
    return folder / f"{kind}_{DATASET}{machine}_section_00_test_seed{seed}_id(0_).csv"


def write_whole_checkout(
    root: Path,
    seeds=(1, 2, 3),
    test: int = 3,
    clip_s: float = 1.5,
    noted: dict | None = None,
    **keys,
) -> Path:
    """Results on made-up recordings, with receipts of a spectral gate, records of the runner, and
    logs. Returns results/dev_data.

    Parameters
    ----------
    noted : settings of the baseline in the records, on top of the usual ones.
    keys : fields of the stage's configuration.
    """
    folders = made_up.make_machines(
        root, source_train=2, target_train=1, test=test, noise=2, clip_s=clip_s
    )
    machines = [folder.name for folder in folders]
    clips = {
        folder.name: sorted(file.name for file in (folder / "test").glob("*.wav"))
        for folder in folders
    }
    results = write(root, machines, seeds, names=clips.get)
    config = DenoiseConfig(
        denoise=True, **{"method": "spectral_gate", "domain": "waveform", "strength": 0.5, **keys}
    )
    settings = {"epochs": 8, "max_fpr": 0.1, "n_mels": 128, **(noted or {})}
    for machine in machines:
        for seed in seeds:
            run = f"{DATASET}{machine}_seed{seed}_id(0_).json"
            for arm in ARMS:
                for score in SCORES:
                    command = [
                        "train.py",
                        f"--dataset={DATASET}{machine}",
                        "-d",
                        "-tag=id(0_)",
                        "--use_ids",
                        "0",
                        "--test_only",
                        "--score",
                        score,
                        f"--seed={seed}",
                        f"--export_dir={arm}",
                    ]
                    wanted = {
                        "command": command,
                        "settings": settings,
                        "baseline_code": "b" * 64,
                        "clips": f"{zlib.crc32(machine.encode()):064x}",
                        "versions": {"torch": "2.11.0"},
                    }
                    (results / f"{arm}_{score}" / f"run_{run}").write_text(
                        json.dumps({"wanted": wanted})
                    )
                    if arm != ARMS[0]:
                        receipt = {
                            "plugin_version": "0.1.0",
                            "baseline": {
                                "family": "v4.3.0",
                                "warning": None,
                                "fingerprints": {"common:yaml_load": "5a0f"},
                            },
                            "config": config.as_keys(),
                            "changed": changed_keys(config),
                            "per_machine_settings": list(config.per_machine_settings),
                            "method_digest": f"{seed}e" * 32,
                            "stage_digest": f"{seed}d" * 32,
                            "checkpoint": None,
                            "command": command,
                            "written": "2025-06-01T12:00:00+0000",
                        }
                        (results / f"{arm}_{score}" / f"denoise_receipt_{run}").write_text(
                            json.dumps(receipt)
                        )
                log = root / "logs" / arm / f"AE_{DATASET}{machine}_id(0_)_seed{seed}" / "log.csv"
                log.parent.mkdir(parents=True)
                write_rows(
                    log,
                    [
                        ["loss", "val_loss"],
                        *([500 / epoch + seed, 520 / epoch + seed] for epoch in range(1, 9)),
                    ],
                )
            said = (
                root
                / "logs"
                / "run_all"
                / "dev_data"
                / "baseline"
                / f"{DATASET}{machine}_seed{seed}_denoised.log"
            )
            said.parent.mkdir(parents=True, exist_ok=True)
            said.write_text(
                "".join(
                    f"denoiser {machine}: epoch {epoch}/3  loss {1 / epoch:.5f}  9.1 clips/s  ETA"
                    " 0:00:00\n"
                    for epoch in (1, 2, 3)
                )
            )
    return results
