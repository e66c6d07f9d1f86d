"""What a worker process finds out about one input of ingest, as small plain values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medcli.errors import DataError, at
from medcli.formats.image import Examined, examine_source, pixels_digest
from medcli.formats.source import SourceHeader, SourceImage
from medcli.store.sources import Source


@dataclass(frozen=True)
class Inspection:
    """One input for a worker."""

    root: Path
    source: Source
    is_quick: bool
    mask: str | None = None


@dataclass(frozen=True)
class Findings:
    """What is known of an input once it was read.

    Attributes:
        sha256: Digest by the rule of records.
        header: Fields and patient, raw.
        mask_sha256: Digest of the bytes of its mask, where it has one.
        pixels_sha256: Digest of the decoded pixels; None of a quick look, which leaves all that follows
            empty.
        spacing_mm: Distances of neighbours along the pixel axes.
        facts: `images.quality.describe` and `images.perceptual.perceptual_hashes`.
    """

    sha256: str
    header: SourceHeader
    mask_sha256: str | None = None
    pixels_sha256: str | None = None
    spacing_mm: tuple[float, ...] | None = None
    facts: dict[str, Any] | None = None


def inspect(job: Inspection) -> Findings:
    """Read, digest, decode and describe one input; called in worker processes.

    Raises:
        DataError: With the reason code of an input that cannot be used.
    """
    with at(job.source.get("path", "")):
        found = examine_source(job.root, job.source, is_quick=job.is_quick)
    mask_sha256 = _mask_digest(job) if job.mask else None
    if found.image is None:
        return Findings(found.sha256, found.header, mask_sha256)
    return _describe(found, found.image, mask_sha256)


def _mask_digest(job: Inspection) -> str:
    """Digest of a mask, once it is known to be one that can be read."""
    try:
        return examine_source(job.root, {"path": job.mask or ""}, is_quick=job.is_quick).sha256
    except DataError as error:
        raise DataError(f"its mask cannot be used: {error.message}", code="table/bad-mask") from error


def _describe(found: Examined, image: SourceImage, mask_sha256: str | None) -> Findings:
    from medcli.images.perceptual import perceptual_hashes
    from medcli.images.quality import describe

    facts = describe(image.pixels, is_volume=image.is_volume, bits=image.bits)
    facts |= perceptual_hashes(image.pixels, is_volume=image.is_volume) or {}
    geometry = image.geometry
    return Findings(
        found.sha256,
        found.header,
        mask_sha256,
        pixels_digest(image.pixels),
        None if geometry is None else tuple(round(float(side), 6) for side in geometry.spacing_mm),
        facts,
    )
