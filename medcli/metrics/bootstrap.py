"""The bootstrap over patients: of what depends on the order of scores, and of functions of sums."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from medcli.metrics.intervals import Interval, expanded_level, expanded_p
from medcli.metrics.roc import check_scores
from medcli.quantity import Quantity, quantity, undefined

STUDENT = "Student's t"
_BLOCK_BYTES = 4_000_000
# Draws of this size are kept, so that all measures of an evaluation share them.
_MOST_KEPT = 256_000_000


class BootstrapSettings(Protocol):
    """What an interval from resamples is made with."""

    @property
    def level(self) -> float: ...
    @property
    def bootstrap(self) -> str: ...


@dataclass(frozen=True)
class Percentile:
    """Percentiles of the resamples at a level."""

    level: float
    bootstrap: str = "percentile"


@dataclass(frozen=True)
class Ranking:
    """Images in the order of their scores, lowest first, ready to be walked with the weights of a resample.

    Attributes:
        owners: Patient of each image, int64 [images].
        positive: 1 or 0, int64 [images].
        is_last: Whether the next score is another one, bool [images].
    """

    owners: np.ndarray
    positive: np.ndarray
    is_last: np.ndarray

    def reversed(self) -> Ranking:
        """The same images, highest score first."""
        starts = np.append(True, self.is_last[:-1]) if len(self.is_last) else self.is_last
        owners, positive = (np.ascontiguousarray(values[::-1]) for values in (self.owners, self.positive))
        return Ranking(owners, positive, np.ascontiguousarray(starts[::-1]))

    def mirrored(self) -> Ranking:
        """Positives and negatives exchanged, and the order turned: sensitivity becomes specificity."""
        turned = self.reversed()
        return Ranking(turned.owners, 1 - turned.positive, turned.is_last)


def ranking(targets: np.ndarray, scores: np.ndarray, clusters: np.ndarray) -> Ranking:
    """Sort images by score, once for all resamples.

    Args:
        targets: 1 or 0, [images], no unknowns.
        scores: Higher means more likely positive; no NaN.
        clusters: Patient code of each image, from 0.
    """
    scores = np.asarray(scores)
    check_scores(scores)
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    is_last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.zeros(0, dtype=bool)
    positive = (np.asarray(targets)[order] == 1).astype(np.int64)
    return Ranking(np.asarray(clusters)[order].astype(np.int64), positive, is_last)


@dataclass(frozen=True)
class Resamples:
    """Resamples of patients with replacement: a pure function of the seed, drawn block by block.

    Attributes:
        num_clusters: Patients to draw from.
        seed: Of the draws.
        count: How many resamples.
    """

    num_clusters: int
    seed: int
    count: int = 2000

    def blocks(self) -> Iterator[tuple[int, Callable[[], np.ndarray]]]:
        """First number of each block and what draws it: uint8 [resamples, patients] of counts."""
        size = max(1, min(self.count, _BLOCK_BYTES // max(1, self.num_clusters)))
        is_kept = self.count * self.num_clusters <= _MOST_KEPT
        for first in range(0, self.count, size):
            last = min(first + size, self.count)
            yield first, self._keeper(first, last) if is_kept else self._drawer(first, last - first)

    def sums(self, per_patient: np.ndarray) -> np.ndarray:
        """Totals of what each patient adds, [patients, columns], in every resample: [resamples, columns].

        Of integers they are exact, and so the same whatever the number of threads.
        """
        values = np.asarray(per_patient, dtype=float)
        return self.evaluate(lambda counts: counts.astype(float) @ values)

    def evaluate(self, statistic: Callable[[np.ndarray], np.ndarray], *, threads: int = 1) -> np.ndarray:
        """The statistic of every resample, in order, whatever the number of threads.

        Args:
            statistic: From counts [resamples, patients] to values [resamples, ...].
            threads: How many blocks are worked on at once.
        """

        def work(block: tuple[int, Callable[[], np.ndarray]]) -> np.ndarray:
            return statistic(block[1]())

        if threads == 1:
            return np.concatenate([work(block) for block in self.blocks()])
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(work, self.blocks())))

    @cached_property
    def _kept(self) -> np.ndarray:
        return self._drawer(0, self.count)()

    def _keeper(self, first: int, last: int) -> Callable[[], np.ndarray]:
        return lambda: self._kept[first:last]

    def _drawer(self, first: int, size: int) -> Callable[[], np.ndarray]:
        def draw() -> np.ndarray:
            from medcli.metrics.resampling_kernels import draw_counts

            counts = np.zeros((size, self.num_clusters), dtype=np.uint8)
            draw_counts(self.seed & (2**63 - 1), first, counts)
            return counts

        return draw


def bootstrap_aucs(rankings: list[Ranking], resamples: Resamples, *, threads: int = 1) -> np.ndarray:
    """AUC of every resample for each ranking (label or model), on the same resamples of patients.

    Returns:
        float [resamples, rankings]; NaN where a class is missing.
    """
    from medcli.metrics.resampling_kernels import areas

    def statistic(counts: np.ndarray) -> np.ndarray:
        return np.stack([areas(r.owners, r.positive, r.is_last, counts) for r in rankings], axis=1)

    return resamples.evaluate(statistic, threads=threads)


def percentile_interval(values: np.ndarray, *, level: float) -> Interval | None:
    """Quantiles of the defined resamples, interpolated linearly (type 7 of Hyndman & Fan 1996).

    None when fewer than half are defined, or none differs.
    """
    kept = defined(values)
    if kept is None:
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(kept, [tail, 1 - tail])
    return float(low), float(high)


def bca_interval(
    values: np.ndarray, estimate: float, *, influences: np.ndarray, level: float
) -> Interval | None:
    """Bias-corrected and accelerated interval.

    Args:
        values: The statistic of each resample, NaN where undefined.
        estimate: The statistic of the sample.
        influences: What each patient adds to it (jackknife or infinitesimal), [patients].

    Reference: Efron, Journal of the American Statistical Association 1987; 82:171.
    """
    kept = defined(values)
    if kept is None:
        return None
    below = (np.sum(kept < estimate) + np.sum(kept == estimate) / 2) / len(kept)
    if not 0 < below < 1:
        return percentile_interval(values, level=level)
    bias = float(ndtri(below))
    centred = influences - influences.mean()
    spread = float(np.sum(centred**2))
    acceleration = float(np.sum(centred**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    edges = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        shifted = bias + float(ndtri(tail))
        edges.append(float(ndtr(bias + shifted / (1 - acceleration * shifted))))
    low, high = np.quantile(kept, edges)
    return float(low), float(high)


def defined(values: np.ndarray) -> np.ndarray | None:
    """Resamples with a value; None when fewer than half have one, or all have the same."""
    kept = values[np.isfinite(values)]
    if len(kept) < len(values) / 2 or len(kept) < 2 or kept.min() == kept.max():
        return None
    return kept


def standard_error(values: np.ndarray) -> float | None:
    """Standard deviation over the resamples that are defined."""
    kept = defined(values)
    return None if kept is None else float(kept.std(ddof=1))


def describe(values: np.ndarray, *, kind: str) -> dict[str, Any]:
    """`method` in words, and `resamples` and `defined` as numbers."""
    count, good = len(values), int(np.isfinite(values).sum())
    note = "" if good == count else f", {good} defined"
    return {
        "method": f"bootstrap over patients, {kind}, {count} resamples{note}",
        "resamples": count,
        "defined": good,
    }


@dataclass(frozen=True)
class PatientSums:
    """What each patient adds to the sums that measures are functions of.

    Attributes:
        per_patient: float or int [patients, columns].
        resamples: Of the same patients.
        n: Images.
        n_clusters: Their patients.
        fewest: Patients with an image of the rarest kind that the measures depend on.
    """

    per_patient: np.ndarray
    resamples: Resamples
    n: int
    n_clusters: int
    fewest: int

    @cached_property
    def whole(self) -> np.ndarray:
        """The sums themselves, [1, columns]."""
        return self.per_patient.sum(axis=0, keepdims=True)

    @cached_property
    def drawn(self) -> np.ndarray:
        """The sums of every resample, [resamples, columns]."""
        return self.resamples.sums(self.per_patient)

    def quantity(
        self,
        statistic: Callable[[np.ndarray], np.ndarray],
        *,
        name: str,
        settings: BootstrapSettings,
        none_reason: str,
        flags: Sequence[str] = (),
    ) -> Quantity:
        """A function of the sums, with the interval of its resamples.

        Args:
            statistic: From sums [sets, columns] to values [sets], NaN where undefined.
            name: What it is called.
            settings: Level and kind of interval.
            none_reason: Why it is undefined, where it is.
            flags: What else a reader should know.
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            estimate, values = float(statistic(self.whole)[0]), statistic(self.drawn)
            left_out = statistic(self.whole - self.per_patient) if settings.bootstrap == "bca" else None
        if not math.isfinite(estimate):
            return undefined(none_reason, method=name, n=self.n, n_clusters=self.n_clusters, flags=flags)
        if left_out is not None:
            left_out = estimate - np.where(np.isfinite(left_out), left_out, estimate)
        return resampled_quantity(
            estimate,
            values,
            name=name,
            settings=settings,
            n=self.n,
            n_clusters=self.n_clusters,
            fewest=self.fewest,
            influences=left_out,
            flags=flags,
        )


