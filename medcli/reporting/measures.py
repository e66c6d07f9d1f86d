"""What each number is called, by its key in the results."""

from __future__ import annotations

from collections.abc import Sequence

LABELS = {
    "prevalence": "Prevalence",
    "auc": "AUC",
    "macro_auc": "Macro AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "f1": "F1",
    "macro_f1": "Macro F1",
    "recall": "Recall",
    "precision": "Precision",
    "ece": "ECE",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "sensitivity_at_specificity": "Sensitivity at the reader's specificity",
    "specificity_at_sensitivity": "Specificity at the reader's sensitivity",
}
QUALIFIERS = {
    "before": "as given",
    "after": "calibrated",
    "called": "most likely class called",
    "differences": "model less reader",
    "against_mean": "model less mean reader",
    "these_readers": "these readers alone",
}
HOLDERS = {"classes", "readers", "overall", "subgroups", "fields", "groups"}
"""Keys that only hold what is named further down."""


def measure_label(path: Sequence[str]) -> str:
    """The name of a number at a path of keys: `("classes", "ece", "after")` is `ECE, calibrated`."""
    keys = [key for key in path if key not in HOLDERS]
    measures = [key for key in keys if key in LABELS] or keys[-1:]
    others = [key for key in keys if key not in measures]
    name = ", ".join(LABELS.get(key, spaced(key)) for key in measures[-1:])
    return ", ".join([name, *(QUALIFIERS.get(key, spaced(key)) for key in [*measures[:-1], *others])])


def spaced(key: str) -> str:
    """A key as words."""
    return key.replace("_", " ")
