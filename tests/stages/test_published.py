"""Published worked examples through the stages: tables in, the printed digits out."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from scipy.special import ndtri

from medcli.choices import KappaWeights, RatingScale, ShareInterval
from medcli.config import CompareConfig, EvaluateConfig, Part, ReadersConfig
from medcli.errors import UsageError
from medcli.metrics.cochran import cochran_q
from medcli.metrics.dawid_skene import latent_truth
from medcli.metrics.decision_curve import net_benefit
from medcli.metrics.sample_size import calibration_slope_sample_size
from medcli.metrics.summary import summarize
from medcli.stages import compare, readers
from medcli.stages._decisions import decision_section
from medcli.stages._plan import plan_study
from medcli.stages._predictions import by_id, load_source, open_predictions, predictions_of
from medcli.stages._scoring import score
from medcli.stages._settings import measure_settings


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def scored(path, rows):
    """A table of scores as `evaluate` counts it."""
    table = write(path, [("id", "target", "score"), *((i, *row) for i, row in enumerate(rows))])
    config = EvaluateConfig(source=table, part=Part.all, key_file=path.parent / "key")
    manifest = load_source(table, config, part="all")
    return score(by_id(open_predictions(predictions_of(manifest, "all"))), manifest)[0]


def measured(path, rows, **options):
    """What `evaluate` says of the one label of a table."""
    cases = scored(path, rows)
    settings = measure_settings(EvaluateConfig(resamples=100, **options), classes=cases.classes, part="all")
    return summarize(cases, settings)["classes"][0]


def crossed(*counts):
    """(target, call) of each image from hits, misses, false alarms and right rejections."""
    kinds = [(1, 1), (1, 0), (0, 1), (0, 0)]
    return [kind for kind, count in zip(kinds, counts, strict=True) for _ in range(count)]


# DeLong, DeLong & Clarke-Pearson, Biometrics 1988; 44:837: albumin, total protein, Krebs-Goplerud score (10
# is worst) and whether surgery helped, of the patients with ovarian cancer who have all three.
OVARIAN = """
30 58 10 0  32 63 5 1  39 68 3 1  28 48 6 0  32 58 3 1  9 40 5 0   25 57 8 0  16 56 5 1  38 57 5 1  37 67 6 1
32 54 4 1   38 66 6 1  41 66 5 1  36 57 5 1  43 70 4 1  36 67 4 0  23 44 6 1  42 76 4 0  40 66 6 0  35 58 6 1
38 68 7 1   30 47 8 0  45 74 5 1  37 74 5 1  31 66 6 1  41 82 6 1  43 70 5 1  43 65 4 1  32 51 5 1  26 47 6 1
33 68 6 0   17 40 7 0  37 61 5 1  33 63 7 1  42 77 6 1  35 62 5 1  29 57 9 0  21 48 7 1  28 62 8 0  40 70 7 1
33 57 6 1   37 69 5 1  36 66 5 1
"""


def test_ovarian_cancer_of_delong(tmp_path):
    """As SAS/STAT's guide prints it (PROC LOGISTIC, comparing receiver operating characteristic curves)."""
    albumin, protein, krebs, helped = np.array(OVARIAN.split(), dtype=int).reshape(-1, 4).T
    markers = {"albumin": albumin, "protein": protein, "krebs": 10 - krebs}
    tables = [
        write(
            tmp_path / f"{name}.csv",
            [("id", "target", "score"), *zip(range(43), helped, values, strict=True)],
        )
        for name, values in markers.items()
    ]
    config = CompareConfig(sources=tuple(tables), key_file=tmp_path / "key", resamples=100, jobs=1)
    (label,) = compare.run(config)["labels"]
    areas = [model["auc"] for model in label["models"]]
    assert [round(area["estimate"], 4) for area in areas] == [0.7366, 0.6478, 0.7258]
    assert [round(area["se"], 4) for area in areas] == [0.0927, 0.1000, 0.1028]
    assert label["global"]["statistic"] == pytest.approx(2.5340, abs=5e-5)
    assert (label["global"]["df"], round(label["global"]["p"], 4)) == (2, 0.2817)
    protein_less_krebs = label["pairs"][2]["measures"]["auc"]
    assert protein_less_krebs["estimate"] == pytest.approx(-0.0780, abs=5e-5)
    assert protein_less_krebs["se"] == pytest.approx(0.1046, abs=5e-5)
    assert protein_less_krebs["test"]["statistic"] ** 2 == pytest.approx(0.5554, abs=5e-5)
    assert protein_less_krebs["test"]["p"] == pytest.approx(0.4561, abs=5e-5)


