"""DICOM images and multi-frame volumes: modality units, and the few fields that a record may hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.dataset import FileDataset

from medcli.formats.codes import reject
from medcli.formats.dicom_fields import KEYWORDS, header_of
from medcli.formats.dicom_frames import Frames
from medcli.formats.dicom_header import read_header, read_image
from medcli.formats.dicom_pixels import stored_values
from medcli.formats.dicom_units import apply_modality, suv_factor
from medcli.formats.dicom_values import FAULTS, spacing_of, text
from medcli.formats.dicom_voi import first_voi
from medcli.formats.source import Geometry, SourceHeader, SourceImage


def scan_bytes(content: bytes, *, kind: str) -> SourceHeader:
    """What may be said of an image whose size and number of frames are acceptable."""
    return header_of(read_header(content, keywords=KEYWORDS), kind=kind)


def decode_bytes(content: bytes, *, kind: str) -> SourceImage:
    """The image after the modality LUT or rescale; the VOI and presentation LUTs are not applied.

    Palette and YBR images become RGB. Whole-number rescales keep integers. PET becomes SUVbw where the header
    holds all that this takes, and stays Bq/mL otherwise. Several frames become a volume: of an enhanced image
    in the order of their positions, else (a cine loop) in that of the file and without an affine.
    """
    dataset = read_image(content)
    frames, bits = stored_values(dataset)
    facts: dict[str, Any] = {
        "bits": bits,
        "is_inverted": text(dataset, "PhotometricInterpretation") == "MONOCHROME1",
    }
    try:
        if "SharedFunctionalGroupsSequence" in dataset or "PerFrameFunctionalGroupsSequence" in dataset:
            return _enhanced(frames, dataset, facts)
        return _plain(frames, dataset, facts)
    except FAULTS as error:
        raise reject("decode/corrupt", f"the pixels cannot be scaled ({type(error).__name__})") from error


def _plain(frames: np.ndarray, dataset: FileDataset, facts: dict[str, Any]) -> SourceImage:
    factor = suv_factor(dataset)
    pixels = apply_modality(frames, dataset, factor=1.0 if factor is None else factor)
    voi = first_voi(dataset)
    if voi is not None and factor not in {None, 1.0}:
        voi = voi.times(factor)
    is_volume = len(pixels) > 1
    spacing = None if is_volume else spacing_of(dataset)
    geometry = Geometry(spacing) if spacing else None
    return SourceImage(
        pixels if is_volume else pixels[0],
        voi=voi,
        units=text(dataset, "Units") if factor is None else "SUVbw",
        is_volume=is_volume,
        geometry=geometry,
        **facts,
    )


def _enhanced(frames: np.ndarray, dataset: FileDataset, facts: dict[str, Any]) -> SourceImage:
    groups = Frames(dataset, count=len(frames))
    pixels = groups.units(frames)
    if len(frames) == 1:
        spacing = groups.spacing()
        geometry = Geometry(spacing) if spacing else None
        return SourceImage(pixels[0], voi=groups.voi(0), geometry=geometry, **facts)
    found = groups.order()
    if found is None:
        return SourceImage(pixels, voi=groups.voi(len(frames) // 2), is_volume=True, **facts)
    order, geometry = found
    middle = groups.voi(order[len(order) // 2])
    return SourceImage(pixels[order], voi=middle, is_volume=True, geometry=geometry, **facts)
