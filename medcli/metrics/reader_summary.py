"""One label: each reader and the mean reader against the model, with verdicts for a margin set before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtr

from medcli.metrics.bootstrap import STUDENT, Resamples, describe, standard_error
from medcli.metrics.delong_tests import delong_test
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.intervals import expanded_p, proportion, resampled_reach
from medcli.metrics.mcnemar import paired_proportions
from medcli.metrics.noninferiority import judge
from medcli.metrics.obuchowski_rockette import Design, mean_of_readers, model_against_readers
from medcli.metrics.reader_figures import (
    KINDS,
    Differences,
    Sitting,
    area_differences,
    matched_differences,
    rate_differences,
)
from medcli.quantity import Quantity, hypothesis_test, quantity, undefined, with_test

NOT_COMPARABLE = "needs positive and negative images of two patients each"
RATES = {"sensitivity": 1.0, "specificity": 0.0}
_NONE = {"sensitivity": "no positive case", "specificity": "no negative case"}
MATCHED = {"sensitivity": "sensitivity_at_reader", "specificity": "specificity_at_reader"}
_AT = {
    "sensitivity_at_reader": "sensitivity at the reader's specificity",
    "specificity_at_reader": "specificity at the reader's sensitivity",
}


def compare_with_readers(
    sitting: Sitting,
    names: Sequence[str],
    *,
    is_called: np.ndarray | None,
    are_calls: bool,
    positive_from: float | None,
    resamples: Resamples,
    margin: float | None,
    level: float,
) -> dict[str, Any]:
    """Figures of each reader, of their mean, and what the model reaches more or less.

    Ratings are compared by the area under the curve. Calls are compared by the model's sensitivity at each
    reader's specificity, and the reverse; when the model has a threshold, also by sensitivity, specificity
    and their mean there.

    Args:
        sitting: Of all readers.
        names: Theirs.
        is_called: By the model at its threshold, bool [images]; None without one.
        are_calls: Whether readings are 1 and 0.
        positive_from: The rating from which on they are a yes; None leaves ratings without calls.
        resamples: Of patients.
        margin: The largest loss that does not matter, or None.

    Returns:
        `readers` (one entry each), `mean_reader` (quantities by figure), `against_mean` (model less mean
        reader by figure, each with `judged` and `these_readers`), `main` (the figure of the verdict, or None)
        and `compared` (how many readers have enough cases).
    """
    rated = None if are_calls else sitting
    called = sitting if are_calls else None if positive_from is None else sitting.calls(positive_from)
    usable = sitting.is_comparable()
    found: dict[str, Differences] = {}
    if usable.any() and rated is not None:
        found["auc"] = area_differences(rated.of(usable), sitting.scores)
    if usable.any() and called is not None:
        found |= _of_calls(called.of(usable), is_called, resamples=resamples)
    entries = []
    for row, name in enumerate(names):
        only = np.arange(len(names)) == row
        entry = _reader(sitting.of(only), name, level=level, rated=rated is not None)
        if called is not None:
            entry = _calling(entry, called.of(only), is_called, level=level)
        entries.append(entry)
    for place, row in enumerate(np.flatnonzero(usable).tolist()):
        for figure, differences in found.items():
            if differences.drawn is not None:
                value = _matched(differences, place, sitting.of(usable), figure=figure, level=level)
                entries[row]["differences"][figure] = value
    anyone = sitting.read.any(axis=0)
    options: dict[str, Any] = {"n": int(anyone.sum()), "level": level}
    options["n_clusters"] = len(np.unique(sitting.clusters[anyone]))
    judged = sitting.of(usable)
    fewest = {figure: judged.fewest(KINDS.get(figure, (0.0, 1.0))) for figure in found}
    return {
        "readers": entries,
        "mean_reader": {
            figure: _mean(differences, fewest=fewest[figure], **options)
            for figure, differences in found.items()
            if differences.drawn is None
        },
        "against_mean": {
            figure: _difference(differences, margin=margin, fewest=fewest[figure], **options)
            for figure, differences in found.items()
        },
        "main": next(iter(found), None),
        "compared": int(usable.sum()),
        "reason": None if usable.any() else NOT_COMPARABLE,
    }


def _of_calls(
    sitting: Sitting, is_called: np.ndarray | None, *, resamples: Resamples
) -> dict[str, Differences]:
    found = {
        figure: matched_differences(sitting, kind=kind, resamples=resamples)
        for kind, figure in MATCHED.items()
    }
    if is_called is not None:
        found["balanced_accuracy"] = area_differences(sitting, is_called)
        found |= {kind: rate_differences(sitting, is_called, kind=kind) for kind in RATES}
    return found


def _reader(sitting: Sitting, name: str, *, rated: bool, level: float) -> dict[str, Any]:
    """One reader: how much he read, and his area under the curve if he rates."""
    read = sitting.read[0]
    targets, ratings, clusters = sitting.targets[0, read], sitting.ratings[0, read], sitting.clusters[read]
    entry: dict[str, Any] = {
        "reader": name,
        "n": len(targets),
        "n_positive": int(np.sum(targets == 1)),
        "differences": {},
    }
    if rated:
        entry["auc"] = auc_quantity(targets, ratings, clusters, level=level)
        entry["differences"]["auc"] = delong_test(
            targets, sitting.scores[read], ratings, clusters, level=level
        )
    return entry


def _calling(
    entry: dict[str, Any], sitting: Sitting, is_called: np.ndarray | None, *, level: float
) -> dict[str, Any]:
    """One reader's operating point, and the model's at its threshold less that."""
    read = sitting.read[0]
    targets, ratings, clusters = sitting.targets[0, read], sitting.ratings[0, read], sitting.clusters[read]
    differences = dict(entry["differences"])
    if is_called is not None:
        for kind, label in RATES.items():
            among = targets == label
            own, right = is_called[read][among] == label, ratings[among] == label
            differences[kind] = paired_proportions(
                own, right, clusters[among], level=level, none_reason=_NONE[kind]
            )
    return {**entry, **reader_rates(targets, ratings, clusters, level=level), "differences": differences}


def reader_rates(
    targets: np.ndarray, calls: np.ndarray, clusters: np.ndarray, *, level: float
) -> dict[str, Quantity]:
    """Sensitivity and specificity of the calls, 1 or 0, of one reader, all of images with a known truth."""
    return {
        kind: proportion(
            calls[targets == label] == label, clusters[targets == label], level=level, none_reason=_NONE[kind]
        )
        for kind, label in RATES.items()
    }


def _matched(found: Differences, place: int, sitting: Sitting, *, figure: str, level: float) -> Quantity:
    """The model at one reader's operating point less that reader, with the error of the resamples.

    Few images move either in steps, at which percentiles would end: the interval is Student's.
    """
    assert found.drawn is not None
    drawn = found.drawn[:, place]
    told, se, fewest = describe(drawn, kind=STUDENT), standard_error(drawn), sitting.of([place]).fewest()
    read, difference = sitting.read[place], float(found.model[place] - found.readers[place])
    half = None if se is None else resampled_reach(level, fewest) * se
    value = quantity(
        difference,
        ci=None if half is None else (max(-1.0, difference - half), min(1.0, difference + half)),
        level=level,
        se=se,
        method=f"{_AT[figure]}, model less reader, {told['method']}",
        n=int(read.sum()),
        n_clusters=len(np.unique(sitting.clusters[read])),
        reason=None if half is not None else "resamples of patients do not vary",
    )
    p = None if not se else expanded_p(2 * float(ndtr(-abs(difference) / se)), fewest)
    name = "bootstrap over patients, no difference"
    test = hypothesis_test(name, statistic=None, p=p, reason=value["reason"])
    values = [float(found.model[place]), float(found.readers[place])]
    return {**with_test(value, test), "values": values, "resamples": len(drawn)}


def _mean(found: Differences, *, fewest: int, n: int, n_clusters: int, level: float) -> Quantity:
    design = Design(
        found.readers[None],
        found.readers_covariance[None, :, None, :],
        n=n,
        n_clusters=n_clusters,
        fewest=fewest,
    )
    return mean_of_readers(design, to=_wanted(len(found.readers)), level=level)


def _difference(
    found: Differences, *, margin: float | None, fewest: int, n: int, n_clusters: int, level: float
) -> dict[str, Any]:
    """Model less mean reader for readers like these, the same for these readers alone, and the verdict.

    Readers may happen to differ less than their cases alone would make them; then the interval for other
    readers is narrower than the one for these. The verdict takes the wider.
    """
    gaps = found.model - found.readers
    if not np.isfinite(found.covariance).all():
        reason = "resamples of patients are undefined"
        none = undefined(reason, method="model less mean reader", n=n, n_clusters=n_clusters)
        return {**none, "these_readers": none, "judged": judge(none, margin=margin)}
    sizes = {"fewest": fewest, "n": n, "n_clusters": n_clusters}
    value, fixed = (
        model_against_readers(gaps, found.covariance, to=to, level=level, **sizes)
        for to in (_wanted(len(gaps)), "cases")
    )
    values = [float(found.model.mean()), float(found.readers.mean())]
    is_narrower = _width(value) < _width(fixed)
    if is_narrower:
        flag = "these readers differ little: the verdict takes the wider interval, of these readers"
        value["flags"] = [*value["flags"], flag]
    if found.drawn is not None:
        value, fixed = ({**one, "resamples": len(found.drawn)} for one in (value, fixed))
    judged = judge(fixed if is_narrower else value, margin=margin)
    return {**value, "values": values, "these_readers": fixed, "judged": judged}


def judged_by(value: Quantity) -> Quantity:
    """The difference that a verdict was made by: the one with the wider interval."""
    fixed: Quantity = value["these_readers"]
    return fixed if _width(value) < _width(fixed) else value


def _width(value: Quantity) -> float:
    return value["ci"][1] - value["ci"][0] if value["ci"] else 0.0


def _wanted(readers: int) -> str:
    """Whom one can speak of: with one reader only of him."""
    return "readers and cases" if readers > 1 else "cases"