def test_decision_curve_of_dcurves(tmp_path):
    """A marker from 0.25 on, and family history, of 750 men, 105 with cancer: tests of package dcurves."""
    marker = decision_section(scored(tmp_path / "m.csv", crossed(72, 33, 72, 573)), "0.05,0.35", level=0.95)
    curve = marker["classes"][0]["curve"]
    at = curve["thresholds"].index(0.25)
    assert curve["thresholds"] == [percent / 100 for percent in range(5, 36)]
    assert curve["model"][at] == pytest.approx(0.064, abs=1e-7)
    assert curve["everyone"][at] == pytest.approx(-0.1466667, abs=1e-7)
    family = decision_section(scored(tmp_path / "f.csv", crossed(24, 81, 91, 554)), "0.0001,0.25", level=0.95)
    assert family["classes"][0]["at_low"]["estimate"] == pytest.approx(0.032, abs=2e-5)
    avoided = decision_section(scored(tmp_path / "m.csv", crossed(72, 33, 72, 573)), "0.25,0.35", level=0.95)
    assert avoided["classes"][0]["at_low"]["avoided"]["estimate"] == pytest.approx(63.2, abs=1e-9)
    # Cases sampled by outcome, for a prevalence of 0.15.
    targets, calls = np.array(crossed(114, 306, 30, 300)).T
    stated = net_benefit(
        targets, calls.astype(float), np.arange(750), threshold=0.25, level=0.95, prevalence=0.15
    )
    assert stated["estimate"] == pytest.approx(0.01495671, abs=5e-9)


def agreed(path, columns, **options):
    """Agreement of readers who each have a column; a blank is not read."""
    rows = [[i, *row] for i, row in enumerate(zip(*columns, strict=True))]
    table = write(path, [["id", *(f"reader:{k}" for k in range(len(columns)))], *rows])
    (label,) = readers.run(ReadersConfig(sources=(table,), **options))["labels"]
    return label["agreement"][0]


def three(value, *names):
    """What of a quantity is printed with three decimals."""
    return [round(value["ci"][0] if name == "low" else value[name], 3) for name in ("estimate", *names)]


# Twelve units by four readers in five categories: Krippendorff, Computing Krippendorff's Alpha-Reliability,
# 2011, and Gwet, Handbook of Inter-Rater Reliability, 2014, with one reading less.
UNITS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, "", "", ""],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, "", 3],
    ["", 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, ""],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, ""],
]
GWETS = [UNITS[0], [*UNITS[1][:11], ""], [*UNITS[2][:11], 3], UNITS[3]]


