"""Stand-in for the demo and the tests, not the official baseline: the result tables of several
systems side by side.
"""

import argparse
import re
from pathlib import Path

import pandas as pd
from scipy.stats import hmean

import yaml

METRICS = {
    "AUC (source)": "AUC (source)",
    "AUC (target)": "AUC (target)",
    "pAUC": "pAUC (source, target)",
}
TOTAL = "TOTAL score"


def machine_types(dataset):
    """Machine types of the development and of the evaluation set, two lists."""
    year = re.fullmatch(r"DCASE(\d{4})T2", dataset).group(1)
    tables = [
        Path("datasets", f"machine_type_{year}_{split}.yaml").read_text(encoding="utf-8")
        for split in ("dev", "eval")
    ]
    return [list(yaml.safe_load(table)[dataset]["machine_type"]) for table in tables]


def read_system(folder, dataset, machines):
    """Sections of every result table in `folder`, a row each; a machine with several tables (seeds,
    tags) has several.
    """
    rows = []
    for machine in machines:
        for path in sorted(Path(folder).glob(f"result_{dataset}{machine}_test_*_roc.csv")):
            table = pd.read_csv(path, dtype={"section": str})
            table = table[table["section"].str.fullmatch(r"\d+", na=False)]
            rows.append(table.assign(System=Path(folder).name, machine=machine, file=path.name))
    return rows


def extract(table, machines):
    """The official metrics of every system, machine types as columns, means over them in front."""
    parts = []
    for system, rows in table.groupby("System", sort=False):
        wide = (
            rows.groupby("machine")[list(METRICS)]
            .agg(hmean)
            .rename(columns=METRICS)
            .T.reindex(columns=machines)
        )
        values = wide.stack().dropna()
        wide.loc[TOTAL] = wide.apply(
            lambda column: hmean(column) if column.notna().all() else float("nan")
        )
        wide.insert(0, "a-mean", wide[machines].mean(axis=1))
        wide.insert(0, "h-mean", wide[machines].apply(lambda row: hmean(row.dropna()), axis=1))
        wide.loc[TOTAL, "h-mean"] = hmean(values)
        wide.index = pd.MultiIndex.from_product([[system], wide.index], names=["System", "metric"])
        parts.append(wide)
    return pd.concat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", help="such as DCASE2025T2")
    parser.add_argument("out", help="folder for the two tables")
    parser.add_argument("extra", help="None; the stand-in has no use for anything else")
    parser.add_argument(
        "-d", "--dirs", nargs="+", required=True, help="result folders, one a system"
    )
    args = parser.parse_args()

    for machines in machine_types(args.dataset):
        rows = [row for folder in args.dirs for row in read_system(folder, args.dataset, machines)]
        if rows:
            break
    else:
        raise SystemExit(f"no result_{args.dataset}*_roc.csv in {', '.join(args.dirs)}")
    table = pd.concat(rows)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    table.set_index(["System", "machine", "section"]).to_csv(out / f"{args.dataset}_auc_pauc.csv")
    extract(table, machines).to_csv(out / f"{args.dataset}_auc_pauc_extract.csv")
    print(f"wrote {out}/{args.dataset}_auc_pauc.csv and {args.dataset}_auc_pauc_extract.csv")


if __name__ == "__main__":
    main()
