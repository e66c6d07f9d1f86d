"""All measures of one evaluation: against R, by hand, and null where they are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from medcli.metrics.averages import AVERAGES
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
    assert found["overall"]["micro_f1"]["estimate"] == pytest.approx(micro, rel=1e-9)
    precisions = [label["average_precision"] for label in wanted["per_label"].values()]
    defined = [value for value in precisions if value is not None]
    assert found["overall"]["macro_average_precision"]["estimate"] == pytest.approx(
        np.mean(defined), rel=1e-9
    )


def labelled(seed, *, images=1, labels=4):
    """Labels of 120 patients with probabilities, of which the last label is rare."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((120, labels)) < np.linspace(0.5, 0.1, labels)).astype(float)
    scores = 1 / (1 + np.exp(-(generator.normal(size=truth.shape) + 2 * truth - 1)))
    repeated = [np.repeat(values, images, axis=0) for values in (truth, scores, np.arange(120))]
    return repeated[0], repeated[1], repeated[2]


def averaged(targets, called, kind):
    """Precision, recall and F1 as scikit-learn's classification report has them, in plain sums."""
    hits, yes, calls = (np.sum(a, axis=0).astype(float) for a in (targets * called, targets, called))
    if kind == "micro":
        hits, yes, calls = hits.sum(), yes.sum(), calls.sum()
        return hits / calls, hits / yes, 2 * hits / (yes + calls)
    weights = yes if kind == "weighted" else None
    return [
        np.average(values, weights=weights) for values in (hits / calls, hits / yes, 2 * hits / (yes + calls))
    ]


def precision_of_ranks(targets, scores):
    """Mean over positives of the precision at their score; no two scores are alike."""
    order = np.argsort(-scores)
    right = np.cumsum(targets[order])
    return np.mean((right / np.arange(1, len(right) + 1))[targets[order] == 1])


def test_averages_over_labels_are_those_of_plain_sums():
    targets, scores, _ = labelled(1)
    overall, called = summary(targets, scores)["overall"], scores >= 0.5
    for kind in ("macro", "micro", "weighted"):
        names = [f"{kind}_{name}" for name in ("precision", "recall", "f1")]
        wanted, always = (averaged(targets, calls, kind) for calls in (called, np.ones_like(called)))
        for name, value, chance in zip(names, wanted, always, strict=True):
            assert overall[name]["estimate"] == pytest.approx(value), name
            assert overall[name]["ci"][0] < value < overall[name]["ci"][1]
            assert overall[name]["baseline"]["estimate"] == pytest.approx(chance), name
    each = [precision_of_ranks(*columns) for columns in zip(targets.T, scores.T, strict=True)]
    together = targets.T.reshape(-1), scores.T.reshape(-1)
    for name, value in (("macro", np.mean(each)), ("micro", precision_of_ranks(*together))):
        found = overall[f"{name}_average_precision"]
        assert found["estimate"] == pytest.approx(value)
        assert found["ci"][0] < value < found["ci"][1]
        assert found["baseline"]["estimate"] == pytest.approx(targets.mean())
    yes, no = (together[1][together[0] == kind] for kind in (1, 0))
    assert overall["micro_auc"]["estimate"] == pytest.approx(np.mean(yes[:, None] > no))
    assert (overall["micro_auc"]["n"], overall["micro_auc"]["n_clusters"]) == (120, 120)


def test_averages_count_patients_and_not_images():
    once, thrice = (
        summary(targets, scores, clusters=owners)["overall"]
        for targets, scores, owners in (labelled(2), labelled(2, images=3))
    )
    for name in set(AVERAGES) - {"micro_auc"}:
        assert thrice[name]["estimate"] == pytest.approx(once[name]["estimate"]), name
        assert thrice[name]["ci"] == pytest.approx(once[name]["ci"], abs=0.02), name


def test_averages_of_classes_are_those_of_their_table(four_classes):
    overall = four_classes[0]["overall"]
    confusion = np.array(overall["confusion"])
    precisions = np.diag(confusion) / confusion.sum(axis=0)
    assert overall["macro_precision"]["estimate"] == pytest.approx(precisions.mean())
    weighted = np.average(precisions, weights=confusion.sum(axis=1))
    assert overall["weighted_precision"]["estimate"] == pytest.approx(weighted)
    assert "micro_f1" not in overall


def test_a_class_that_is_never_called_is_left_out_of_precision_and_said():
    targets, scores, _ = labelled(3)
    scores[:, 3] = 0.4 * scores[:, 3]
    found = summary(targets, scores)["overall"]["macro_precision"]
    assert found["classes"] == ["label 0", "label 1", "label 2"]
    left_out = "never called, and left out (others count 0): label 3"
    assert found["flags"] == [left_out, "a class has fewer than 30 positive patients"]


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
        "net_benefit": 3 / 10 - 1 / 10,
        "standardised_net_benefit": (3 - 1) / 4,
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
