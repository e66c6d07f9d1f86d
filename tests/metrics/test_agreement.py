"""Agreement of readers: against irr, irrCAC and psych, published tables, and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.errors import DataError
from medcli.metrics.agreement import kind_of_ratings
from medcli.metrics.chance_corrected import (
    brennan_prediger,
    conger_kappa,
    fleiss_kappa,
    gwet_ac1,
    rating_counts,
)
from medcli.metrics.icc import FORMS, icc
from medcli.metrics.kappa import Weights, cohen_kappa
from medcli.metrics.krippendorff import krippendorff_alpha
from tests.metrics.oracles import expected, numbers, table

COHEN = expected("10_cohen_weighted_kappa")
TABLES = [name for name, case in COHEN.items() if isinstance(case, dict) and "table" in case]
KINDS = {"unweighted": "none", "linear": "linear", "quadratic": "quadratic"}
# Six images, four readers: Shrout & Fleiss 1979, table 2.
SHROUT = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
SUBJECTS = np.arange(6)


def readings_of(counts):
    """Both readers' categories from a table of counts."""
    first, second = np.nonzero(counts)
    times = counts[first, second]
    return np.repeat(first, times), np.repeat(second, times)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", TABLES)
def test_cohen_agrees_with_r(name, kind):
    counts, wanted = np.array(COHEN[name]["table"]), COHEN[name][kind]
    first, second = readings_of(counts)
    found = cohen_kappa(
        first,
        second,
        np.arange(len(first)),
        num_categories=len(counts),
        weights=Weights(KINDS[kind]),
        level=0.95,
    )
    assert found["estimate"] == pytest.approx(wanted["kappa"], rel=1e-9)
    assert found["se"] == pytest.approx(wanted["se_asymptotic"], rel=1e-9)
    assert found["ci"] == pytest.approx(wanted["ci95"], rel=1e-9)
    assert found["test"]["statistic"] == pytest.approx(wanted["z_null"], rel=1e-9)
    # The same two as the package irr prints them.
    assert found["estimate"] == pytest.approx(wanted["kappa_irr"], rel=1e-9)
    assert found["test"]["statistic"] == pytest.approx(wanted["z_irr"], rel=1e-9)
    if name == "ordinal4" and kind != "linear":
        low, estimate, high = COHEN["psych_cohen_kappa_ordinal4"]["lower_est_upper"][kind == "quadratic"]
        assert found["estimate"] == pytest.approx(estimate, rel=1e-9)
        # psych gives no interval of the weighted one.
        assert kind == "quadratic" or found["ci"] == pytest.approx([low, high], rel=1e-9)


def test_agreement_and_prevalence_stand_beside_a_paradoxical_kappa():
    case = COHEN["prevalence_paradox"]
    first, second = readings_of(np.array(case["table"]))
    patients = np.arange(len(first))
    found = cohen_kappa(first, second, patients, num_categories=2, level=0.95)
    assert found["estimate"] < 0
    assert found["agreement"] == pytest.approx(case["percent_agreement"], rel=1e-9)
    assert found["prevalence"][0] == pytest.approx([123 / 125, 2 / 125])
    both = rating_counts(np.stack([first, second], axis=1), num_categories=2)
    adjusted = brennan_prediger(both, patients, level=0.95)["estimate"]
    assert adjusted == pytest.approx(case["pabak"], rel=1e-9)
    assert gwet_ac1(both, patients, level=0.95)["estimate"] == pytest.approx(case["gwet_ac1"], rel=1e-9)


def test_perfect_agreement_on_one_category_is_undefined_and_on_two_is_one():
    same = np.zeros(8, dtype=int)
    none = cohen_kappa(same, same, np.arange(8), num_categories=2, level=0.95)
    assert none["estimate"] is None
    assert none["reason"]
    both = np.arange(8) % 2
    one = cohen_kappa(both, both, np.arange(8), num_categories=2, level=0.95)
    assert one["estimate"] == COHEN["edges"]["perfect_agreement_two_categories"]
    assert one["ci"] is None
    assert one["reason"]
    empty = cohen_kappa(same[:0], same[:0], same[:0], num_categories=2, level=0.95)
    assert empty["reason"] == "no cases"
    with pytest.raises(DataError, match="cubic"):
        Weights("cubic")


@given(st.integers(0, 10**6), st.sampled_from(["none", "linear", "quadratic"]))
def test_images_doubled_within_a_patient_add_nothing_to_kappa(seed, weights):
    generator = np.random.default_rng(seed)
    first, second = generator.integers(0, 3, size=(2, 20))
    options = {"num_categories": 3, "weights": Weights(weights), "level": 0.95}
    once = cohen_kappa(first, second, np.arange(20), **options)
    twice = cohen_kappa(np.tile(first, 2), np.tile(second, 2), np.tile(np.arange(20), 2), **options)
    assert twice["estimate"] == pytest.approx(once["estimate"])
    assert twice["se"] == pytest.approx(once["se"])


