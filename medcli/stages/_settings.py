"""What measures are made with, from the options of a command."""

from __future__ import annotations

from collections.abc import Sequence

from medcli.config import EvaluateConfig, ShareInterval
from medcli.errors import UsageError
from medcli.metrics.settings import Settings
from medcli.stages._class_shares import class_shares
from medcli.store.digests import derive_seed


def measure_settings(config: EvaluateConfig, *, classes: Sequence[str], part: str) -> Settings:
    """Options as measures take them.

    Raises:
        UsageError: If one is outside its range, or names a class that is not there.
    """
    if not 0 < config.level < 1:
        raise UsageError(f"the confidence level is {config.level}, it must be between 0 and 1")
    if config.bins < 1:
        raise UsageError(f"the number of bins is {config.bins}, it must be at least 1")
    if config.resamples < 1:
        raise UsageError(f"there are {config.resamples} resamples, there must be at least 1")
    return Settings(
        level=config.level,
        num_bins=config.bins,
        seed=derive_seed(config.seed, "evaluate", part),
        resamples=config.resamples,
        bootstrap=config.bootstrap.value,
        exact=config.interval is ShareInterval.exact,
        fixed_rate=config.fixed_rate,
        prevalences=_prevalences(config.prevalence, classes),
    )


def _prevalences(options: Sequence[str], classes: Sequence[str]) -> dict[str, float]:
    """`0.02` for all classes, `Edema=0.02` for one."""
    found: dict[str, float] = {}
    for name, value in class_shares("--prevalence", options, classes):
        found |= {name: value} if name else dict.fromkeys(classes, value)
    return found
