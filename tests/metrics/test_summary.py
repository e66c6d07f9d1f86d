"""All measures of one evaluation: against R, by hand, and null where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from medcli.metrics.measures import CALLED, RANKED, TRUSTED
from medcli.metrics.overall import OF_TABLES, TRUSTED_CLASSES
from tests.metrics.evaluated import scored, settings, summary
from tests.metrics.oracles import codes, expected, numbers, table


@pytest.fixture(scope="module")
def four_classes():
    data = table("20_multiclass")
    logits = np.stack([numbers(data[f"logit_{k}"]) for k in range(4)], axis=1)
    labels = numbers(data["y"]).astype(int)
    found = summary(np.eye(4)[labels], softmax(logits, axis=1), exclusive=True, ordered=True)
    return found, expected("20_multiclass")


OVERALL = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "macro_f1": "macro_f1",
    "weighted_f1": "weighted_f1",
    "mcc": "mcc_gorodkin",
    "kappa": "cohen_kappa",
    "quadratic_kappa": "quadratic_kappa",
    "macro_auc": "auc_ovr_macro",
    "weighted_auc": "auc_ovr_weighted",
    "hand_till": "auc_hand_till_pROC",
}
TRUST = {
    "ece": "ece_toplabel_width15",
    "ece_classwise": "ece_classwise_width15",
    "brier": "brier_sum_over_classes",
    "log_loss": "log_loss",
}


@pytest.mark.parametrize("name", OVERALL)
def test_classes_agree_with_r(four_classes, name):
    found, wanted = four_classes[0]["overall"][name], four_classes[1][OVERALL[name]]
    assert found["estimate"] == pytest.approx(wanted, rel=1e-9)
    assert found["ci"][0] < wanted < found["ci"][1]


@pytest.mark.parametrize("name", TRUST)
def test_probabilities_of_classes_agree_with_r(four_classes, name):
    found = four_classes[0]["overall"][name]
    assert found["before"]["estimate"] == pytest.approx(four_classes[1][TRUST[name]], rel=1e-9)
    assert found["after"] is None


def test_the_rest_of_the_classes_agrees_with_r(four_classes):
    found, wanted = four_classes
    overall = found["overall"]
    assert overall["confusion"] == wanted["confusion_rows_true"]
    assert [sum(row) for row in overall["confusion"]] == wanted["class_counts"]
    assert overall["accuracy"]["n"] == wanted["n"]
    assert overall["hand_till"]["estimate"] == pytest.approx(wanted["auc_hand_till_manual"], rel=1e-9)
    assert overall["top_k"]["2"]["estimate"] == pytest.approx(wanted["top2_accuracy"], rel=1e-9)
    # Of exclusive classes, micro F1 is the accuracy.
    assert overall["accuracy"]["estimate"] == pytest.approx(wanted["micro_f1"], rel=1e-9)
    for entry, recall, precision, f1, area, se in zip(
        found["classes"],
        *(wanted[key] for key in ("recall", "precision", "f1", "auc_ovr", "auc_ovr_se_delong")),
        strict=True,
    ):
        called = entry["called"]
        assert called["recall"]["estimate"] == pytest.approx(recall, rel=1e-9)
        assert called["precision"]["estimate"] == pytest.approx(precision, rel=1e-9)
        assert called["f1"]["estimate"] == pytest.approx(f1, rel=1e-9)
        assert entry["auc"]["estimate"] == pytest.approx(area, rel=1e-9)
        assert entry["auc"]["se"] == pytest.approx(se, rel=1e-9)


def test_labels_with_gaps_agree_with_r():
    wanted, data = expected("21_multilabel_nan"), table("21_multilabel_nan")
    names = list(wanted["per_label"])
    targets = np.stack([numbers(data[name]) for name in names], axis=1)
    scores = np.stack([numbers(data[f"prob_{name}"]) for name in names], axis=1)
    found = summary(targets, scores)
    for entry, label in zip(found["classes"], wanted["per_label"].values(), strict=True):
        sizes = [entry[key] for key in ("n", "n_missing", "n_positive", "n_negative")]
        assert sizes == [label[key] for key in ("n_labelled", "n_missing", "n_pos", "n_neg")]
        assert list(entry["counts"].values()) == [label[key] for key in ("tp", "fp", "fn", "tn")]
        for name, key in (("f1", "f1"), ("auc", "auc"), ("average_precision", "average_precision")):
            wanted_value = label[key] if label[key] is None else pytest.approx(label[key], rel=1e-9)
            assert entry[name]["estimate"] == wanted_value, name
        always_yes = 2 * label["n_pos"] / (label["n_pos"] + label["n_labelled"])
        if label["n_pos"]:
            assert entry["f1"]["baseline"]["estimate"] == pytest.approx(always_yes)
    assert [entry["auc"]["reason"] for entry in found["classes"][3:]] == [
        wanted["per_label"]["Hernia"]["auc_reason"],
        wanted["per_label"]["Fracture"]["auc_reason"],
    ]
    macro = found["overall"]["macro_auc"]
    assert macro["estimate"] == pytest.approx(wanted["macro_auc_over_defined"], rel=1e-9)
    assert macro["classes"] == [f"label {names.index(name)}" for name in wanted["macro_auc_labels_used"]]
    counts = np.sum([list(entry["counts"].values()) for entry in found["classes"]], axis=0)
    micro = 2 * counts[0] / (2 * counts[0] + counts[1] + counts[2])
    assert micro == pytest.approx(wanted["micro_f1_threshold_0.5"], rel=1e-9)


def test_a_label_by_hand():
    """Ten images: 3 of 4 positives and 1 of 6 negatives are called."""
    targets = [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]
    scores = [0.9, 0.8, 0.6, 0.4, 0.7, 0.3, 0.3, 0.2, 0.1, 0.1]
    entry = summary(targets, scores, settings=settings(prevalences={"label 0": 0.1}))["classes"][0]
    wanted = {
        "sensitivity": 3 / 4,
        "specificity": 5 / 6,
        "ppv": 3 / 4,
        "npv": 5 / 6,
        "accuracy": 8 / 10,
        "balanced_accuracy": (3 / 4 + 5 / 6) / 2,
        "youden": 3 / 4 + 5 / 6 - 1,
        "best_youden": 1 + 5 / 6 - 1,
        "f1": 6 / 8,
        "mcc": (3 * 5 - 1 * 1) / np.sqrt(4 * 4 * 6 * 6),
        "kappa": (0.8 - (0.4 * 0.4 + 0.6 * 0.6)) / (1 - (0.4 * 0.4 + 0.6 * 0.6)),
        "lr_positive": (3 / 4) / (1 / 6),
        "lr_negative": (1 / 4) / (5 / 6),
        "odds_ratio": (3 * 5) / (1 * 1),
        "ppv_at_prevalence": 0.075 / (0.075 + 0.9 / 6),
        "npv_at_prevalence": 0.75 / (0.75 + 0.025),
        "sensitivity_at_specificity": 2 / 4,
        "specificity_at_sensitivity": 5 / 6,
        "auc": 22 / 24,
    }
    # All four positives are called at 0.4, with one negative above it.
    assert {name: entry[name]["estimate"] for name in wanted} == pytest.approx(wanted)
    assert all(entry[name]["baseline"] for name in wanted)


def test_every_measure_stands_beside_what_knows_nothing(four_classes):
    entry, overall = four_classes[0]["classes"][0], four_classes[0]["overall"]
    for name in (*RANKED, *CALLED):
        assert entry[name]["baseline"]["rule"], name
    for name in TRUSTED:
        assert entry[name]["before"]["baseline"]["rule"], name
    for name in TRUSTED_CLASSES:
        assert overall[name]["before"]["baseline"]["rule"], name
    assert overall["macro_auc"]["baseline"]["estimate"] == 0.5
    for name in (*OF_TABLES, "accuracy", "macro_f1"):
        assert overall[name]["baseline"]["rule"], name


@pytest.mark.parametrize("targets", [[], [1, 1, 1], [0, 0, 0], [np.nan] * 3], ids=str)
@pytest.mark.parametrize("ranks", [False, True])
def test_one_class_or_none_is_null_with_a_reason(targets, ranks):
    entry = summary(targets, np.linspace(0.2, 0.8, len(targets)), ranks=ranks)["classes"][0]
    for name in (*RANKED, *CALLED):
        assert entry[name]["estimate"] is not None or entry[name]["reason"], name
    for name in TRUSTED:
        assert entry[name]["before"]["estimate"] is not None or entry[name]["before"]["reason"], name
    for name in ("auc", "mcc", "youden", "partial_auc", "best_youden", "balanced_accuracy"):
        assert entry[name]["estimate"] is None, name


def test_ranks_are_ranked_and_calibration_is_refused_by_name_and_value():
    targets, scores = np.array([0, 0, 1, 1, 0]), np.array([0.1, 0.5, 2.81, 0.7, 0.2])
    why = "the scores are ranks: 1 rows have scores outside [0, 1], the furthest is 2.81 of 'x' in row 3"
    found = summary(targets, scores, ranks=True, why_ranks=why, threshold=None)["classes"][0]
    assert found["auc"]["estimate"] == 1
    assert found["sensitivity"]["reason"] == "no threshold: none"
    for name in TRUSTED:
        value = found[name]["before"]
        assert (value["estimate"], value["reason"]) == (None, why), name
        assert value["method"] == name


def test_intervals_on_request():
    data = table("03_syn_clustered_two_models")
    targets, scores = numbers(data["y"]), numbers(data["prob_a"])
    patients = codes(data["patient_id"])
    plain, asked = (
        summary(targets, scores, patients, settings=settings(bootstrap=kind, exact=exact))["classes"][0]
        for kind, exact in (("percentile", False), ("bca", True))
    )
    assert "Wilson" in plain["sensitivity"]["method"]
    assert "Clopper-Pearson" in asked["sensitivity"]["method"]
    assert asked["sensitivity"]["ci"][0] < plain["sensitivity"]["ci"][0]
    assert "BCa" in asked["f1"]["method"]
    assert asked["f1"]["ci"] != plain["f1"]["ci"]
    assert asked["f1"]["ci"] == pytest.approx(plain["f1"]["ci"], abs=0.05)
    assert (asked["f1"]["resamples"], asked["f1"]["defined"]) == (200, 200)


def test_macro_interval_is_no_narrower_than_its_rarest_label_allows():
    """Two labels, one of them with a single positive: half of its own wide interval remains."""
    generator = np.random.default_rng(0)
    common = generator.random(400) < 0.4
    rare = np.arange(400) == 7
    scores = np.stack(
        [generator.normal(size=400) + 2 * common, generator.normal(size=400) + 2 * rare], axis=1
    )
    found = summary(np.stack([common, rare], axis=1), scores, ranks=True, threshold=0.0)
    macro, single = found["overall"]["macro_auc"], found["classes"][1]["auc"]
    assert "Zou 2007" in macro["method"]
    assert macro["se"] is None
    width = [value["ci"][1] - value["ci"][0] for value in (macro, single)]
    assert width[0] >= 0.5 * width[1]
    assert macro["flags"]


def test_the_seed_decides_the_resamples_and_nothing_else():
    generator = np.random.default_rng(2)
    targets = generator.random(120) < 0.4
    scores = np.clip(0.3 * targets + 0.7 * generator.random(120), 0, 1)
    one, same, other = (
        summary(targets, scores, settings=settings(seed=seed))["classes"][0] for seed in (1, 1, 2)
    )
    assert one == same
    assert one["f1"]["ci"] != other["f1"]["ci"]
    assert one["f1"]["estimate"] == other["f1"]["estimate"]
    assert scored(targets, scores).num_clusters == 120
