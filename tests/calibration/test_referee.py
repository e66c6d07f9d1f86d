"""The referee: it finds what was planted, shares where cases are few, and gives its reasons."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from medcli.calibration.calibrator import apply, fit
from medcli.calibration.folds import patient_folds
from medcli.calibration.referee import Task, cross_fitted, judge_methods
from medcli.errors import DataError
from tests.metrics import chexpert
from tests.metrics.oracles import numbers, table


def judge(scores, targets, *, exclusive, classes=None, clusters=None, kind="logit", seed=1):
    clusters = np.arange(len(scores)) if clusters is None else clusters
    names = classes or [f"c{k}" for k in range(scores.shape[1])]
    held = patient_folds(scores, targets, clusters, seed=seed)
    return judge_methods(scores, targets, clusters, held, task=Task(names, kind, exclusive), level=0.95)


def softmax_sample(size, *, temperature, seed, bias=0.0):
    generator = np.random.default_rng(seed)
    honest = 1.5 * generator.normal(size=(size, 4))
    labels = (softmax(honest, axis=1).cumsum(axis=1) < generator.random((size, 1))).sum(axis=1)
    return temperature * (honest - bias * np.arange(4)), np.eye(4)[labels]


def sigmoid_sample(size, *, slope, shift, seed):
    generator = np.random.default_rng(seed)
    honest = 1.5 * generator.normal(size=(size, 2)) - 0.5
    return slope * honest + shift, (generator.random((size, 2)) < expit(honest)).astype(float)


def test_a_planted_temperature_of_a_softmax_wins_and_is_found():
    found = judge(*softmax_sample(12_000, temperature=2.3, seed=7), exclusive=True)
    assert found["method"] == "temperature"
    assert found["parameters"][0]["temperature"] == pytest.approx(2.3, abs=0.05)
    (entry,) = found["comparison"]
    assert entry["class"] is None
    assert "the temperature is 2.3" in entry["why"]
    assert entry["keeps"] == "the called class and the accuracy"


def test_honest_scores_are_left_alone():
    found = judge(*softmax_sample(3_000, temperature=1, seed=8), exclusive=True)
    assert (found["method"], found["parameters"]) == ("none", [])
    found = judge(*sigmoid_sample(3_000, slope=1, shift=0, seed=8), exclusive=False)
    assert (found["method"], found["parameters"]) == ("none", [])


def test_a_shift_of_classes_needs_a_bias():
    found = judge(*softmax_sample(3_000, temperature=1.5, seed=9, bias=0.6), exclusive=True)
    assert found["method"] == "bias-temperature"
    biases = np.array([entry["bias"] for entry in found["parameters"]])
    assert biases == pytest.approx(0.6 * np.arange(4), abs=0.15)


def test_a_shift_of_labels_is_why_temperature_fails():
    scores, targets = sigmoid_sample(3_000, slope=2, shift=3, seed=10)
    found = judge(scores, targets, exclusive=False)
    for entry in found["comparison"]:
        assert entry["winner"] in {"bias-temperature", "platt"}
        assert "it cannot shift, and the scores need an intercept of -1." in entry["why"]
        losses = {name: c["log_loss"]["estimate"] for name, c in entry["candidates"].items()}
        assert losses[entry["best"]] == min(losses.values())
        gap = entry["candidates"][entry["winner"]]["difference"]
        assert gap["estimate"] <= gap["se"]


def test_few_positives_share_parameters():
    scores, targets = sigmoid_sample(2_000, slope=2, shift=3, seed=11)
    positives = np.flatnonzero(targets[:, 1] == 1)
    targets[positives[6:], 1] = np.nan
    entry = judge(scores, targets, exclusive=False)["comparison"][1]
    assert list(entry["candidates"]) == ["none", "bias-temperature", "temperature"]
    assert entry["few"] == "only 6 patients of a kind: parameters are shared"
    assert entry["few"] in entry["why"]


def test_one_label_has_nothing_to_share():
    scores, targets = sigmoid_sample(600, slope=2, shift=3, seed=15)
    found = judge(scores[:, :1], targets[:, :1], exclusive=False)
    assert list(found["comparison"][0]["candidates"]) == ["none", "temperature", "platt", "beta", "isotonic"]
    assert found["method"] == "platt"


def test_the_order_of_rows_changes_no_verdict():
    for exclusive, (scores, targets) in (
        (False, sigmoid_sample(400, slope=2, shift=1, seed=16)),
        (True, softmax_sample(400, temperature=2, seed=16)),
    ):
        owner = np.arange(400) // 3
        order = np.random.default_rng(0).permutation(400)
        first = judge(scores, targets, exclusive=exclusive, clusters=owner)
        # Patients have other numbers, too.
        second = judge(scores[order], targets[order], exclusive=exclusive, clusters=(1_000 - owner)[order])
        for one, other in zip(first["comparison"], second["comparison"], strict=True):
            assert one["winner"] == other["winner"]
            for name, candidate in one["candidates"].items():
                wanted, got = candidate["log_loss"], other["candidates"][name]["log_loss"]
                assert got["estimate"] == pytest.approx(wanted["estimate"], rel=1e-6)
                assert got["se"] == pytest.approx(wanted["se"], rel=1e-6)


def test_patients_are_never_on_both_sides_of_a_fit():
    """Twins of another patient would be known by heart: isotonic regression must not profit from them."""
    generator = np.random.default_rng(12)
    scores = generator.normal(size=(120, 1))
    targets = generator.integers(0, 2, size=(120, 1)).astype(float)
    doubled, truth, owner = (
        np.repeat(scores, 8, axis=0),
        np.repeat(targets, 8, axis=0),
        np.repeat(np.arange(120), 8),
    )
    held = patient_folds(doubled, truth, owner, seed=3)
    assert all(len(set(held[owner == patient])) == 1 for patient in range(120))
    entry = judge(doubled, truth, exclusive=False, clusters=owner)["comparison"][0]
    known_by_heart = judge(doubled, truth, exclusive=False)["comparison"][0]
    losses = [e["candidates"]["isotonic"]["log_loss"]["estimate"] for e in (entry, known_by_heart)]
    assert losses[0] > np.log(2) > losses[1]
    assert entry["candidates"]["none"]["log_loss"]["n_clusters"] == 120


def test_every_fold_has_its_share_of_a_rare_finding():
    generator = np.random.default_rng(13)
    targets = np.zeros((500, 3))
    targets[:10, 0], targets[10:60, 1], targets[60:, 2] = 1, 1, generator.integers(0, 2, 440)
    held = patient_folds(generator.normal(size=(500, 3)), targets, np.arange(500), seed=0)
    assert [int(targets[held == fold, 0].sum()) for fold in range(5)] == [2] * 5
    assert [int(targets[held == fold, 1].sum()) for fold in range(5)] == [10] * 5


def test_cross_fitted_probabilities_come_from_fits_without_the_patient():
    scores, targets = sigmoid_sample(300, slope=2, shift=1, seed=14)
    held = patient_folds(scores, targets, np.arange(300), seed=0)
    task = Task(["a", "b"], "logit", exclusive=False)
    found = cross_fitted(scores, targets, held, task=task, methods=["platt", "isotonic"])
    out = held == 2
    for column, method in enumerate(["platt", "isotonic"]):
        parameters = fit(scores[~out], targets[~out], method=method, **task._asdict())
        by_hand = apply(scores[out], kind="logit", exclusive=False, method=method, parameters=parameters)
        assert found[out, column] == pytest.approx(by_hand[:, column])


def test_one_patient_cannot_be_judged():
    found = judge(
        np.zeros((4, 1)), np.array([[0.0], [1], [0], [1]]), exclusive=False, clusters=np.zeros(4, int)
    )
    assert found["comparison"][0]["reason"] == "one patient cannot be judged on another"
    assert found["method"] == "none"


def test_labels_with_unknowns_are_fitted_on_what_is_known():
    data = table("21_multilabel_nan")
    names = [name.removeprefix("prob_") for name in data if name.startswith("prob_")]
    targets = np.stack([numbers(data[name]) for name in names], axis=1)
    scores = np.stack([numbers(data[f"prob_{name}"]) for name in names], axis=1)
    found = judge(scores, targets, exclusive=False, kind="probability", classes=names)
    reasons = {entry["class"]: entry["reason"] for entry in found["comparison"] if entry["reason"]}
    assert reasons == {"Hernia": "no positive case to fit on", "Fracture": "no negative case to fit on"}
    assert [entry["n"] for entry in found["comparison"]] == [133, 132, 132, 138, 1]
    assert [found["parameters"][column]["method"] for column in (3, 4)] == ["none", "none"]
    kept = apply(scores, kind="probability", exclusive=False, method="auto", parameters=found["parameters"])
    assert (kept[:, 3:] == scores[:, 3:]).all()


def test_scores_outside_the_unit_interval_are_refused_with_the_worst():
    scores, targets = chexpert.scores("ngango2"), chexpert.truth()
    with pytest.raises(DataError, match=r"the furthest is 2\.81037"):
        judge(scores, targets, exclusive=False, kind="probability", classes=chexpert.COMPETITION)


def test_temperature_does_not_win_on_sigmoid_heads_of_chexpert():
    scores, targets = chexpert.scores("hieupham")[::2], chexpert.truth()[::2]
    found = judge(scores, targets, exclusive=False, kind="probability", classes=chexpert.COMPETITION)
    entry = found["comparison"][0]
    assert entry["class"] == "Atelectasis"
    assert entry["winner"] in {"bias-temperature", "platt"}
    assert "it cannot shift, and the scores need an intercept of -3." in entry["why"]
    assert entry["candidates"]["temperature"]["difference"]["ci"][0] > 0.15
