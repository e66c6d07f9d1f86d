"""Everything that is said about one set of predictions: of each class, and of all together."""

from __future__ import annotations

from typing import Any

from medcli.metrics.bootstrap import Resamples
from medcli.metrics.classification import count_calls
from medcli.metrics.intervals import proportion
from medcli.metrics.label import Label, known_rows, label_of
from medcli.metrics.measures import CALLED, called, ranked, trusted
from medcli.metrics.overall import of_calls, over_labels, trusted_classes
from medcli.metrics.probability import reliability_bins
from medcli.metrics.scored import Scored
from medcli.metrics.settings import Settings
from medcli.store.digests import derive_seed


def summarize(scored: Scored, settings: Settings) -> dict[str, Any]:
    """Numbers of each class under `classes` and of all together under `overall`."""
    resamples = Resamples(scored.num_clusters, derive_seed(settings.seed, "bootstrap"), settings.resamples)
    classes = [one_class(scored, column, settings, resamples) for column in range(len(scored.classes))]
    overall = over_labels(scored, settings, resamples)
    if scored.exclusive:
        overall |= of_calls(scored, settings, resamples)
        overall |= _trust_of_all(scored, settings)
    return {"classes": classes, "overall": overall}


def one_class(scored: Scored, column: int, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """Numbers of one class: of the ranking, at its threshold, and of its probabilities.

    Args:
        scored: All predictions.
        column: Of the class.
        settings: Of the evaluation.
        resamples: Of the patients of `scored`.
    """
    label = label_of(scored, column, settings=settings, resamples=resamples)
    entry: dict[str, Any] = {
        "class": label.name,
        "n": label.n,
        "n_missing": len(scored.targets) - label.n,
        "n_positive": label.num_positive,
        "n_negative": label.n - label.num_positive,
        "n_clusters": label.n_clusters,
        "operating_point": scored.thresholds[column],
        "prevalence": proportion(
            label.targets == 1,
            label.clusters,
            level=settings.level,
            none_reason="no known label",
            exact=settings.exact,
        ),
        **ranked(label),
        "counts": None if label.called is None else count_calls(label.targets, label.called),
        **called(label),
        **_trust(scored, column, label),
    }
    if scored.exclusive:
        entry["called"] = _most_likely(scored, column, settings, resamples)
    return entry


def _trust(scored: Scored, column: int, label: Label) -> dict[str, dict[str, Any]]:
    """Calibration as given (`before`) and calibrated (`after`, None without a calibration)."""
    rows, found = known_rows(scored, column), {}
    for name, values in (("before", scored.before), ("after", scored.after)):
        if values is None and name == "after":
            continue
        probabilities = None if values is None else values[rows, column]
        measured: dict[str, Any] = dict(trusted(label, probabilities, reason=scored.why_ranks))
        measured["reliability"] = (
            []
            if probabilities is None
            else reliability_bins(probabilities, label.targets == 1, num_bins=label.settings.num_bins)
        )
        found[name] = measured
    return _by_measure(found)


def _trust_of_all(scored: Scored, settings: Settings) -> dict[str, dict[str, Any]]:
    """The same of the called class (ECE, reliability) and of all classes (classwise, Brier, log loss)."""
    found = {}
    for name, values in (("before", scored.before), ("after", scored.after)):
        if values is None and name == "after":
            continue
        measured: dict[str, Any] = dict(trusted_classes(scored, values, settings, reason=scored.why_ranks))
        measured["reliability"] = (
            []
            if values is None
            else reliability_bins(
                values.max(axis=1, initial=0),
                values.argmax(axis=1) == scored.labels,
                num_bins=settings.num_bins,
            )
        )
        found[name] = measured
    return _by_measure(found)


def _by_measure(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        measure: {"after": found.get("after", {}).get(measure), "before": value}
        for measure, value in found["before"].items()
    }


def _most_likely(scored: Scored, column: int, settings: Settings, resamples: Resamples) -> dict[str, Any]:
    """Of one class, when the most likely class is called."""
    label = label_of(scored, column, settings=settings, resamples=resamples, most_likely=True)
    names = {"recall": "sensitivity", "precision": "ppv", "f1": "f1"}
    return {name: CALLED[measure](label) for name, measure in names.items()}