def resampled_quantity(
    estimate: float,
    values: np.ndarray,
    *,
    name: str,
    settings: BootstrapSettings,
    n: int,
    n_clusters: int,
    fewest: int,
    influences: np.ndarray | None = None,
    flags: Sequence[str] = (),
) -> Quantity:
    """An estimate with the interval of its resamples, and how many of them were defined.

    Percentiles are expanded where patients are few.

    Args:
        estimate: The statistic of the sample.
        values: Of every resample, NaN where undefined.
        fewest: Patients with an image of the rarest kind.
        influences: What each patient adds to it, for an interval of kind `bca`.
    """
    level = expanded_level(settings.level, fewest)
    if settings.bootstrap == "bca" and influences is not None:
        interval, kind = bca_interval(values, estimate, influences=influences, level=level), "BCa"
    else:
        interval, kind = percentile_interval(values, level=level), "percentile"
    if interval is not None:
        interval = min(interval[0], estimate), max(interval[1], estimate)
    told = describe(values, kind=kind)
    value = quantity(
        estimate,
        ci=interval,
        level=settings.level,
        se=standard_error(values),
        method=f"{name}, {told['method']}",
        n=n,
        n_clusters=n_clusters,
        flags=flags,
        reason=None if interval else "resamples of patients do not vary, or too few are defined",
    )
    return {**value, "resamples": told["resamples"], "defined": told["defined"]}


def bootstrap_p(values: np.ndarray, *, fewest: int | None = None) -> float | None:
    """Two-sided p of the statistic being zero, by turning the percentile interval around.

    Args:
        values: Of every resample, NaN where undefined.
        fewest: Patients of the rarest kind: the interval turned around is then the expanded one.

    Reference: Davison & Hinkley, Bootstrap Methods and their Application, 1997, section 5.3.
    """
    kept = values[np.isfinite(values)]
    if len(kept) < len(values) / 2:
        return None
    smaller = min(np.sum(kept <= 0), np.sum(kept >= 0))
    p = min(1.0, 2 * (1 + float(smaller)) / (1 + len(kept)))
    return p if fewest is None else expanded_p(p, fewest)


def logit_bounds(estimate: float, se: float, *, z: float) -> Interval | None:
    """Interval symmetric on the logit scale; None at 0, 1 or without error."""
    if not 0 < estimate < 1 or not se > 0:
        return None
    center, half = math.log(estimate / (1 - estimate)), z * se / (estimate * (1 - estimate))
    low, high = (1 / (1 + math.exp(-min(700.0, max(-700.0, x)))) for x in (center - half, center + half))
    return low, high
