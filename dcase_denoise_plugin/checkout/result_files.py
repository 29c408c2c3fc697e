"""Names of the files in results folders and logs, formatted and parsed: tables, receipts, records,
and all that is about plain and denoised results together. The folders are in `names`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

# In the folder of plain and denoised results together: copies that are results of no run.
BY_SEED, SUMMARIES = "by_seed", "summarize"


_DATA = re.compile(r"(DCASE20\d\dT2)(.+)")
_TABLE = re.compile(
    r"(?P<kind>anomaly_score|decision_result|result)_(?P<data>.+?)"
    r"(?:_(?P<section>(?:section|id)_\d+))?_test(?:_\w+?)??_seed(?P<seed>\d+)(?P<suffix>.*)\.csv"
)


_TAG = re.compile(r"id\(((?:\d+_)+)\)")


class ResultFile(NamedTuple):
    """A CSV of the baseline's test.

    Attributes
    ----------
    kind : "anomaly_score", "decision_result", or "result", the AUCs of a machine type.
    dataset : such as DCASE2025T2; empty where a name holds none, and all of it is `machine_type`.
    section : such as ``section_00``; empty for AUCs.
    trained : sections of the clips that the autoencoder was trained on, of the baseline's tag; none
        without a tag. It scores clips of the others too.
    """

    kind: str
    dataset: str
    machine_type: str
    section: str
    seed: int
    trained: tuple[int, ...] = ()

    @property
    def is_foreign(self) -> bool:
        """Whether its scores are of clips that the autoencoder was not trained for."""
        number = self.section.rpartition("_")[2]
        return bool(self.trained and number and int(number) not in self.trained)

    @classmethod
    def from_name(cls, name: str) -> ResultFile | None:
        """None if it is the name of something else."""
        found = _TABLE.fullmatch(name)
        if not found:
            return None
        is_roc = found["kind"] == "result"
        if is_roc != found["suffix"].endswith("_roc") or is_roc == bool(found["section"]):
            return None
        known = _DATA.fullmatch(found["data"])
        data = (known[1], known[2]) if known else ("", found["data"])
        tag = _TAG.search(found["suffix"])
        trained = tuple(int(number) for number in tag[1].split("_")[:-1]) if tag else ()
        return cls(found["kind"], *data, found["section"] or "", int(found["seed"]), trained)


_NOTE = re.compile(r"(?P<kind>denoise_receipt|run)_(?P<data>.+?)_seed(?P<seed>\d+)(?:_.*)?\.json")


class NoteFile(NamedTuple):
    """A receipt of the hook or a record of the runner.

    Attributes
    ----------
    kind : "denoise_receipt" or "run".
    data : data set and machine type, as in `RunName`.
    """

    kind: str
    data: str
    seed: int

    @classmethod
    def from_name(cls, name: str) -> NoteFile | None:
        """None if it is the name of something else."""
        found = _NOTE.fullmatch(name)
        return cls(found["kind"], found["data"], int(found["seed"])) if found else None


def is_receipt(name: str) -> bool:
    note = NoteFile.from_name(name)
    return note is not None and note.kind == "denoise_receipt"


def is_training_of(name: str, data: str, seed: int, mode: str) -> bool:
    """Whether a folder of the baseline has the name of this `RunName.training`, whatever its
    network and tag.
    """
    mark = "_Eval" if mode == "eval" else "(?<!_Eval)"
    return bool(re.fullmatch(rf".*_{re.escape(data)}(_.*)?{mark}_seed{seed}", name))


def decisions_beside(scores: Path) -> Path:
    """The decisions that belong to a table of scores."""
    return scores.with_name(scores.name.replace("anomaly_score", "decision_result", 1))


PAGE = "report.html"  # where nobody names one


class Together(NamedTuple):
    """Files about plain and denoised results of one data set together."""

    folder: Path
    dataset: str

    @property
    def lock(self) -> Path:
        return self.folder / f"{self.dataset}.lock"

    @property
    def page(self) -> Path:
        return self.folder / f"{self.dataset}_report.html"

    @property
    def by_seed(self) -> Path:
        """Copies of AUCs for the baseline's summary, a folder for each seed."""
        return self.folder / BY_SEED / self.dataset

    @property
    def summary(self) -> Path:
        """The baseline's summary, and our table."""
        return self.folder / SUMMARIES / self.dataset

    @property
    def summary_extract(self) -> Path:
        return self.summary / f"{self.dataset}_auc_pauc_extract.csv"

    @property
    def table(self) -> Path:
        return self.summary / f"{self.dataset}_comparison.csv"

    @property
    def submission(self) -> Path:
        """Scores and decisions as the challenge's evaluator takes them."""
        return self.folder / "submission" / self.dataset


class OfStudy(NamedTuple):
    """Files about all cells of a study together."""

    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder / "tables.lock"

    @property
    def picture(self) -> Path:
        return self.folder / "gains.png"


def system_name(results: Path, seed: int, several_seeds: bool) -> str:
    """What results are called among those of other folders and seeds."""
    return results.name + (f"_seed{seed}" if several_seeds else "")


def submitted(kind: str, machine_type: str, section: str) -> str:
    """A table's name as the challenge's evaluator takes it; `section` is a number."""
    return f"{kind}_{machine_type}_section_{section}_test.csv"


def run_log(logs: Path, data: str, seed: int, arm: str) -> Path:
    """What the baseline says in a run, in `Folders.logs`; `arm` is "plain" or "denoised"."""
    return logs / f"{data}_seed{seed}_{arm}.log"


def summary_log(logs: Path, dataset: str) -> Path:
    """What the baseline's summary says, in `Folders.logs`."""
    return logs / f"{dataset}_summary.log"
