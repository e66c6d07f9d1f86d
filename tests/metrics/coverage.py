"""Simulated studies with a known truth, and how often each interval holds it; run it to print the table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.special import expit, logit, ndtri, softmax

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.label import label_of
from medcli.metrics.measures import RANKED, TRUSTED, called
from medcli.metrics.overall import of_calls, over_labels, trusted_classes
from medcli.metrics.scored import Scored
from tests.metrics.evaluated import scored, settings

SHARE, AREA, SHIFT = 0.25, 0.85, 1.2
DISTANCE = np.sqrt(2) * ndtri(AREA)
HAVE_INTERVALS = (
    "calibration_intercept",
    "calibration_slope",
    "observed_to_expected",
    "brier",
    "scaled_brier",
)
TRUE_SIZE = 400_000


def patients_of(generator: np.random.Generator, size: int, *, clustered: bool) -> np.ndarray:
    """Patient of each image: of one image each, or of one to five."""
    if not clustered:
        return np.arange(size)
    owners = np.repeat(np.arange(size), generator.integers(1, 6, size=size))[:size]
    return np.unique(owners, return_inverse=True)[1]


def noise(generator: np.random.Generator, clusters: np.ndarray, columns: int) -> np.ndarray:
    """Standard normal [images, columns]; images of a patient share half of the variance."""
    own = generator.normal(size=(len(clusters), columns))
    if len(np.unique(clusters)) == len(clusters):
        return own
    shared = generator.normal(size=(int(clusters.max()) + 1, columns))[clusters]
    return np.sqrt(0.5) * (own + shared)


def one_label(generator: np.random.Generator, positives: float, *, clustered: bool) -> Scored:
    """Binormal scores as true probabilities, with so many positives expected; thresholds in the middle."""
    clusters = patients_of(generator, round(positives / SHARE), clustered=clustered)
    latent, score = noise(generator, clusters, 2).T
    targets = latent < ndtri(SHARE)
    line = logit(SHARE) + DISTANCE * (score + DISTANCE * targets) - DISTANCE**2 / 2
    middle = float(expit(logit(SHARE)))
    return scored(targets, expit(line), clusters, threshold=middle)


def three_labels(generator: np.random.Generator, positives: float, *, clustered: bool) -> Scored:
    """Labels of which the second and third are 3 and 10 times as rare as the first."""
    clusters = patients_of(generator, round(positives / SHARE), clustered=clustered)
    shares = SHARE / np.array([1, 3, 10])
    targets = noise(generator, clusters, 3) < ndtri(shares)
    line = noise(generator, clusters, 3) + DISTANCE * targets
    return scored(targets, expit(line), clusters, threshold=0.8)


def three_classes(generator: np.random.Generator, positives: float, *, clustered: bool) -> Scored:
    """Exclusive classes, the rarest of which is expected so many times."""
    clusters = patients_of(generator, round(positives / SHARE), clustered=clustered)
    latent = noise(generator, clusters, 1)[:, 0]
    labels = np.searchsorted(ndtri([0.25, 0.55]), latent)
    line = noise(generator, clusters, 3) + SHIFT * np.eye(3)[labels]
    posterior = softmax(SHIFT * line + np.log([0.25, 0.3, 0.45]), axis=1)
    return scored(np.eye(3)[labels], posterior, clusters, exclusive=True, ordered=True)


def measured_label(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    chosen = settings(resamples=resamples, prevalences={"label 0": 0.1})
    label = label_of(data, 0, settings=chosen, resamples=Resamples(data.num_clusters, seed, resamples))
    found = {name: measure(label) for name, measure in RANKED.items() if name != "best_youden"}
    trust = {name: TRUSTED[name](label, data.before[:, 0]) for name in (*HAVE_INTERVALS, "log_loss")}
    return {**found, **called(label), **trust}


def measured_labels(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    return over_labels(data, settings(resamples=resamples), Resamples(data.num_clusters, seed, resamples))


def measured_classes(data: Scored, resamples: int, seed: int) -> dict[str, Any]:
    chosen = settings(resamples=resamples)
    found = of_calls(data, chosen, Resamples(data.num_clusters, seed, resamples))
    trust = trusted_classes(data, data.before, chosen, reason="")
    top = {f"top {k}": value for k, value in found.pop("top_k").items()}
    del found["confusion"]
    return {**found, **top, **{name: trust[name] for name in ("brier", "log_loss")}}


DESIGNS = {
    "label": (one_label, measured_label),
    "labels": (three_labels, measured_labels),
    "classes": (three_classes, measured_classes),
}


def truth_of(design: str) -> dict[str, float]:
    """Each measure of very many images: what the intervals must hold."""
    make, measure = DESIGNS[design]
    data = make(np.random.default_rng(0), TRUE_SIZE * SHARE, clustered=False)
    return {name: value["estimate"] for name, value in measure(data, 2, 0).items()}


def coverage(
    design: str, positives: int, *, clustered: bool, studies: int, resamples: int = 1000
) -> Iterator[dict[str, Any]]:
    """Of each measure how often its interval was defined, held the truth, and missed it on either side."""
    make, measure = DESIGNS[design]
    truth = truth_of(design)
    counts = {name: np.zeros(4) for name in truth}
    generator = np.random.default_rng([positives, clustered, len(design)])
    for study in range(studies):
        data = make(generator, positives, clustered=clustered)
        for name, value in measure(data, resamples, study).items():
            if value["ci"] is not None:
                low, high = value["ci"]
                counts[name] += [1, low <= truth[name] <= high, truth[name] < low, high < truth[name]]
    for name, (defined, held, above, below) in counts.items():
        yield {
            "measure": name,
            "defined": int(defined),
            "coverage": round(held / max(1, defined), 4),
            "too_high": int(above),
            "too_low": int(below),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--positives", type=int, nargs="*", default=[10, 30, 300])
    parser.add_argument("--designs", nargs="*", default=list(DESIGNS))
    options = parser.parse_args()
    for design in options.designs:
        for positives in options.positives:
            for clustered in (False, True):
                counts = {"studies": options.studies, "resamples": options.resamples}
                for row in coverage(design, positives, clustered=clustered, **counts):
                    place = {"design": design, "positives": positives, "clustered": clustered}
                    print(json.dumps({**place, **row}), flush=True)


if __name__ == "__main__":
    main()
