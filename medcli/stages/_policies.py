"""The same scores under every label policy: what -1 and blank count as may decide what a model is worth."""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.cohorts.policies import POLICIES
from medcli.metrics.discrimination import auc_quantity
from medcli.metrics.patients import patient_codes
from medcli.stages._predictions import under_policy
from medcli.store.predictions import Predictions

NOTABLE = 0.05


def sweep_policies(predictions: Predictions, *, level: float) -> list[dict[str, Any]]:
    """AUC of every class under every policy that has a name.

    Raises:
        DataError: If the records hold no labels.
    """
    clusters = patient_codes(predictions.records)[1]
    swept = []
    for policy in POLICIES:
        targets = under_policy(predictions, policy).targets.astype(np.float64)
        classes = []
        for column, name in enumerate(predictions.classes):
            known = ~np.isnan(targets[:, column])
            scores = predictions.scores[known, column].astype(np.float64)
            value = auc_quantity(targets[known, column], scores, clusters[known], level=level)
            classes.append({"class": name, "auc": value})
        swept.append({"policy": str(policy), "classes": classes})
    return swept


def moved_by_policy(policies: list[dict[str, Any]]) -> list[str]:
    """One line for each class whose AUC depends notably on the policy."""
    lines = []
    for column, entry in enumerate(policies[0]["classes"]):
        found = {item["policy"]: item["classes"][column]["auc"]["estimate"] for item in policies}
        known = {policy: value for policy, value in found.items() if value is not None}
        if len(known) > 1 and max(known.values()) - min(known.values()) >= NOTABLE:
            told = ", ".join(f"{value:.3f} ({policy})" for policy, value in known.items())
            lines.append(f"{entry['class']}: the AUC depends on what -1 and blank count as: {told}")
    return lines