def fleiss_1971():
    data = table("08_fleiss_kappa", "fleiss1971_psychiatric_diagnoses_30x6.csv")
    names = [item["category"][3:] for item in expected("08_fleiss_kappa")["fleiss1971"]["per_category"]]
    return np.array([[names.index(cell) for cell in column] for column in data.values()]).T


def conger(ratings, num_categories=5):
    return conger_kappa(ratings, np.arange(len(ratings)), num_categories=num_categories, level=0.95, seed=0)


def test_conger_of_two_readers_is_cohen_and_takes_gaps_in():
    generator = np.random.default_rng(0)
    ratings = generator.integers(0, 3, size=(60, 2)).astype(float)
    ratings[:40, 1] = ratings[:40, 0]
    cohen = cohen_kappa(*ratings.T, np.arange(60), num_categories=3, level=0.95)
    found = conger(ratings, 3)
    assert found["estimate"] == pytest.approx(cohen["estimate"], rel=1e-12)
    assert found["ci"] == pytest.approx(cohen["ci"], abs=0.03)
    # Who reads one image more has other shares; what was agreed stays.
    shares = np.stack([np.mean(column[:, None] == range(3), axis=0) for column in ratings.T])
    shares[0] = (60 * shares[0] + [0, 1, 0]) / 61
    wanted = (cohen["agreement"] - shares[0] @ shares[1]) / (1 - shares[0] @ shares[1])
    gappy = conger(np.vstack([ratings, [[1, np.nan]]]), 3)
    assert gappy["estimate"] == pytest.approx(wanted, rel=1e-12)
    assert gappy["n"] == 61
    assert conger(np.zeros((4, 3)), 2)["reason"].startswith("agreement by chance is 1")
    assert conger(np.full((4, 3), np.nan), 2)["reason"] == "no image has two readings"


def test_fleiss_agrees_with_irr_and_its_paper():
    wanted, ratings = expected("08_fleiss_kappa")["fleiss1971"], fleiss_1971()
    found = fleiss_kappa(rating_counts(ratings, num_categories=5), np.arange(30), level=0.95)
    assert found["estimate"] == pytest.approx(wanted["kappa"], rel=1e-9)
    assert found["test"]["statistic"] == pytest.approx(wanted["z"], rel=1e-9)
    assert found["test"]["p"] == pytest.approx(wanted["p"], abs=1e-15)
    assert [round(item["kappa"], 3) for item in found["categories"]] == [
        item["kappa"] for item in wanted["per_category"]
    ]
    assert [round(item["z"], 3) for item in found["categories"]] == [
        item["z"] for item in wanted["per_category"]
    ]
    assert conger(ratings)["estimate"] == pytest.approx(wanted["exact_conger_kappa"], rel=1e-9)


def test_coefficients_and_errors_agree_with_irrcac():
    wanted, ratings = expected("08_fleiss_kappa")["irrCAC_0_4_4_on_fleiss1971"], fleiss_1971()
    counts, images = rating_counts(ratings, num_categories=5), np.arange(30)
    gwet, fleiss = gwet_ac1(counts, images, level=0.95), fleiss_kappa(counts, images, level=0.95)
    found = {
        "gwet_ac1": gwet["estimate"],
        "gwet_se": gwet["se"],
        "fleiss": fleiss["estimate"],
        "fleiss_se_unconditional": fleiss["se"],
        "brennan_prediger": brennan_prediger(counts, images, level=0.95)["estimate"],
        "conger": conger(ratings)["estimate"],
        "krippendorff": krippendorff_alpha(ratings, images, level=0.95, seed=1, resamples=50)["estimate"],
    }
    assert {key: round(value, 5) for key, value in found.items()} == {key: wanted[key] for key in found}


def test_fleiss_of_a_well_known_table():
    wanted = expected("08_fleiss_kappa")["wiki10x14"]
    data = table("08_fleiss_kappa", "wikipedia_10x14_counts.csv")
    counts = np.stack([numbers(column) for column in data.values()], axis=1)
    found = fleiss_kappa(counts, np.arange(10), level=0.95)
    assert found["estimate"] == pytest.approx(wanted["kappa"], rel=1e-9)
    assert found["estimate"] == pytest.approx(wanted["kappa_irr"], rel=1e-9)
    assert found["agreement"] == pytest.approx(wanted["P_bar"], rel=1e-9)
    assert found["expected"] == pytest.approx(wanted["P_e"], rel=1e-9)


