"""A recipe from the evidence in a manifest: `preprocess --plan`."""

from __future__ import annotations

from medcli.cohorts.evidence.plan import plan_recipe
from medcli.store.manifest import Manifest

__all__ = ["plan_recipe", "recipe_for"]


def recipe_for(manifest: Manifest) -> str:
    """TOML with a table `[preprocess]` and the reason beside every choice.

    Raises:
        DataError: If the manifest has no evidence about pixels.
    """
    return plan_recipe(manifest.require("evidence", made_by="ingest"))
