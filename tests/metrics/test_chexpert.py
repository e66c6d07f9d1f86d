"""What is known of CheXpert's test set: AUCs, comparisons, agreement of its readers."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.metrics.chance_corrected import fleiss_kappa, rating_counts
from medcli.metrics.consensus import majority
from medcli.metrics.delong_tests import delong_test
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.multiplicity import holm
from tests.metrics import chexpert

pytestmark = pytest.mark.realdata
STUDIES = np.arange(500)


def test_areas_of_one_model():
    truth, scores = chexpert.truth(), chexpert.scores("hieupham")
    found = [auc_quantity(truth[:, k], scores[:, k], STUDIES, level=0.95)["estimate"] for k in range(5)]
    assert found == pytest.approx([0.8913, 0.9406, 0.8996, 0.9219, 0.9680], abs=5e-5)


def test_two_models_differ_in_no_label_after_holm():
    truth, first, second = chexpert.truth(), chexpert.scores("hieupham"), chexpert.scores("jfaboy")
    tests = [
        delong_test(truth[:, k], first[:, k], second[:, k], STUDIES, level=0.95)["test"] for k in range(5)
    ]
    assert [test["statistic"] for test in tests] == pytest.approx(
        [0.28778, 1.14311, -1.97651, 0.13593, 2.12836], abs=5e-6
    )
    assert min(test["p"] for test in tests) < 0.05
    assert min(holm([test["p"] for test in tests])) > 0.05


def test_scores_above_one_are_legal_ranks():
    truth, scores = chexpert.truth(), chexpert.scores("ngango2")
    assert scores.max() > 2.8
    found = auc_quantity(truth[:, 0], scores[:, 0], STUDIES, level=0.95)
    assert 0.5 < found["estimate"] < 1


def test_the_majority_of_five_readers_is_the_truth_in_all_labels():
    found = [
        majority(ratings.T) for ratings in chexpert.readers("groundtruth", chexpert.LABELS).transpose(2, 0, 1)
    ]
    assert all(item.ties == [] for item in found)
    assert (np.stack([item.labels for item in found], axis=1) == chexpert.truth(chexpert.LABELS)).all()


def test_the_readers_of_the_truth_agree_fairly_at_best():
    ratings = chexpert.readers("groundtruth").transpose(2, 1, 0)
    found = [fleiss_kappa(rating_counts(label, num_categories=2), STUDIES, level=0.95) for label in ratings]
    wanted = [0.3813, 0.2487, 0.1933, 0.4215, 0.4748]
    assert [item["estimate"] for item in found] == pytest.approx(wanted, abs=5e-5)
    assert all(item["ci"][0] < item["estimate"] < item["ci"][1] for item in found)
