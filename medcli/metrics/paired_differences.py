"""Difference of any metric between two models on the same images, by resampling their patients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from medcli.metrics.bootstrap import Resamples, bootstrap_p, describe, percentile_interval, standard_error
from medcli.metrics.heterogeneity import gap
from medcli.metrics.intervals import expanded_level
from medcli.quantity import Quantity, hypothesis_test, quantity, undefined, with_test

Metric = Callable[[np.ndarray], np.ndarray]


def metric_difference(
    first: Metric,
    second: Metric,
    *,
    name: str,
    resamples: Resamples,
    n: int,
    n_clusters: int,
    level: float,
    threads: int = 1,
) -> Quantity:
    """Metric of one model less that of another, with a percentile interval of resampled patients.

    Both are evaluated on the same resamples. Ranks come from `rank_metric`, ratios of counts (F1,
    sensitivity, accuracy, Brier score) from `sum_metric`.

    Args:
        first: From how often each patient is drawn, [resamples, patients], to values [resamples].
        second: The same of the other model.
        name: What the metric is called.
        resamples: Of the patients.
        n: Images.
        n_clusters: Their patients.

    Returns:
        A quantity with `values` (of each model) and `test`.
    """
    everyone = np.ones((1, resamples.num_clusters), dtype=np.uint8)
    own = float(first(everyone)[0]), float(second(everyone)[0])
    values = resamples.evaluate(lambda counts: first(counts) - second(counts), threads=threads)
    return resampled_difference(
        own, values, name=name, n=n, n_clusters=n_clusters, fewest=n_clusters, level=level
    )


def resampled_difference(
    own: tuple[float, float],
    values: np.ndarray,
    *,
    name: str,
    n: int,
    n_clusters: int,
    fewest: int,
    level: float,
) -> Quantity:
    """A difference with the percentile interval of its resamples, expanded where patients are few.

    Args:
        own: The metric of each model on all patients; NaN where undefined.
        values: The difference in every resample, NaN where undefined, [resamples].
        fewest: Patients with an image of the rarest kind.
    """
    method = f"difference of {name}"
    if not np.isfinite(own).all():
        none = undefined(f"{name} is undefined for a model", method=method, n=n, n_clusters=n_clusters)
        return {**none, "values": [value if np.isfinite(value) else None for value in own]}
    estimate = own[0] - own[1]
    interval = percentile_interval(values, level=expanded_level(level, fewest))
    told = describe(values, kind="percentile")
    value = quantity(
        estimate,
        ci=interval,
        level=level,
        se=standard_error(values),
        method=f"{method}, {told['method']}",
        n=n,
        n_clusters=n_clusters,
        reason=None if interval else "resamples of patients do not vary, or are undefined",
    )
    p = 1.0 if interval is None and estimate == 0 else bootstrap_p(values, fewest=fewest)
    test = hypothesis_test("bootstrap over patients, no difference", statistic=None, p=p)
    counts = {name: told[name] for name in ("resamples", "defined")}
    return with_test({**value, "values": list(own), **counts}, test)


def between_models(
    first: Quantity, second: Quantity, name: str, together: float, *, level: float
) -> Quantity:
    """A rate of one model less that of another, with an interval that squares and adds theirs.

    Args:
        first: Of one model.
        second: Of the other.
        name: What the rate is called.
        together: Correlation of their errors: 0 where they share no patient.

    Returns:
        A quantity with `values` (of each model) and `test`.

    Reference: Zou, Psychological Methods 2007; 12:399.
    """
    value = gap(first, second, correlation=together, level=level)
    values = [side["estimate"] for side in (first, second)]
    method = f"difference of {name}, square and add (Zou 2007)"
    method += ", with the correlation of patients of both" if together else ""
    if value["estimate"] is None:
        value["reason"] = f"{name} is undefined for a model"
    else:
        value["test"] = {**value["test"], "test": "no difference between models"}
    return {**value, "method": method, "values": values}


def rank_metric(kernel: Callable[..., np.ndarray], *arguments: np.ndarray) -> Metric:
    """A metric of `resampling_kernels` with its sorted images, as `metric_difference` wants it."""

    def metric(counts: np.ndarray) -> np.ndarray:
        return kernel(*arguments, counts)

    return metric


def sum_metric(per_patient: np.ndarray, statistic: Callable[[np.ndarray], np.ndarray]) -> Metric:
    """A metric that is a function of sums over patients.

    Args:
        per_patient: What each patient adds to every sum, float [patients, sums].
        statistic: From sums [resamples, sums] to values [resamples].
    """

    def metric(counts: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return statistic(counts.astype(float) @ per_patient)

    return metric


def patient_sums(columns: list[np.ndarray], clusters: np.ndarray, *, num_clusters: int) -> np.ndarray:
    """Sums of image-wise numbers by patient, [patients, columns]."""
    return np.stack(
        [np.bincount(clusters, np.asarray(column, dtype=float), num_clusters) for column in columns], axis=1
    )
