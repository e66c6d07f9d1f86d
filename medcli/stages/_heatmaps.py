"""What a report tells of heatmaps: how far they were checked, and the picture of examples."""

from __future__ import annotations

from typing import Any

from medcli.store.manifest import Manifest
from medcli.store.references import verify

FACTS = ("method", "class_specific", "part", "n", "n_available", "empty_maps", "faithfulness")


def heatmap_section(manifest: Manifest) -> dict[str, Any] | None:
    """How maps were made and what they were held against, class by class; None where there are none."""
    made = manifest.explanation
    if not made or "method" not in made:
        return None
    located = [{"class": name, **values} for name, values in made["localisation"].items()]
    return {**{name: made[name] for name in FACTS}, "classes": located}


def gallery_of(manifest: Manifest) -> bytes | None:
    """The PNG of examples, as `explain` wrote it."""
    found = (manifest.explanation or {}).get("gallery")
    return verify(found).read_bytes() if isinstance(found, dict) else None
