"""Methods by the words that results carry, and where each comes from: one module a topic."""

from __future__ import annotations

from medcli.reporting.sources import calibration, comparison, discrimination, means, rates, readers

METHODS = (
    *discrimination.METHODS,
    *rates.METHODS,
    *means.METHODS,
    *readers.METHODS,
    *comparison.METHODS,
    *calibration.METHODS,
)
"""In the order in which a paper tells them. A test holds that every result's method is found here."""