@pytest.mark.parametrize("function", [fleiss_kappa, gwet_ac1])
def test_readers_who_always_say_the_same(function):
    counts = np.array([[3, 0]] * 5)
    found = function(counts, np.arange(5), level=0.95)
    if function is fleiss_kappa:
        assert found["estimate"] is None
        assert found["reason"]
    else:
        # AC1 stays defined: agreement by chance is nil.
        assert found["estimate"] == 1
        assert found["ci"] is None
    single = function(np.array([[1, 0], [0, 1]]), np.arange(2), level=0.95)
    assert single["reason"] == "no image has two readings"


@given(st.integers(0, 10**6))
def test_fleiss_of_repeats_and_of_shuffled_rows(seed):
    generator = np.random.default_rng(seed)
    ratings = generator.integers(0, 3, size=(15, 4)).astype(float)
    ratings[generator.random(ratings.shape) < 0.2] = np.nan
    counts = rating_counts(ratings, num_categories=3)
    once = gwet_ac1(counts, np.arange(15), level=0.95)
    order = generator.permutation(15)
    shuffled = gwet_ac1(counts[order], order, level=0.95)
    twice = gwet_ac1(np.tile(counts, (2, 1)), np.tile(np.arange(15), 2), level=0.95)
    for other in (shuffled, twice):
        assert other["estimate"] == pytest.approx(once["estimate"])
        assert other["ci"] == pytest.approx(once["ci"])


@pytest.mark.parametrize(
    ("scale", "wanted"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorff_of_his_own_example(scale, wanted):
    """Four readers, twelve units, gaps: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011."""
    gap = np.nan
    ratings = np.array(
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3],
            [gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap],
        ]
    ).T
    found = krippendorff_alpha(ratings, np.arange(12), scale=scale, level=0.95, seed=1, resamples=200)
    assert found["estimate"] == pytest.approx(wanted, abs=5e-4)
    assert found["n"] == 11
    assert found["ci"][0] < found["estimate"] <= found["ci"][1]


def test_krippendorff_is_null_where_nothing_can_disagree():
    same = krippendorff_alpha(np.ones((4, 3)), np.arange(4), level=0.95, seed=1)
    assert same["estimate"] is None
    alone = krippendorff_alpha(np.array([[1, np.nan], [np.nan, 2]]), np.arange(2), level=0.95, seed=1)
    assert alone["reason"] == "no image has two readings"
    with pytest.raises(DataError, match="cardinal"):
        krippendorff_alpha(np.ones((4, 3)), np.arange(4), scale="cardinal", level=0.95, seed=1)


@pytest.mark.parametrize(
    ("form", "estimate", "low", "high"),
    [
        ("ICC(1,1)", 0.166, -0.133, 0.723),
        ("ICC(2,1)", 0.290, 0.019, 0.761),
        ("ICC(3,1)", 0.715, 0.342, 0.946),
        ("ICC(1,k)", 0.443, -0.884, 0.912),
        ("ICC(2,k)", 0.620, 0.071, 0.927),
        ("ICC(3,k)", 0.909, 0.676, 0.986),
    ],
)
def test_icc_of_shrout_and_fleiss_as_psych_prints_it(form, estimate, low, high):
    found = icc(SHROUT, SUBJECTS, form=form, level=0.95, seed=0)
    assert [found["estimate"], *found["ci"]] == pytest.approx([estimate, low, high], abs=5e-4)


def test_icc_leaves_out_gaps_and_says_so_and_is_null_without_variation():
    gappy = np.vstack([SHROUT.astype(float), [[1, np.nan, 2, 3]]])
    found = icc(gappy, np.arange(len(gappy)), level=0.95, seed=0)
    assert found["estimate"] == icc(SHROUT, SUBJECTS, level=0.95, seed=0)["estimate"]
    assert found["flags"] == ["1 images with a missing reading left out"]
    for form in FORMS:
        assert (
            icc(np.full((5, 3), 2.0), np.arange(5), form=form, level=0.95, seed=0)["reason"]
            == "all readings are equal"
        )
        assert icc(SHROUT[:1], SUBJECTS[:1], form=form, level=0.95, seed=0)["estimate"] is None
        same = icc(np.repeat(SHROUT[:, :1], 3, axis=1), SUBJECTS, form=form, level=0.95, seed=0)
        assert same["estimate"] == pytest.approx(1)
        assert same["reason"]
    with pytest.raises(DataError, match="ICC"):
        icc(SHROUT, SUBJECTS, form="ICC(4,1)", level=0.95, seed=0)


@pytest.mark.parametrize(
    ("values", "kind"),
    [([0, 1, 1], "binary"), ([3, 5, 4], "ordinal"), ([0.5, 1], "continuous"), ([1e18, 1e18], "continuous")],
)
def test_whole_numbers_near_zero_are_grades_and_large_ones_measurements(values, kind):
    assert kind_of_ratings(np.array([values, values], dtype=float)) == kind
