"""One truth of several readers, by a rule that is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medcli.errors import UsageError
from medcli.metrics.consensus import Consensus, majority_of_categories, panel, settled_by
from medcli.metrics.dawid_skene import LatentTruth, dawid_skene


@dataclass(frozen=True)
class Adjudicated:
    """What a rule makes of the readings of one label.

    Attributes:
        labels: Categories from 0, float [images]; NaN where the rule leaves it open.
        ties: Numbers of the images that it leaves open although somebody read them.
        facts: What else there is to say, as JSON values.
    """

    labels: np.ndarray
    ties: list[int]
    facts: dict[str, Any]


def adjudicate(
    ratings: np.ndarray, *, rule: str, num_categories: int, adjudicator: int | None = None
) -> Adjudicated:
    """One label of each image.

    Args:
        ratings: Categories from 0, float [images, readers]; NaN is not read.
        rule: `majority` (ties stay open), `any` or `all` (of calls), `adjudicator` (who settles what the
            others do not agree on), or `dawid-skene` (the most likely one, readers weighed by how they err).
        num_categories: How many categories there are.
        adjudicator: Column of that reader.

    Raises:
        UsageError: If a rule for calls meets more than two categories, or the adjudicator is not named.
    """
    if rule == "dawid-skene":
        return _by_model(dawid_skene(ratings, num_categories=num_categories))
    if rule == "adjudicator":
        if adjudicator is None:
            raise UsageError("the rule adjudicator needs --adjudicator READER")
        return _by_votes(settled_by(ratings, adjudicator))
    if rule == "majority":
        return _by_votes(majority_of_categories(ratings, num_categories=num_categories))
    if num_categories > 2:
        raise UsageError(f"the rule {rule} is for calls of yes and no", hint="give --rule majority")
    return _by_votes(panel(ratings, least=1 if rule == "any" else ratings.shape[1]))


def _by_votes(found: Consensus) -> Adjudicated:
    is_open = np.isnan(found.labels)
    is_open[found.unread] = False
    unanimous = int(np.sum(found.share == 1))
    return Adjudicated(found.labels, np.flatnonzero(is_open).tolist(), {"n_unanimous": unanimous})


def _by_model(found: LatentTruth) -> Adjudicated:
    known = ~np.isnan(found.probabilities[:, 0])
    best = np.max(found.probabilities, axis=1, initial=0.0, where=known[:, None])
    is_tie = known & (np.sum(found.probabilities == best[:, None], axis=1) > 1)
    labels = np.full(len(known), np.nan)
    labels[known] = found.probabilities[known].argmax(axis=1)
    labels[is_tie] = np.nan
    facts = {
        "prevalence": _plain(found.prevalence),
        # Of each reader: rows are the true category, columns what he says.
        "confusion": _plain(found.confusion),
        "log_likelihood": found.log_likelihood,
        "rounds": found.rounds,
        "flags": found.flags,
    }
    return Adjudicated(labels, np.flatnonzero(is_tie).tolist(), facts)


def _plain(values: np.ndarray) -> Any:
    """Nested lists with None for NaN."""
    if values.ndim > 1:
        return [_plain(item) for item in values]
    return [None if np.isnan(value) else float(value) for value in values]
