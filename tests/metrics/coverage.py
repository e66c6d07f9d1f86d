"""How often each interval holds the truth in simulated studies; run it to print the table."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from tests.metrics.designs import DESIGNS

TRUE_SIZE = 400_000


def quantities(found: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every quantity in a result, however deep, by its place."""
    if isinstance(found, dict):
        if "estimate" in found and "ci" in found:
            yield name, found
        pairs = found.items()
    else:
        pairs = enumerate(found) if isinstance(found, list) else ()
    for key, value in pairs:
        yield from quantities(value, f"{name}/{key}" if name else str(key))


@cache
def truth_of(design: str) -> dict[str, float]:
    """Each measure as it is known, or of very many images: what the intervals must hold."""
    make = DESIGNS[design]
    if make.truth is not None:
        return dict(make.truth)
    data = make.draw(np.random.default_rng(0), TRUE_SIZE, clustered=False)
    found = quantities(make.measure(data, 2, 0))
    # I squared is relative to the errors, which very many images do not have.
    return {
        name: value["estimate"]
        for name, value in found
        if value["estimate"] is not None and not name.endswith("i_squared")
    }


def coverage(
    design: str, positives: int, *, clustered: bool, studies: int, resamples: int = 1000
) -> Iterator[dict[str, Any]]:
    """Of each measure how often its interval was defined, held the truth, and missed it on either side."""
    make, truth = DESIGNS[design], truth_of(design)
    counts = {name: np.zeros(5) for name in truth}
    generator = np.random.default_rng([positives, clustered, len(design)])
    for study in range(studies):
        data = make.draw(generator, round(positives / make.share), clustered=clustered)
        for name, value in quantities(make.measure(data, resamples, study)):
            if value["ci"] is not None and name in truth:
                (low, high), true = value["ci"], truth[name]
                is_held = low <= true <= high
                counts[name] += [1, is_held, true < low, high < true, bool(value["flags"])]
    for name, (defined, held, above, below, flagged) in counts.items():
        if defined:
            yield {
                "measure": name,
                "defined": int(defined),
                "coverage": round(held / defined, 4),
                "too_high": int(above),
                "too_low": int(below),
                "flagged": int(flagged),
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
