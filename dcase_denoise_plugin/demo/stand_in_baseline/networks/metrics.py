"""Stand-in for the demo and the tests, not the official baseline: one section's scores and
decisions as the columns of the result table.
"""

import numpy as np
from scipy.stats import hmean
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

COLUMNS = (
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
)


def section_metrics(labels, domains, scores, decisions, max_fpr):
    """Values of `COLUMNS`; an AUC of a domain sets its normal clips against the anomalies of both
    domains, everything else of a domain counts its own clips.
    """
    values = {"pAUC": roc_auc_score(labels, scores, max_fpr=max_fpr)}
    for number, domain in enumerate(("source", "target")):
        ranked, own = (domains == number) | (labels == 1), domains == number
        values[f"AUC ({domain})"] = roc_auc_score(labels[ranked], scores[ranked])
        values[f"pAUC ({domain})"] = roc_auc_score(labels[own], scores[own], max_fpr=max_fpr)
        rates = precision_recall_fscore_support(
            labels[own], decisions[own], average="binary", zero_division=0
        )
        values.update(
            {
                f"{rate} ({domain})": value
                for rate, value in zip(("precision", "recall", "F1 score"), rates)
            }
        )
    return [float(values[column]) for column in COLUMNS]


def result_table(sections):
    """Rows of the result table from {section: values}: header, sections, the two means, an empty
    line.
    """
    values = np.array(list(sections.values()))
    return [
        ["section", *COLUMNS],
        *([section, *row] for section, row in sections.items()),
        ["arithmetic mean", *values.mean(axis=0).tolist()],
        ["harmonic mean", *hmean(np.maximum(values, np.finfo(float).eps), axis=0).tolist()],
        [],
    ]
