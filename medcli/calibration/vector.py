"""Vector scaling: a weight and a bias for each class of a softmax.

Reference: Guo et al., ICML 2017, section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from medcli.calibration.cases import result
from medcli.calibration.regression import fit_softmax


def fit_vector(logits: np.ndarray, labels: np.ndarray) -> list[dict[str, Any]]:
    """`weight` and `bias` of each class: probabilities = softmax(weight * logits + bias).

    The bias of the first class that occurs is 0. A class that does not occur keeps weight 1 and bias 0,
    and is flagged. Neither ranks nor the called class are kept.

    Args:
        logits: float [images, classes]; the common part of an image's logits matters, as weights differ.
        labels: True class of each image, int [images].
    """
    num_classes = logits.shape[1]
    present = np.unique(labels)
    free = present[1:]
    spread = float(np.std(logits)) or 1.0
    missing = sorted(set(range(num_classes)) - set(present.tolist()))
    # What a class that does not occur adds to the sum is small, and is left out while fitting.
    kept = logits[:, present] / spread
    # The bias of the first class has no parameter: it is 0.
    tie = np.delete(np.eye(2 * len(present)), len(present), axis=1)
    start = np.concatenate([np.full(len(present), spread), np.zeros(len(free))])
    fit = fit_softmax(kept, np.searchsorted(present, labels), tie, start=start)
    flags = ["the scores separate the classes: a parameter stops at its bound"] if fit.is_bounded else []
    if missing:
        flags.append(f"{len(missing)} classes do not occur: they keep weight 1 and bias 0")
    weights, biases = np.ones(num_classes), np.zeros(num_classes)
    weights[present] = fit.weights[: len(present)] / spread
    biases[free] = fit.weights[len(present) :]
    if (weights[present] < 0).any():
        flags.append("the weight of a class is negative: its scores run against the labels")
    return [
        result({"weight": float(w), "bias": float(b)}, flags=list(flags))
        for w, b in zip(weights, biases, strict=True)
    ]
