"""Measures of groups at one threshold: a case worked by hand, the same numbers counted alone, and laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import logit

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.calibration_measures import calibration_slope, observed_to_expected
from medcli.metrics.classification import rates_at_threshold
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.group_differences import COMPARED, GAPS_ALONE, adjust_for_all
from medcli.metrics.influences import correlation, influences
from medcli.metrics.intervals import wilson
from medcli.metrics.label import label_of
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.metrics.subgroups import compare_groups

SETTINGS = Settings(level=0.95, num_bins=15, seed=1, resamples=99)
MEASURES = (*COMPARED, "ece")


def scored(targets, values, clusters=None, *, threshold=0.5, ranks=False):
    """One label."""
    values = np.asarray(values, dtype=float)[:, None]
    return Scored(
        classes=["edema"],
        exclusive=False,
        targets=np.asarray(targets, dtype=float)[:, None],
        ranks=values,
        before=None if ranks else values,
        after=None,
        thresholds=[{"threshold": threshold, "reason": "the scores are ranks"}],
        clusters=np.arange(len(values)) if clusters is None else np.asarray(clusters),
    )


def compared(part, codes, names, *, listed=None, settings=SETTINGS):
    found = compare_groups(part, np.asarray(codes), names, listed=listed or {}, settings=settings)
    adjust_for_all([found])
    return found


def calls(*, hits, misses, alarms, quiet):
    """Truth and scores of 0.8 (called) or 0.2 (not)."""
    targets = [1] * (hits + misses) + [0] * (alarms + quiet)
    return targets, [0.8] * hits + [0.2] * misses + [0.8] * alarms + [0.2] * quiet


def two_groups():
    first, second = calls(hits=8, misses=2, alarms=1, quiet=9), calls(hits=6, misses=4, alarms=3, quiet=7)
    return scored(first[0] + second[0], first[1] + second[1]), np.repeat([0, 1], 20)


def test_two_groups_worked_by_hand():
    part, codes = two_groups()
    entry = compared(part, codes, ["F", "M"])["classes"][0]
    women, men = entry["groups"]
    wanted = {
        "prevalence": 0.5,
        "sensitivity": 0.8,
        "specificity": 0.9,
        "ppv": 8 / 9,
        "npv": 9 / 11,
        # Positives win 0.8 * 0.9 of the pairs and tie in 0.8 * 0.1 + 0.2 * 0.9.
        "auc": 0.72 + 0.26 / 2,
        "brier": (17 * 0.04 + 3 * 0.64) / 20,
        # 9 images at 0.8 and 11 at 0.2.
        "observed_to_expected": 10 / 9.4,
        # In bins: 8 of 9 at 0.8, 2 of 11 at 0.2.
        "ece": (9 * abs(8 / 9 - 0.8) + 11 * abs(2 / 11 - 0.2)) / 20,
    }
    for name, value in wanted.items():
        assert women[name]["estimate"] == pytest.approx(value), name
    # The slope on the logits +-log 4 that fits the odds 8 : 1 and 2 : 9.
    slope = (math.log(8) - math.log(2 / 9)) / (2 * math.log(4))
    assert women["calibration_slope"]["estimate"] == pytest.approx(slope, rel=1e-6)
    assert women["tested"]
    assert (women["n"], women["n_positive"], women["n_negative"], women["n_clusters"]) == (20, 10, 10, 20)
    assert entry["reference"] == "F"
    gap = entry["gaps"]["sensitivity"][0]
    assert gap["group"] == "M"
    assert gap["gap"]["estimate"] == pytest.approx(-0.2)
    low, high = wilson(0.6, 10, level=0.95), wilson(0.8, 10, level=0.95)
    assert gap["gap"]["ci"][0] == pytest.approx(-0.2 - math.hypot(0.6 - low[0], high[1] - 0.8))
    q = entry["heterogeneity"]["sensitivity"]["test"]
    # On the logit scale, with the errors that Wilson's intervals imply there.
    widths = [(logit(edges[1]) - logit(edges[0])) / (2 * 1.959964) for edges in (low, high)]
    wanted_q = (logit(0.8) - logit(0.6)) ** 2 / (widths[0] ** 2 + widths[1] ** 2)
    assert q["statistic"] == pytest.approx(wanted_q)
    odds = entry["equalised_odds"]["equalised_odds_gap"]
    assert odds["estimate"] == pytest.approx(0.2)
    assert odds["baseline"]["estimate"] == entry["worst"]["equalised_odds"]["test"]["null"]
    assert (entry["worst"]["auc"]["lowest"], entry["worst"]["auc"]["highest"]) == ("M", "F")
    assert entry["worst"]["sensitivity"]["test"]["statistic"] == pytest.approx(0.2)
    assert men["auc"]["estimate"] == pytest.approx(0.6 * 0.7 + (0.6 * 0.3 + 0.4 * 0.7) / 2)


def drawn(seed, *, patients=300, images=2, unknown=0.1):
    """Targets, probabilities and patients, several images each."""
    generator = np.random.default_rng(seed)
    clusters = np.repeat(np.arange(patients), images)
    line = generator.normal(size=patients)[clusters] + generator.normal(size=len(clusters)) - 0.5
    chance = 1 / (1 + np.exp(-line))
    targets = (generator.random(len(clusters)) < chance).astype(float)
    targets[generator.random(len(clusters)) < unknown] = np.nan
    return targets, 1 / (1 + np.exp(-1.5 * line)), clusters


def test_every_measure_is_that_of_the_group_alone_at_the_threshold_of_all():
    targets, values, clusters = drawn(1)
    codes = np.random.default_rng(2).integers(3, size=len(targets))
    found = compared(scored(targets, values, clusters, threshold=0.4), codes, ["a", "b", "c"])
    for code, group in enumerate(found["classes"][0]["groups"]):
        rows = (codes == code) & ~np.isnan(targets)
        truth, p, owners = targets[rows], values[rows], clusters[rows]
        area = auc_quantity(truth, p, np.unique(owners, return_inverse=True)[1], level=0.95)
        assert group["auc"]["estimate"] == area["estimate"]
        assert group["auc"]["ci"] == pytest.approx(area["ci"], rel=1e-12)
        rates = rates_at_threshold(truth, p >= 0.4, owners, level=0.95)
        hit, called, positives = np.sum(truth[p >= 0.4]), np.sum(p >= 0.4), truth.sum()
        assert group["f1"]["estimate"] == pytest.approx(2 * hit / (called + positives))
        assert group["accuracy"]["estimate"] == pytest.approx(np.mean((p >= 0.4) == truth))
        assert group["mcc"]["estimate"] == pytest.approx(np.corrcoef(p >= 0.4, truth)[0, 1])
        assert group["log_loss"]["estimate"] == pytest.approx(-np.mean(np.log(np.where(truth, p, 1 - p))))
        ordered = truth[np.argsort(-p)]
        precisions = np.cumsum(ordered) / np.arange(1, len(ordered) + 1)
        assert group["average_precision"]["estimate"] == pytest.approx(precisions[ordered == 1].mean())
        assert all(group[name]["ci"] for name in ("average_precision", "f1", "mcc", "scaled_brier"))
        assert all(group[name] == rates[name] for name in ("sensitivity", "specificity", "ppv", "npv"))
        assert group["observed_to_expected"] == observed_to_expected(p, truth, owners, level=0.95)
        assert group["calibration_slope"] == calibration_slope(p, truth, owners, level=0.95)
        assert group["n"] == rows.sum()
        assert group["n_clusters"] == len(set(owners))
    assert found["groups"][0]["n"] == np.sum(codes == 0)
    assert found["n_shared"] > 100


def test_one_group_is_the_whole():
    targets, values, clusters = drawn(3)
    whole = compared(scored(targets, values, clusters), np.zeros(len(targets), dtype=int), ["all"])
    entry = whole["classes"][0]
    known = ~np.isnan(targets)
    assert entry["groups"][0]["auc"] == auc_quantity(
        targets[known], values[known], np.unique(clusters[known], return_inverse=True)[1], level=0.95
    )
    assert entry["reference"] is None
    assert entry["reason"] == "fewer than two groups have cases enough"
    assert entry["gaps"] == entry["worst"] == {}


def test_duplicating_the_images_of_patients_moves_no_estimate_and_hardly_an_error():
    targets, values, _ = drawn(4, images=1, unknown=0)
    codes = np.arange(300) % 2
    once = compared(scored(targets, values), codes, ["a", "b"])["classes"][0]
    twice = compared(
        scored(np.tile(targets, 2), np.tile(values, 2), np.tile(np.arange(300), 2)),
        np.tile(codes, 2),
        ["a", "b"],
    )["classes"][0]
    for name in COMPARED:
        one, two = (entry["gaps"][name][0]["gap"] for entry in (once, twice))
        assert two["estimate"] == pytest.approx(one["estimate"], rel=1e-6)
        # Other errors are of counts or of the model where each patient has one image.
        if name in {"prevalence", "auc", "sensitivity", "specificity", "ppv", "npv", "brier"}:
            assert two["se"] == pytest.approx(one["se"], rel=0.03), name
    for name, found in once["worst"].items():
        assert twice["worst"][name]["test"]["statistic"] == pytest.approx(found["test"]["statistic"])


def test_few_cases_and_unknown_values_are_listed_not_tested():
    part, codes = two_groups()
    more = calls(hits=9, misses=0, alarms=5, quiet=40)
    targets = np.concatenate([part.targets[:, 0], more[0], [1.0, 0.0]])
    values = np.concatenate([part.ranks[:, 0], more[1], [0.8, 0.2]])
    codes = np.concatenate([codes, np.full(54, 2), [3, 3]])
    listed = {"unknown": "the value is unknown: listed, not tested"}
    found = compared(scored(targets, values), codes, ["F", "M", "O", "unknown"], listed=listed)
    entry = found["classes"][0]
    assert [group["tested"] for group in entry["groups"]] == [True, True, False, False]
    assert entry["groups"][2]["reason"] == "9 positive patients, fewer than 10: listed, not tested"
    assert entry["groups"][2]["sensitivity"]["estimate"] == 1
    assert entry["groups"][3]["reason"] == listed["unknown"]
    assert entry["groups"][3]["n"] == 2
    # What is listed changes nothing of what is tested.
    alone = compared(*two_groups(), ["F", "M"])["classes"][0]
    for kind in ("reference", "gaps", "heterogeneity", "equalised_odds", "worst"):
        assert entry[kind] == alone[kind]


def test_ranks_have_no_calibration_and_no_threshold_no_rates():
    targets, values, clusters = drawn(5)
    part = scored(targets, 10 * values, clusters, threshold=None, ranks=True)
    entry = compared(part, np.arange(len(targets)) % 2, ["a", "b"])["classes"][0]
    group = entry["groups"][0]
    assert group["auc"]["estimate"] is not None
    assert group["sensitivity"]["reason"] == "no threshold: the scores are ranks"
    assert group["brier"]["estimate"] is None
    assert entry["gaps"]["brier"][0]["gap"]["estimate"] is None
    assert entry["heterogeneity"]["ppv"]["test"]["p"] is None
    assert entry["worst"]["sensitivity"]["test"]["reason"] == "no threshold"
    assert entry["worst"]["auc"]["test"]["p"] is not None


def test_holm_is_over_all_fields_and_classes_of_one_measure():
    part, codes = two_groups()
    fields = [
        compare_groups(part, chosen, ["F", "M"], listed={}, settings=SETTINGS)
        for chosen in (codes, np.tile([0, 1], 20))
    ]
    adjust_for_all(fields)
    tests = [field["classes"][0]["gaps"]["sensitivity"][0]["gap"]["test"] for field in fields]
    smaller, larger = sorted(tests, key=lambda test: test["p"])
    assert smaller["p_holm"] == pytest.approx(min(1, 2 * smaller["p"]))
    assert larger["p_holm"] == max(smaller["p_holm"], larger["p"])


# --- patients in two groups


def both_devices(seed, *, patients=150):
    """Each patient is imaged by both devices, and scores alike on both."""
    generator = np.random.default_rng(seed)
    sick = (generator.random(patients) < 0.4).astype(float)
    own = 1.2 * sick + generator.normal(size=patients)
    line = np.concatenate([own + 0.4 * generator.normal(size=patients) for _ in range(2)]) - 0.8
    return (
        scored(np.tile(sick, 2), 1 / (1 + np.exp(-line)), np.tile(np.arange(patients), 2)),
        np.repeat([0, 1], patients),
    )


def test_patients_in_two_groups_are_no_independent_ones():
    """Over many samples gaps vary as their errors say, and far less than those of two samples would."""
    gaps, heterogeneities = [], []
    for seed in range(120):
        part, codes = both_devices(seed)
        settings = Settings(level=0.95, num_bins=15, seed=1, resamples=1)
        found = compared(part, codes, ["one", "two"], settings=settings)
        assert found["n_shared"] == 150
        entry = found["classes"][0]
        gaps.append({name: entry["gaps"][name][0]["gap"] for name in COMPARED})
        heterogeneities.append({name: entry["heterogeneity"][name]["test"]["p"] for name in COMPARED})
    for name in ("auc", "sensitivity", "specificity", "brier", "calibration_intercept", "calibration_slope"):
        seen = np.std([gap[name]["estimate"] for gap in gaps])
        said = np.sqrt(np.mean([gap[name]["se"] ** 2 for gap in gaps]))
        assert said == pytest.approx(seen, rel=0.25), name
        p_values = [p[name] for p in heterogeneities if p[name] is not None]
        assert np.mean(np.array(p_values) < 0.05) < 0.12, name
    part, codes = both_devices(0)
    groups = compared(part, codes, ["one", "two"])["classes"][0]["groups"]
    apart = math.hypot(*(group["auc"]["se"] for group in groups))
    assert gaps[0]["auc"]["se"] < 0.6 * apart


def test_other_measures_have_gaps_where_no_patient_is_in_two_groups():
    targets, values, clusters = drawn(6, patients=400, images=1, unknown=0)
    apart = compared(scored(targets, values, clusters), clusters % 2, ["even", "odd"])["classes"][0]
    part, codes = both_devices(0)
    shared = compared(part, codes, ["one", "two"])["classes"][0]
    for name in GAPS_ALONE:
        one, other = (group[name] for group in apart["groups"])
        found = apart["gaps"][name][0]["gap"]
        assert abs(found["estimate"]) == pytest.approx(abs(one["estimate"] - other["estimate"])), name
        assert found["ci"][0] < found["estimate"] < found["ci"][1], name
        assert "patients are in several groups" in shared["gaps"][name][0]["gap"]["reason"], name


def test_influences_are_derivatives():
    """Leaving a patient out moves each measure by his influence, to first order."""
    targets, values, clusters = drawn(6, patients=400, images=1, unknown=0)
    part = scored(targets, values, clusters)
    whole = compared(part, np.zeros(400, dtype=int), ["all"])["classes"][0]["groups"][0]
    found = influences(
        whole,
        label_of(part, 0, settings=SETTINGS, resamples=Resamples(400, 1, 2)),
        probabilities=values,
        clusters=clusters,
        num_clusters=400,
    )
    assert set(found) >= set(COMPARED)
    moved = {name: [] for name in found}
    for left_out in range(40):
        rows = np.delete(np.arange(400), left_out)
        without = compared(part.subset(rows), np.zeros(399, dtype=int), ["all"])["classes"][0]["groups"][0]
        for name, values_of in moved.items():
            values_of.append(whole[name]["estimate"] - without[name]["estimate"])
    for name, changes in moved.items():
        assert correlation(np.array(changes), found[name][:40]) > 0.999, name
