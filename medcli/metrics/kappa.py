"""Agreement of two readers, or of calls and truth, beyond chance: Cohen's kappa, plain and weighted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from medcli.errors import DataError
from medcli.metrics.intervals import FEW_CLUSTERS, normal_quantile, resampled_reach
from medcli.quantity import Quantity, beside, hypothesis_test, quantity, undefined, with_test

WEIGHTS = ("none", "linear", "quadratic")


@dataclass(frozen=True)
class Weights:
    """How much of an agreement it is that two readings are in categories some way apart.

    Attributes:
        kind: `none`: nothing wherever they differ; `linear`: one less their distance over the largest
            distance; `quadratic`: one less its square.
        values: What the categories stand for, float [categories], rising, where they are not one apart.
    """

    kind: str = "none"
    values: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.kind not in WEIGHTS:
            raise DataError(f"weights of kappa are {', '.join(WEIGHTS)}, not {self.kind!r}")

    @property
    def has_distances(self) -> bool:
        """Whether categories are nearer and further."""
        return self.kind != "none"

    @property
    def words(self) -> str:
        """What a method says of them."""
        return f", {self.kind} weights" if self.has_distances else ""

    def merit(self, num_categories: int) -> np.ndarray:
        """Agreement of each pair of categories, [categories, categories]: 1 on the diagonal, 0 furthest."""
        values = np.arange(float(num_categories)) if self.values is None else self.values
        distance = np.abs(np.subtract.outer(values, values)) / (np.ptp(values) or 1 if len(values) else 1)
        if not self.has_distances:
            return (distance == 0).astype(float)
        return 1 - distance ** {"linear": 1, "quadratic": 2}[self.kind]


UNWEIGHTED = Weights()


def cohen_kappa(
    first: np.ndarray,
    second: np.ndarray,
    clusters: np.ndarray,
    *,
    num_categories: int,
    weights: Weights = UNWEIGHTED,
    level: float,
) -> Quantity:
    """Cohen's kappa with its asymptotic interval, the observed agreement and both readers' prevalences.

    Below 50 patients the interval is Student's on Fisher's scale, as kappa is skewed and its error uncertain.

    Args:
        first: Category of each image by one reader, int [images] from 0, ordered when weights are used.
        second: By the other.
        clusters: Patient of each image; the variance is summed by patient.
        num_categories: How many categories there are.

    Returns:
        A quantity with `agreement`, `expected`, `prevalence` [readers, categories] and `test` (of
        no agreement beyond chance); null when chance agreement is already perfect.

    Reference: Cohen, Psychological Bulletin 1968; 70:213; Fleiss, Cohen & Everitt, Psychological Bulletin
    1969; 72:323.
    """
    table = np.zeros((num_categories, num_categories))
    np.add.at(table, (np.asarray(first, dtype=int), np.asarray(second, dtype=int)), 1)
    parts = kappa_parts(table, weights.merit(num_categories))
    method = "Cohen's kappa" + weights.words
    n, used = len(first), len(np.unique(clusters))
    facts = {name: parts[name] for name in ("agreement", "expected", "prevalence")}
    if parts["kappa"] is None:
        return {**undefined(parts["reason"], method=method, n=n, n_clusters=used), **facts}
    influences = parts["influence"][np.asarray(first, dtype=int), np.asarray(second, dtype=int)]
    se = clustered_error(influences, clusters)
    is_few = used < FEW_CLUSTERS
    reach = resampled_reach(level, used) if is_few else normal_quantile(level)
    value = agreement_quantity(
        parts["kappa"],
        se,
        reach=reach,
        level=level,
        method=method + (", Student's t on Fisher's scale" if is_few else ""),
        n=n,
        n_clusters=used,
        is_transformed=is_few,
    )
    value = beside({**value, **facts}, rule="agreement by chance", estimate=0.0)
    z = parts["kappa"] / parts["null_error"] if parts["null_error"] > 0 else None
    p = None if z is None else 2 * float(ndtr(-abs(z)))
    return with_test(value, hypothesis_test("Cohen's kappa of zero", statistic=z, p=p))


def kappa_parts(table: np.ndarray, merit: np.ndarray) -> dict:
    """Kappa of a square table of counts, its null error, and what one image of each cell adds to its error.

    Args:
        table: Images by category of the first and of the second reader.
        merit: As `Weights.merit` gives it.

    Returns:
        `kappa`, `agreement`, `expected`, `prevalence`, `null_error`, `influence` [categories, categories]
        and `reason`, which is set when kappa is undefined.
    """
    total = table.sum()
    if total == 0:
        return {**dict.fromkeys(("kappa", "agreement", "expected", "prevalence")), "reason": "no cases"}
    shares = table / total
    rows, columns = shares.sum(axis=1), shares.sum(axis=0)
    agreement, expected = float(np.sum(merit * shares)), float(rows @ merit @ columns)
    facts = {
        "agreement": agreement,
        "expected": expected,
        "prevalence": [rows.tolist(), columns.tolist()],
    }
    if 1 - expected < 1e-12:
        return {"kappa": None, **facts, "reason": "agreement by chance is 1: both always say the same"}
    together = (merit @ columns)[:, None] + (rows @ merit)[None, :]
    influence = (merit * (1 - expected) - together * (1 - agreement)) / (1 - expected) ** 2
    null = np.sum(np.outer(rows, columns) * (merit - together) ** 2) - expected**2
    return {
        "kappa": (agreement - expected) / (1 - expected),
        **facts,
        "null_error": math.sqrt(max(0.0, null) / total) / (1 - expected),
        "influence": influence - np.sum(shares * influence),
        "reason": None,
    }


def clustered_error(influences: np.ndarray, clusters: np.ndarray) -> float | None:
    """Standard error of a mean-like statistic from centred influences, summed by patient.

    Without repeated patients it is the asymptotic error, divided by n and not by n - 1; None for one patient.
    """
    _, codes = np.unique(clusters, return_inverse=True)
    sums = np.bincount(codes, influences)
    if len(sums) < 2:
        return None
    return math.sqrt(float(np.sum(sums**2))) / len(influences)


def agreement_quantity(
    estimate: float,
    se: float | None,
    *,
    reach: float,
    level: float,
    method: str,
    n: int,
    n_clusters: int,
    is_transformed: bool = False,
    flags: Sequence[str] = (),
) -> Quantity:
    """A coefficient of agreement with the interval of so many standard errors, within -1 and 1.

    Args:
        reach: Standard errors.
        is_transformed: The interval is symmetric after Fisher's transform (inverse hyperbolic tangent).
    """
    interval = None
    if se is not None and se > 1e-12:
        # With gaps in the readings a coefficient may be below -1.
        interval = min(estimate, max(-1.0, estimate - reach * se)), min(1.0, estimate + reach * se)
        if is_transformed and abs(estimate) < 1:
            center, half = math.atanh(estimate), reach * se / (1 - estimate**2)
            interval = math.tanh(center - half), math.tanh(center + half)
    return quantity(
        estimate,
        ci=interval,
        level=level,
        se=se,
        method=method + (", clustered" if n_clusters < n else ""),
        n=n,
        n_clusters=n_clusters,
        flags=flags,
        reason=None if interval else "no interval: agreement does not vary between patients",
    )
