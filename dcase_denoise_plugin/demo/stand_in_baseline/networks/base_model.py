"""Stand-in for the demo and the tests, not the official baseline: what every model needs around it,
data, folders and files.
"""

import csv
import json
from pathlib import Path

import torch
from datasets.datasets import Datasets


class BaseModel:
    """Builds the loaders, then the network (in this order: both draw from the global random
    streams), and names every file of the run.
    """

    def __init__(self, args, train, test):
        self.args = args
        self.device = torch.device(f"cuda:{args.gpu_id[0]}" if args.cuda else "cpu")
        self.data = Datasets(args.dataset).data(args)
        self.network = self.build_network(self.data.input_dim).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=args.learning_rate)
        self.first_epoch = 1

        tag = f"_{args.model_name_suffix}" if args.model_name_suffix else ""
        self.suffix = tag + ("_Eval" if args.eval else "")
        name = f"{args.model}_{args.dataset}{self.suffix}_seed{args.seed}"
        saved = Path("models", "saved_model", args.export_dir)
        self.model_path = saved / f"{name}.pth"
        self.threshold_paths = {
            score: saved / f"score_distr_{name}_{score.lower()}.pickle"
            for score in ("MSE", "MAHALA")
        }
        self.checkpoint_path = Path("models", "checkpoint", args.export_dir, name, "checkpoint.tar")
        self.log_path = Path("logs", args.export_dir, name, "log.csv")
        folders = {
            split: Path(args.result_directory, split, f"{args.export_dir}_{args.score}")
            for split in ("dev_data", "eval_data")
        }
        self.result_dir = folders["eval_data" if args.eval else "dev_data"]
        for folder in (saved, self.checkpoint_path.parent, self.log_path.parent, *folders.values()):
            folder.mkdir(parents=True, exist_ok=True)
        if train:
            self.checkpoint_path.with_name("args.json").write_text(
                json.dumps(vars(args)), encoding="utf-8"
            )
            self.resume() if args.restart else self.log_path.unlink(missing_ok=True)
        elif test:
            self.network.load_state_dict(
                torch.load(self.model_path, map_location=self.device, weights_only=True)
            )

    def build_network(self, input_dim):
        raise NotImplementedError

    def save_checkpoint(self, epoch):
        torch.save(
            {
                "epoch": epoch,
                "network": self.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
            },
            self.checkpoint_path,
        )

    def resume(self):
        state = torch.load(
            self.args.checkpoint_path or self.checkpoint_path,
            map_location=self.device,
            weights_only=True,
        )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.first_epoch = state["epoch"] + 1

    def log(self, **columns):
        is_new = not self.log_path.exists()
        with open(self.log_path, "a", newline="", encoding="utf-8") as stream:
            table = csv.DictWriter(stream, columns, lineterminator="\n")
            table.writeheader() if is_new else None
            table.writerow(columns)

    def write_csv(self, name, rows):
        path = self.result_dir / name
        with open(path, "w", newline="", encoding="utf-8") as stream:
            csv.writer(stream, lineterminator="\n").writerows(rows)
        print(f"wrote {path}")
