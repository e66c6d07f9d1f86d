"""The area under the curve: against pROC, against pairs counted by hand, and its laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medcli.errors import DataError
from medcli.metrics.classification import count_calls, rates_at_threshold
from medcli.metrics.discrimination import auc_quantity, macro_auc
from medcli.metrics.intervals import logit_interval, newcombe_auc
from medcli.metrics.roc import auc, auc_covariance, midranks, roc_components, roc_curve
from medcli.metrics.sample_size import hanley_mcneil_variance
from tests.metrics.oracles import codes, expected, numbers, table

EDGES = expected("04_roc_edge_cases")["cases"]
SINGLE = {name: case for name, case in EDGES.items() if "n_used" in case and name != "nan_score"}


def quantity_of(targets, scores, clusters=None):
    clusters = np.arange(len(targets)) if clusters is None else clusters
    return auc_quantity(np.asarray(targets), np.asarray(scores), np.asarray(clusters), level=0.95)


@st.composite
def cohorts(draw):
    """Targets with both classes, scores with ties, and patients."""
    size = draw(st.integers(4, 40))
    targets = draw(
        st.lists(st.integers(0, 1), min_size=size, max_size=size).filter(lambda y: 0 < sum(y) < len(y))
    )
    scores = draw(st.lists(st.integers(-5, 5), min_size=size, max_size=size))
    clusters = draw(st.lists(st.integers(0, 12), min_size=size, max_size=size))
    return np.array(targets), np.array(scores, dtype=float), np.unique(clusters, return_inverse=True)[1]


def test_midranks_share_the_mean_of_ties():
    assert midranks(np.array([3.0, 1.0, 3.0, -np.inf, np.inf])).tolist() == [3.5, 2, 3.5, 1, 5]


@given(cohorts())
def test_auc_is_the_share_of_pairs_in_the_right_order(cohort):
    targets, scores, _ = cohort
    pairs = scores[targets == 1][:, None] - scores[targets == 0][None, :]
    assert auc(targets, scores) == pytest.approx(np.mean((pairs > 0) + (pairs == 0) / 2), abs=1e-12)


@pytest.mark.parametrize("name", SINGLE)
def test_edge_case_agrees_with_proc(name):
    case = SINGLE[name]
    targets, scores = numbers(case["y"]), numbers(case["s"])
    if name == "near_float_tie":
        # The file rounds 0.1 + 0.2 to 0.3; the two must not count as equal.
        scores[0] = 0.1 + 0.2
    known = ~np.isnan(targets)
    found = quantity_of(targets[known], scores[known])
    assert found["n"] == case["n_used"]
    kinds = [int(np.sum(targets == kind)) for kind in (1, 0)]
    assert kinds == [case["n_pos"], case["n_neg"]]
    if case["auc"] is None:
        assert found["estimate"] is None
        assert found["reason"]
        return
    assert found["estimate"] == pytest.approx(case["auc"], rel=1e-9)
    if name != "inf_score":
        assert found["estimate"] == pytest.approx(case["pROC_auc"], rel=1e-9)
        assert found["se"] == (case["pROC_var"] and pytest.approx(case["pROC_var"] ** 0.5, rel=1e-9))
    variance = case["var_delong"]
    assert (found["se"] is None) == (variance is None)
    if variance is not None:
        assert found["se"] ** 2 == pytest.approx(variance, rel=1e-9, abs=1e-15)
        half = 1.959963984540054 * found["se"]
        wald = np.clip([found["estimate"] - half, found["estimate"] + half], 0, 1)
        assert wald == pytest.approx(case["ci95_delong_wald"], rel=1e-9)
    textbook = hanley_mcneil_variance(case["auc"], case["n_pos"], case["n_neg"])
    assert textbook == pytest.approx(case["hanley_mcneil_var"], rel=1e-9, abs=1e-15)
    # Fewer than 30 cases of a kind, or no variance: the interval must be Newcombe's.
    is_small = min(case["n_pos"], case["n_neg"]) < 30 or not variance
    wanted = case["ci95_newcombe_method5"] if is_small else case["ci95_delong_logit"]
    assert found["ci"] == pytest.approx(wanted, rel=1e-9, abs=1e-12)
    assert (found["flags"] != []) or not is_small


def test_a_score_that_is_nan_is_refused():
    case = EDGES["nan_score"]
    with pytest.raises(DataError, match="1 scores are NaN, the first is number 2"):
        quantity_of(numbers(case["y"]), numbers(case["s"]))


@pytest.mark.parametrize("name", [name for name, case in EDGES.items() if case.get("ci95_newcombe_method5")])
def test_newcombe_agrees_at_every_size(name):
    case = EDGES[name]
    found = newcombe_auc(case["auc"], case["n_pos"], case["n_neg"], level=0.95)
    assert found == pytest.approx(case["ci95_newcombe_method5"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", [name for name, case in EDGES.items() if case.get("ci95_delong_logit")])
def test_the_logit_interval_agrees_at_every_size(name):
    case = EDGES[name]
    found = logit_interval(case["auc"], math.sqrt(case["var_delong"]), level=0.95)
    assert found == pytest.approx(case["ci95_delong_logit"], rel=1e-9)


@pytest.mark.parametrize("marker", ["s100b", "ndka", "wfns"])
def test_asah_agrees_with_proc(marker):
    data, wanted = table("01_asah_roc"), expected("01_asah_roc")["single"][marker]
    found = quantity_of(numbers(data["outcome"]), numbers(data[marker]))
    assert found["estimate"] == pytest.approx(wanted["auc"], rel=1e-9)
    assert found["se"] == pytest.approx(wanted["se_delong"], rel=1e-9)
    assert found["se"] ** 2 == pytest.approx(wanted["var_delong"], rel=1e-9)
    assert found["ci"] == pytest.approx(wanted["ci95_delong_logit"], rel=1e-9)
    # pROC prints Wald's interval; medcli has its standard error.
    for key, normal in (("ci95_delong", 1.959963984540054), ("ci90_delong", 1.6448536269514722)):
        wald = found["estimate"] + normal * found["se"] * np.array([-1, 1])
        assert wald == pytest.approx(wanted[key], rel=1e-9)
    is_positive = numbers(data["outcome"]) == 1
    every = expected("01_asah_roc")
    assert (is_positive.sum(), (~is_positive).sum()) == (every["n_pos"], every["n_neg"])


def test_every_threshold_of_proc_is_a_corner_of_the_curve():
    data, wanted = table("01_asah_roc"), expected("01_asah_roc")["coords_all_wfns"]
    targets, scores = numbers(data["outcome"]), numbers(data["wfns"])
    false_rates, sensitivities, thresholds = roc_curve(targets, scores)
    assert len(wanted) == len(thresholds)
    for point, false_rate, sensitivity, threshold in zip(
        wanted[::-1], false_rates, sensitivities, thresholds, strict=True
    ):
        assert sensitivity == pytest.approx(point["sensitivity"], rel=1e-9)
        assert 1 - false_rate == pytest.approx(point["specificity"], rel=1e-9)
        # pROC cuts in the middle of two scores and leaves the ends infinite.
        is_end = not 0 < point["tp"] + point["fp"] < len(targets)
        assert point["threshold"] == (None if is_end else pytest.approx(threshold - 0.5))
        called = scores >= threshold
        counts = count_calls(targets, called)
        names = {"true_positives": "tp", "false_positives": "fp", "true_negatives": "tn"}
        for mine, theirs in {**names, "false_negatives": "fn"}.items():
            assert counts[mine] == point[theirs]
        rates = rates_at_threshold(targets, called, np.arange(len(targets)), level=0.95)
        for name in ("ppv", "npv"):
            value = point[name] if point[name] is None else pytest.approx(point[name], rel=1e-9)
            assert rates[name]["estimate"] == value


@pytest.mark.parametrize(("first", "second"), [("s100b", "ndka"), ("wfns", "s100b"), ("wfns", "ndka")])
def test_covariance_of_two_markers_agrees_with_proc(first, second):
    data = table("01_asah_roc")
    targets = numbers(data["outcome"])
    parts = [
        roc_components(targets, numbers(data[name]), np.arange(len(targets)), num_clusters=len(targets))
        for name in (first, second)
    ]
    wanted = expected("01_asah_roc")["paired"][f"{first}_vs_{second}"]["cov_delong"]
    assert auc_covariance(*parts) == pytest.approx(wanted, rel=1e-9)


def test_clustered_variances_agree_with_obuchowski():
    data, wanted = table("03_syn_clustered_two_models"), expected("03_syn_clustered_two_models")
    targets, clusters = numbers(data["y"]), codes(data["patient_id"])
    assert (len(targets), clusters.max() + 1) == (wanted["n_images"], wanted["n_patients"])
    a, b = (
        roc_components(targets, numbers(data[name]), clusters, num_clusters=160)
        for name in ("prob_a", "prob_b")
    )
    found = wanted["clustered_obuchowski"]
    assert (a.clusters, a.positive_clusters, a.negative_clusters) == (found["I"], found["I10"], found["I01"])
    assert (a.auc, b.auc) == pytest.approx((wanted["auc_a"], wanted["auc_b"]), rel=1e-9)
    assert auc_covariance(a, a) == pytest.approx(found["var_a"], rel=1e-9)
    assert auc_covariance(b, b) == pytest.approx(found["var_b"], rel=1e-9)
    assert auc_covariance(a, b) == pytest.approx(found["cov"], rel=1e-9)
    quantity = quantity_of(targets, numbers(data["prob_a"]), clusters)
    assert (quantity["n"], quantity["n_clusters"]) == (367, 160)
    assert "clustered" in quantity["method"]
    assert quantity["se"] == pytest.approx(found["se_a"], rel=1e-9)
    other = quantity_of(targets, numbers(data["prob_b"]), clusters)
    assert other["se"] == pytest.approx(found["se_b"], rel=1e-9)


def delong_matrix(targets, scores):
    """AUCs and their covariance matrix, every image a patient."""
    parts = [roc_components(targets, row, np.arange(len(row)), num_clusters=len(row)) for row in scores]
    return [part.auc for part in parts], np.array([[auc_covariance(a, b) for b in parts] for a in parts])


def test_covariances_without_clusters_are_those_of_proc():
    data, every = table("03_syn_clustered_two_models"), expected("03_syn_clustered_two_models")
    targets, scores = numbers(data["y"]), np.stack([numbers(data[name]) for name in ("prob_a", "prob_b")])
    _, naive = delong_matrix(targets, scores)
    wanted = every["naive_delong"]
    assert naive.ravel() == pytest.approx([wanted[key] for key in ("var_a", "cov", "cov", "var_b")], rel=1e-9)
    _, first = np.unique(codes(data["patient_id"]), return_index=True)
    wanted = every["first_image_per_patient_delong"]
    assert len(first) == wanted["n"]
    areas, once = delong_matrix(targets[first], scores[:, first])
    assert areas == pytest.approx([wanted["auc_a"], wanted["auc_b"]], rel=1e-9)
    assert once.ravel() == pytest.approx([wanted[key] for key in ("var_a", "cov", "cov", "var_b")], rel=1e-9)


def test_images_doubled_within_a_patient_carry_no_more():
    data, wanted = table("03_syn_clustered_two_models"), expected("03_syn_clustered_two_models")
    _, first = np.unique(codes(data["patient_id"]), return_index=True)
    targets, scores = numbers(data["y"])[first], numbers(data["prob_a"])[first]
    doubled = quantity_of(np.tile(targets, 2), np.tile(scores, 2), np.tile(np.arange(160), 2))
    wanted = wanted["metamorphic_duplicate_within_cluster"]
    assert doubled["se"] ** 2 == pytest.approx(wanted["var_a"], rel=1e-9)
    ignored = quantity_of(np.tile(targets, 2), np.tile(scores, 2))
    assert ignored["se"] ** 2 == pytest.approx(wanted["naive_var_a_if_cluster_ignored"], rel=1e-9)


@settings(max_examples=50)
@given(cohorts(), st.randoms(use_true_random=False))
def test_laws_of_the_auc(cohort, random):
    targets, scores, clusters = cohort
    whole = quantity_of(targets, scores, clusters)
    order = list(range(len(targets)))
    random.shuffle(order)
    shuffled = quantity_of(targets[order], scores[order], clusters[order])
    stretched = quantity_of(targets, np.exp(scores / 3), clusters)
    mirrored = quantity_of(1 - targets, -scores, clusters)
    for other in (shuffled, stretched, mirrored):
        assert other["estimate"] == pytest.approx(whole["estimate"], abs=1e-12)
        assert (other["se"] or 0) == pytest.approx(whole["se"] or 0, abs=1e-7)
    low, high = whole["ci"]
    assert 0 <= low <= whole["estimate"] + 1e-12 <= high + 2e-12 <= 1 + 2e-12
    assert low < high


def test_below_chance_is_said_and_not_flipped():
    found = quantity_of([1, 1, 0, 0], [0.1, 0.6, 0.5, 0.9])
    assert found["estimate"] == 0.25
    assert any("below 0.5" in flag for flag in found["flags"])
    assert found["baseline"] == {"rule": "chance", "estimate": 0.5}


def test_curve_under_at_least_threshold():
    false_rates, sensitivities, thresholds = roc_curve(np.array([1, 0, 1, 0]), np.array([0.9, 0.9, 0.4, 0.1]))
    assert false_rates.tolist() == [0, 0.5, 0.5, 1]
    assert sensitivities.tolist() == [0, 0.5, 1, 1]
    assert thresholds.tolist() == [np.inf, 0.9, 0.4, 0.1]


@given(cohorts())
def test_area_under_the_curve_is_the_auc(cohort):
    targets, scores, _ = cohort
    false_rates, sensitivities, _ = roc_curve(targets, scores)
    area = np.sum(np.diff(false_rates) * (sensitivities[1:] + sensitivities[:-1]) / 2)
    assert area == pytest.approx(auc(targets, scores), abs=1e-12)


def test_macro_over_the_labels_that_are_defined():
    data, wanted = table("21_multilabel_nan"), expected("21_multilabel_nan")
    components = []
    for name, label in wanted["per_label"].items():
        targets, scores = numbers(data[name]), numbers(data[f"prob_{name}"])
        known = ~np.isnan(targets)
        rows = np.flatnonzero(known)
        components.append(roc_components(targets[known], scores[known], rows, num_clusters=len(known)))
        found = quantity_of(targets[known], scores[known])
        assert found["n"] == label["n_labelled"]
        assert found["reason"] == label.get("auc_reason")
        if label["auc"] is None:
            assert found["estimate"] is None
            continue
        assert found["estimate"] == pytest.approx(label["auc"], rel=1e-9)
        half = (label["auc_ci95_delong"][1] - label["auc_ci95_delong"][0]) / 2
        assert 1.959963984540054 * found["se"] == pytest.approx(half, rel=1e-9)
    macro = macro_auc(components, n=150, n_clusters=150, level=0.95)
    assert macro["estimate"] == pytest.approx(wanted["macro_auc_over_defined"], rel=1e-9)
    assert macro["ci"][0] < macro["estimate"] < macro["ci"][1]


def test_macro_of_one_label_repeated_is_that_label():
    generator = np.random.default_rng(5)
    targets, scores = generator.integers(0, 2, 200), generator.normal(size=200)
    clusters = np.repeat(np.arange(80), [3] * 40 + [2] * 40)
    one = roc_components(targets, scores, clusters, num_clusters=80)
    macro = macro_auc([one, one, one], n=200, n_clusters=80, level=0.95)
    single = quantity_of(targets, scores, clusters)
    assert macro["se"] == pytest.approx(single["se"], rel=1e-12)
    assert macro["ci"] == pytest.approx(single["ci"], rel=1e-12)


def test_macro_se_agrees_with_resampled_patients():
    generator = np.random.default_rng(11)
    effect = generator.normal(size=(150, 3))
    clusters = np.repeat(np.arange(150), 3)
    truth = (effect[clusters] + generator.normal(size=(450, 3)) > 0.5).astype(int)
    scores = effect[clusters] + truth + generator.normal(size=(450, 3))

    def macro(rows):
        return np.mean([auc(truth[rows, c], scores[rows, c]) for c in range(3)])

    parts = [roc_components(truth[:, c], scores[:, c], clusters, num_clusters=150) for c in range(3)]
    found = macro_auc(parts, n=450, n_clusters=150, level=0.95)
    resampled = [
        macro((3 * generator.integers(150, size=150)[:, None] + np.arange(3)).ravel()) for _ in range(400)
    ]
    assert found["se"] == pytest.approx(np.std(resampled), rel=0.15)