@pytest.mark.parametrize(
    ("scale", "wanted"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_of_krippendorff_on_every_scale(scale, wanted, tmp_path):
    found = agreed(tmp_path / "k.csv", UNITS, scale=RatingScale(scale))["krippendorff"]
    assert found["estimate"] == pytest.approx(wanted, abs=5e-4)
    assert scale in found["method"]


@pytest.mark.parametrize(
    ("first", "second", "alpha"),
    [
        ("0100000010", "1110010000", 0.095),
        ("aabbdcccedda", "babbbccceddd", 0.692),
    ],
    ids=["calls", "names"],
)
def test_alpha_of_two_observers(first, second, alpha, tmp_path):
    """Sections A and B of the same paper: two observers of ten binary units, and of twelve named ones."""
    assert agreed(tmp_path / "k.csv", [first, second])["krippendorff"]["estimate"] == pytest.approx(
        alpha, abs=5e-4
    )


def test_coefficients_of_gwet_with_gaps_and_weights(tmp_path):
    """Estimates, errors and lower limits as the tests of irrCAC have them."""
    plain = agreed(tmp_path / "g.csv", GWETS, scale=RatingScale.nominal)
    assert three(plain["gwet_ac1"], "agreement", "expected", "se", "low") == [
        0.775, 0.818, 0.190, 0.143, 0.461,
    ]  # fmt: skip
    assert three(plain["conger"]) == [0.763]
    linear = agreed(tmp_path / "g.csv", GWETS, weights=KappaWeights.linear)
    assert three(linear["gwet_ac2"], "agreement", "expected", "se", "low") == [
        0.859, 0.939, 0.571, 0.117, 0.600,
    ]  # fmt: skip
    assert three(linear["brennan_prediger"], "se", "low") == [0.848, 0.123, 0.577]
    assert three(linear["conger"]) == [0.814]
    squared = agreed(tmp_path / "g.csv", GWETS)
    assert three(squared["gwet_ac2"], "agreement", "expected", "se", "low") == [
        0.914, 0.975, 0.714, 0.104, 0.685,
    ]  # fmt: skip
    assert three(squared["fleiss"], "expected", "se", "low") == [0.865, 0.818, 0.146, 0.544]
    assert three(squared["brennan_prediger"], "se", "low") == [0.902, 0.111, 0.657]
    none = agreed(tmp_path / "g.csv", GWETS, scale=RatingScale.ordinal, weights=KappaWeights.none)
    assert none["gwet_ac1"]["estimate"] == pytest.approx(plain["gwet_ac1"]["estimate"], abs=1e-12)
    assert "gwet_ac2" not in none


@pytest.mark.parametrize(
    ("weights", "wanted"),
    [("none", [0.432, 0.046]), ("linear", [0.407, 0.053]), ("quadratic", [0.383, 0.066])],
)
def test_weighted_kappa_of_gwets_diagnoses(weights, wanted, tmp_path):
    counts = np.array([[40, 6, 4, 15], [4, 25, 1, 5], [4, 2, 21, 9], [17, 13, 12, 45]])
    both = [np.repeat(place + 1, counts.ravel()) for place in np.indices((4, 4)).reshape(2, -1)]
    found = agreed(tmp_path / "d.csv", both, weights=KappaWeights(weights), scale=RatingScale.ordinal)
    assert three(found["pairs"][0]["cohen"], "se") == wanted


def test_six_forms_of_shrout_and_fleiss(tmp_path):
    """Table 4 of their paper, and the limits that the package psych prints."""
    columns = [[9, 6, 8, 7, 10, 6], [2, 1, 4, 1, 5, 2], [5, 3, 6, 2, 6, 4], [8, 2, 8, 6, 9, 7]]
    found = agreed(tmp_path / "s.csv", columns, scale=RatingScale.interval)
    wanted = {
        "ICC(1,1)": (0.17, -0.133, 0.723),
        "ICC(3,1)": (0.71, 0.342, 0.946),
        "ICC(1,k)": (0.44, -0.884, 0.912),
        "ICC(2,k)": (0.62, 0.071, 0.927),
        "ICC(3,k)": (0.91, 0.676, 0.986),
    }
    forms = {"ICC(2,1)": found["icc"], **found["icc_forms"]}
    for form, (estimate, low, high) in {"ICC(2,1)": (0.29, 0.019, 0.761), **wanted}.items():
        assert forms[form]["estimate"] == pytest.approx(estimate, abs=6e-3)
        assert forms[form]["ci"] == pytest.approx([low, high], abs=5e-4)
    assert set(forms) == {"ICC(2,1)", *wanted}


def test_scales_that_do_not_fit(tmp_path):
    with pytest.raises(UsageError, match="readings are names"):
        agreed(tmp_path / "n.csv", [["a", "b"], ["a", "a"]], scale=RatingScale.ordinal)
    with pytest.raises(UsageError, match="--positive-from makes calls"):
        agreed(tmp_path / "g.csv", [[1, 2], [1, 3]], scale=RatingScale.ordinal, positive_from=2)
    calls = agreed(tmp_path / "c.csv", [[1, 0, 1], [1, 0, 0]], scale=RatingScale.nominal)
    assert "gwet_ac1" in calls
    assert "shares" in calls
    with pytest.raises(UsageError, match="150 different readings, more than 100"):
        agreed(tmp_path / "m.csv", [range(150), range(150)], scale=RatingScale.nominal)


# What five anaesthetists said of 45 patients, the first of them three times: Dawid & Skene, Applied
# Statistics 1979; 28:20, table 1.
ANAESTHETISTS = """
1111111 3334334 1122122 2223121 2223222 2223322 1222111 3333433 2222223 2322223 4444444 2223343
1111111 2223212 1211111 1112111 1111111 1111111 2222221 2221322 2222222 2222221 2223222 2212222
1111111 1111111 2322222 1111111 1111111 1121121 1111111 3333233 1111111 2222222 2223232 4334343
2212232 2323233 3333432 1111111 1111111 1212111 2322222 1211111 2222222
"""


def test_fitness_of_patients_of_dawid_and_skene():
    """Their estimates by maximum likelihood: shares of the four classes, and how the first of them errs."""
    said = np.zeros((45, 5, 4))
    for row, readings in enumerate(ANAESTHETISTS.split()):
        for who, category in zip((0, 0, 0, 1, 2, 3, 4), readings, strict=True):
            said[row, who, int(category) - 1] += 1
    found = latent_truth(said)
    assert found.prevalence == pytest.approx([0.40, 0.42, 0.11, 0.07], abs=5e-3)
    first = [[0.89, 0.11, 0, 0], [0.07, 0.88, 0.05, 0], [0, 0.34, 0.66, 0], [0, 0, 0.56, 0.44]]
    assert found.confusion[0] == pytest.approx(np.array(first), abs=5e-3)
    assert found.flags == []


def test_alleles_of_mercaldo(tmp_path):
    """Mercaldo, Lau & Zhou 2007, table VIII, at a prevalence of 0.03, and the logit intervals of bdpv."""
    found = measured(tmp_path / "a.csv", crossed(240, 178, 87, 288), prevalence=("0.03",))
    assert found["ppv_at_prevalence"]["estimate"] == pytest.approx(0.0711, abs=5e-5)
    assert found["ppv_at_prevalence"]["ci"] == pytest.approx([0.0589, 0.0856], abs=5e-5)
    assert found["npv_at_prevalence"]["estimate"] == pytest.approx(0.9831, abs=5e-5)
    assert found["npv_at_prevalence"]["ci"] == pytest.approx([0.9809, 0.9851], abs=5e-5)


def test_accuracy_of_a_test_as_epir_prints_it(tmp_path):
    """670 and 202 of the called, 74 and 640 of the others: the example of epi.tests, with exact intervals."""
    found = measured(tmp_path / "e.csv", crossed(670, 74, 202, 640), interval=ShareInterval.exact)
    wanted = {
        "sensitivity": (0.90, 0.88, 0.92),
        "specificity": (0.76, 0.73, 0.79),
        "ppv": (0.77, 0.74, 0.80),
        "npv": (0.90, 0.87, 0.92),
        "lr_positive": (3.75, 3.32, 4.24),
        "lr_negative": (0.13, 0.11, 0.16),
    }
    for name, numbers in wanted.items():
        value = found[name]
        assert [round(number, 2) for number in (value["estimate"], *value["ci"])] == list(numbers), name


@pytest.mark.parametrize(
    ("targets", "scores", "wanted"),
    [
        ((0, 0, 1, 1), (0.1, 0.4, 0.35, 0.8), {"auc": 0.75, "average_precision": 0.8333}),
        ((0, 1, 1, 0), (0.1, 0.9, 0.8, 0.3), {"brier": 0.0375}),
        ((1, 0, 0, 1), (0.9, 0.1, 0.2, 0.65), {"log_loss": 0.2162}),
        ((1, 1, 1, 0), (1, 0, 1, 1), {"mcc": -0.3333}),
        ((0, 1, 0, 0, 1, 0), (0, 1, 0, 0, 0, 1), {"balanced_accuracy": 0.625}),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else " ".join(value),
)
def test_examples_of_scikit_learns_guide(targets, scores, wanted, tmp_path):
    found = measured(tmp_path / "s.csv", zip(targets, scores, strict=True))
    for name, number in wanted.items():
        value = found[name].get("before", found[name])
        assert value["estimate"] == pytest.approx(number, abs=5e-5)


def test_heterogeneity_of_vaccines_against_tuberculosis():
    """Log risk ratios of 13 trials of BCG (Colditz et al., JAMA 1994; 271:698), as metafor prints them."""
    trials = np.array(
        [(4, 123, 11, 139), (6, 306, 29, 303), (3, 231, 11, 220), (62, 13598, 248, 12867),
         (33, 5069, 47, 5808), (180, 1541, 372, 1451), (8, 2545, 10, 629), (505, 88391, 499, 88391),
         (29, 7499, 45, 7277), (17, 1716, 65, 1665), (186, 50634, 141, 27338), (5, 2498, 3, 2341),
         (27, 16913, 29, 17854)]
    )  # fmt: skip
    ill, all_treated, ill_without, all_without = trials.T.astype(float)
    ratios = (ill / all_treated) / (ill_without / all_without)
    errors = np.sqrt(1 / ill - 1 / all_treated + 1 / ill_without - 1 / all_without)
    found = cochran_q(
        ratios, ratios * errors, scale="log", level=0.95, n=int(trials[:, 1::2].sum()), n_clusters=13
    )
    assert found["test"]["statistic"] == pytest.approx(152.2330, abs=5e-5)
    assert found["test"]["df"] == 12
    assert found["i_squared"]["estimate"] == pytest.approx(0.9212, abs=5e-5)
    assert found["tau_squared"]["estimate"] == pytest.approx(0.3088, abs=5e-5)
    assert np.log(found["pooled"]) == pytest.approx(-0.4303, abs=5e-5)
    # Of odds ratios the site of metafor (analyses, van Houwelingen et al. 2002) has the Q-profile of tau
    # squared, to the 1.2e-4 where R's uniroot stops.
    well, well_without = all_treated - ill, all_without - ill_without
    odds = (ill / well) / (ill_without / well_without)
    errors = np.sqrt(1 / ill + 1 / well + 1 / ill_without + 1 / well_without)
    found = cochran_q(
        odds, odds * errors, scale="log", level=0.95, n=int(trials[:, 1::2].sum()), n_clusters=13
    )
    assert found["tau_squared"]["ci"] == pytest.approx([0.1302, 1.1812], abs=1.7e-4)


def test_a_validation_study_of_riley():
    """Heart valves, 1.8 % events, c statistic 0.8: Riley et al. 2021, as tests of pmvalsampsize have it.

    They ask for O/E between limits that are 1 apart (905 patients, by an error in steps of 0.0001), and a c
    statistic within 0.05 by its error (4,252), where an interval by Newcombe's method 5 is asked for here.
    """
    needed = plan_study(f"auc=0.8,prevalence=0.018,width=0.05,oe_width={np.arcsinh(0.5)}", level=0.95)[
        "needed"
    ]
    sizes = {entry["measure"]: entry["images"] for entry in needed}
    assert sizes["observed_to_expected"] == pytest.approx(905, abs=1)
    assert sizes["auc"] == pytest.approx(4252, rel=2e-3)
    # Logits of mean -5 and standard deviation 2.5, of which they draw 1,000.
    logits = -5 + 2.5 * ndtri((np.arange(100_000) + 0.5) / 100_000)
    assert calibration_slope_sample_size(logits, half_width=0.1) == pytest.approx(4501, rel=0.02)
