"""The report of ingest: the few images that it shows are decoded again, in worker processes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from medcli.formats.codes import CODES
from medcli.reporting.ingest_report import render_ingest_report, shown_ids
from medcli.store.manifest import Manifest
from medcli.store.sources import Source
from medcli.workers import run_in_workers


@dataclass(frozen=True)
class _Shown:
    root: Path
    source: Source


def make_report(manifest: Manifest, *, root: Path, sources: Mapping[str, Any], jobs: int) -> str:
    """The report as HTML; an image that can no longer be read is left out of its pictures.

    Args:
        manifest: With evidence.
        root: The input folder.
        sources: By record id: the `Source` of its pixels.
    """
    evidence = manifest.evidence or {}
    wanted = shown_ids(manifest.records, evidence) if evidence["described"] else []
    items = [_Shown(root, sources[identity]) for identity in wanted]
    thumbnails: dict[str, np.ndarray] = {}
    with closing(run_in_workers(_draw, items, jobs=jobs)) as results:  # type: ignore[type-var]
        for identity, result in zip(wanted, results, strict=True):
            if result.error is None:
                thumbnails[identity] = result.value
    return render_ingest_report(
        task=manifest.task,
        records=manifest.records,
        rejected=manifest.rejected,
        evidence=evidence,
        codes=CODES,
        thumbnails=thumbnails,
        history=manifest.history,
    )


def _draw(item: _Shown) -> np.ndarray:
    from medcli.formats.image import decode_source
    from medcli.images.perceptual import thumbnail

    image = decode_source(item.root, item.source)
    return thumbnail(image.pixels, is_volume=image.is_volume, voi=image.voi, is_inverted=image.is_inverted)
