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
    "weighted_f1": "Weighted F1",
    "macro_precision": "Macro precision",
    "macro_recall": "Macro recall",
    "micro_precision": "Micro precision",
    "micro_recall": "Micro recall",
    "micro_f1": "Micro F1",
    "weighted_precision": "Weighted precision",
    "weighted_recall": "Weighted recall",
    "macro_average_precision": "Macro average precision",
    "micro_average_precision": "Micro average precision",
    "micro_auc": "Micro AUC",
    "top_k": "Top-k accuracy",
    "partial_auc": "Partial AUC",
    "hand_till": "Hand-Till AUC",
    "weighted_auc": "Weighted AUC",
    "average_precision": "Average precision",
    "sensitivity_at_specificity": "Sensitivity at the given specificity",
    "specificity_at_sensitivity": "Specificity at the given sensitivity",
    "youden": "Youden index",
    "best_youden": "Largest Youden index",
    "mcc": "Matthews correlation",
    "kappa": "Kappa of truth and call",
    "quadratic_kappa": "Quadratic kappa of truth and call",
    "lr_positive": "Positive likelihood ratio",
    "lr_negative": "Negative likelihood ratio",
    "odds_ratio": "Diagnostic odds ratio",
    "net_benefit": "Net benefit at the threshold",
    "standardised_net_benefit": "Standardised net benefit at the threshold",
    "ppv_at_prevalence": "Positive predictive value at the stated prevalence",
    "npv_at_prevalence": "Negative predictive value at the stated prevalence",
    "ece": "ECE",
    "ece_mass": "ECE, equal-mass bins",
    "ece_call": "ECE of the call",
    "ece_smooth": "Smooth ECE",
    "ece_classwise": "ECE, mean over classes",
    "ici": "Integrated calibration index",
    "corp": "Miscalibration (CORP)",
    "calibration_intercept": "Calibration intercept",
    "calibration_slope": "Calibration slope",
    "observed_to_expected": "Observed to expected",
    "scaled_brier": "Scaled Brier score",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "sensitivity_gap": "Largest gap of sensitivity between groups",
    "false_alarm_gap": "Largest gap of false alarms between groups",
    "equalised_odds_gap": "Equalised odds, largest gap between groups",
    "sensitivity_at_reader": "Sensitivity at the reader's specificity",
    "specificity_at_reader": "Specificity at the reader's sensitivity",
    "share": "Share called positive",
    "split": "Share of images read differently",
    "fleiss": "Fleiss' kappa",
    "gwet_ac1": "Gwet's AC1",
    "gwet_ac2": "Gwet's AC2",
    "conger": "Conger's kappa",
    "brennan_prediger": "Brennan and Prediger's coefficient",
    "krippendorff": "Krippendorff's alpha",
    "icc": "Intraclass correlation",
    "cohen": "Cohen's kappa",
    "pointing": "Highest point in the finding",
    "energy": "Share of the map in the finding",
    "dice": "Dice",
    "iou": "Intersection over union",
    "pixel_auc": "AUC of pixels",
    "deletion": "Area under the curve of deletion",
    "deletion_gain": "Gain of deletion over turned maps",
    "insertion": "Area under the curve of insertion",
    "insertion_gain": "Gain of insertion over turned maps",
}
_PROPER = (
    "Brennan",
    "Dice",
    "Brier",
    "Cohen",
    "Conger",
    "Fleiss",
    "Gwet",
    "Hand",
    "Krippendorff",
    "Matthews",
    "Youden",
)
QUALIFIERS = {
    "before": "as given",
    "after": "calibrated",
    "called": "most likely class called",
    "differences": "model less reader",
    "against_mean": "model less mean reader",
    "these_readers": "these readers alone",
    "these_cases": "these images alone",
    "mean": "mean reader",
}
HOLDERS = {
    "classes",
    "readers",
    "overall",
    "subgroups",
    "fields",
    "groups",
    "labels",
    "models",
    "pairs",
    "measures",
    "agreement",
    "icc_forms",
    "shares",
    "against_truth",
    "each",
    "figures",
    "means",
    "equalised_odds",
    "prevalences",
    "shift",
    "inputs",
    "heatmaps",
    "faithfulness",
}
"""Keys that only hold what is named further down."""


def measure_label(path: Sequence[str]) -> str:
    """The name of a number at a path of keys: `("classes", "ece", "after")` is `ECE, calibrated`."""
    keys = [key for key in path if key not in HOLDERS]
    measures = [key for key in keys if key in LABELS] or keys[-1:]
    others = [key for key in keys if key not in measures]
    name = ", ".join(LABELS.get(key, spaced(key)) for key in measures[-1:])
    return ", ".join([name, *(QUALIFIERS.get(key, spaced(key)) for key in [*measures[:-1], *others])])


def in_sentence(key: str) -> str:
    """The name of a measure inside a sentence: `sensitivity`, `AUC`, `Brier score`."""
    label = LABELS.get(key, spaced(key))
    is_name = label[:2].isupper() or label.startswith(_PROPER)
    return label if is_name else label[:1].lower() + label[1:]


def spaced(key: str) -> str:
    """A key as words."""
    return key.replace("_", " ")
