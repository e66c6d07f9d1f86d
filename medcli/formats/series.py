"""DICOM series of slices as volumes: which files belong together, in which order, and whether they are whole.

Reference: DICOM PS3.3 C.7.6.2 (image plane): position and orientation are in the patient's LPS coordinates.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom

from medcli.errors import DataError
from medcli.formats import dicom
from medcli.formats.codes import DECODER_FAULTS, reject
from medcli.formats.dicom_deflate import DEFLATED, check_deflated
from medcli.formats.source import MAX_BYTES, Geometry, SourceImage, stack

VOLUMES = frozenset({"CT", "MR", "PT"})
MAX_TILT_DEGREES = 1.0
MAX_UNEVENNESS = 0.1  # of the median distance between neighbours
_KEYWORDS = [
    *("SOPInstanceUID", "SeriesInstanceUID", "Modality", "ImagePositionPatient", "ImageOrientationPatient"),
    *("ImageType", "NumberOfFrames", "PixelSpacing", "EchoNumbers", "TemporalPositionIdentifier"),
]
_FAULTS: tuple[type[BaseException], ...] = (
    *DECODER_FAULTS,
    DataError,
    pydicom.errors.InvalidDicomError,
    pydicom.errors.BytesLengthException,
)
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class SliceFacts:
    """What says where a slice belongs."""

    series: str
    uid: str
    position_mm: tuple[float, ...]
    orientation: tuple[float, ...]
    variant: tuple[str, ...] = ()

    @property
    def height_mm(self) -> float:
        """Distance from the origin along the normal of the slice."""
        return float(np.dot(_normal(self.orientation), self.position_mm))


@dataclass(frozen=True)
class SeriesGroup:
    """The slices of one volume, in the order of their positions along the normal."""

    uid: str
    files: list[str] = field(default_factory=list)
    slice_uids: list[str] = field(default_factory=list)


def scan_slice(path: Path) -> SliceFacts | None:
    """Where a slice of CT, MR or PET belongs; None for all else, and for what cannot be read."""
    try:
        with path.open("rb") as file:
            # pydicom inflates without a limit, and reads a gigabyte of nothing element by element.
            if DEFLATED in file.read(2048):
                file.seek(0)
                check_deflated(file.read(MAX_BYTES))
            file.seek(0)
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(_KEYWORDS))
        return _facts(dataset)
    except _FAULTS:
        return None


def scan_uids(path: Path) -> tuple[str, str] | None:
    """SOP and Series Instance UID of a DICOM file; None for all else, and for what cannot be read."""
    try:
        with path.open("rb") as file:
            if DEFLATED in file.read(2048):
                file.seek(0)
                check_deflated(file.read(MAX_BYTES))
            file.seek(0)
            tags = ["SOPInstanceUID", "SeriesInstanceUID"]
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)  # type: ignore[arg-type]
        return str(dataset.get("SOPInstanceUID") or ""), str(dataset.get("SeriesInstanceUID") or "")
    except _FAULTS:
        return None


def _facts(dataset: pydicom.Dataset) -> SliceFacts | None:
    position, orientation = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    kind = [str(value).upper() for value in dataset.get("ImageType") or []]
    is_slice = dataset.get("Modality") in VOLUMES and position and orientation and "LOCALIZER" not in kind
    if not is_slice or int(dataset.get("NumberOfFrames") or 1) > 1 or not dataset.get("SeriesInstanceUID"):
        return None
    values = [*map(float, position), *map(float, orientation)]
    if len(values) != 9 or not np.isfinite(values).all():
        return None
    # Echoes and moments of one series are volumes of their own at the same positions.
    variant = tuple(
        str(dataset.get(keyword) or "") for keyword in ("EchoNumbers", "TemporalPositionIdentifier")
    )
    return SliceFacts(
        str(dataset.SeriesInstanceUID),
        str(dataset.get("SOPInstanceUID") or ""),
        tuple(values[:3]),
        tuple(values[3:]),
        variant,
    )


def group_series(slices: Iterable[tuple[str, SliceFacts]]) -> list[SeriesGroup]:
    """Files of each volume of at least two slices, in the order of their positions.

    The order of `slices` does not matter.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[tuple[float, str, str]]] = {}
    for name, facts in slices:
        key = (facts.series, facts.variant)
        groups.setdefault(key, []).append((round(facts.height_mm, 4), facts.uid, name))
    found = []
    for (uid, _), members in sorted(groups.items()):
        if len(members) > 1:
            members.sort()
            found.append(SeriesGroup(uid, [name for *_, name in members], [uid for _, uid, _ in members]))
    return found


def decode_series(contents: list[bytes]) -> SourceImage:
    """One volume from the files of its slices, in any order.

    Returns:
        Pixels [slices, rows, columns] in modality units, each slice with its own rescale; the window of the
        middle slice; an affine to millimetres in RAS+.

    Raises:
        DataError: With a code `series/...` if slices are missing, doubled, tilted, or of several sizes,
            spacings or orientations, or with the code of a slice that cannot be decoded.
    """
    headers = [_plane(content) for content in contents]
    normal = _normal(headers[0][1])
    _check_alike(headers)
    order = sorted(range(len(contents)), key=lambda i: float(np.dot(normal, headers[i][0])))
    step = _check_positions([headers[i][0] for i in order], normal)
    images = [dicom.decode_bytes(contents[i], kind="dicom") for i in order]
    shapes = {image.pixels.shape for image in images}
    if len(shapes) > 1 or len({image.is_inverted for image in images}) > 1:
        raise reject("series/mixed", f"its slices have {len(shapes)} sizes or photometric interpretations")
    if len(units := {image.units for image in images}) > 1:
        raise reject("series/mixed", f"its slices are in {len(units)} units (SUV needs every slice's header)")
    if images[0].pixels.nbytes * len(images) > MAX_BYTES:
        raise reject("decode/bomb", f"a volume of {len(images)} slices is larger than the limit")
    middle = images[len(images) // 2]
    return SourceImage(
        stack([image.pixels for image in images]),
        bits=max(image.bits for image in images),
        voi=middle.voi,
        is_inverted=middle.is_inverted,
        is_volume=True,
        geometry=_geometry(headers[order[0]], step),
    )


_Plane = tuple[np.ndarray, tuple[float, ...], tuple[float, float]]


def _plane(content: bytes) -> _Plane:
    """Position, orientation and spacing (rows, columns) of a slice, in millimetres."""
    from pydicom.filebase import DicomBytesIO

    try:
        dataset = pydicom.dcmread(
            DicomBytesIO(content), stop_before_pixels=True, specific_tags=list(_KEYWORDS), force=True
        )
        position = np.array([float(value) for value in dataset.ImagePositionPatient])
        orientation = tuple(float(value) for value in dataset.ImageOrientationPatient)
        rows, columns = (float(value) for value in dataset.get("PixelSpacing") or (1.0, 1.0))
    except _FAULTS as error:
        raise reject("decode/bad-header", "a slice has no usable position or orientation") from error
    is_usable = len(position) == 3 and len(orientation) == 6 and rows > 0 and columns > 0
    if not is_usable or not np.isfinite([*position, *orientation, rows, columns]).all():
        raise reject("decode/bad-header", "a slice has no usable position, orientation or spacing")
    sides = np.array(orientation).reshape(2, 3)
    if np.abs(sides @ sides.T - np.eye(2)).max() > 0.01:
        raise reject("decode/bad-header", "the directions of rows and columns are not perpendicular units")
    return position, orientation, (rows, columns)


def _check_alike(headers: list[_Plane]) -> None:
    _, orientation, spacing = headers[0]
    for _, other, distances in headers[1:]:
        if not np.allclose(orientation, other, atol=1e-3):
            raise reject("series/mixed", "its slices have several orientations")
        if not np.allclose(spacing, distances, rtol=1e-3):
            raise reject("series/mixed", "its slices have several pixel spacings")


def _check_positions(positions: list[np.ndarray], normal: np.ndarray) -> np.ndarray:
    """The step from one slice to the next, once all are evenly spaced along the normal."""
    if len(positions) < 2:
        raise reject("series/gap", "a series of one slice is no volume")
    steps = np.diff(np.stack(positions), axis=0)
    heights = steps @ normal
    typical = float(np.median(heights))
    if heights.min() < 1e-3:
        raise reject("series/duplicate", "two slices have the same position")
    if np.abs(heights - typical).max() > MAX_UNEVENNESS * typical:
        raise reject(
            "series/gap", f"a slice is missing: steps from {heights.min():g} to {heights.max():g} mm"
        )
    mean = steps.mean(axis=0)
    tilt = float(np.degrees(np.arccos(np.clip(mean @ normal / np.linalg.norm(mean), -1, 1))))
    if tilt > MAX_TILT_DEGREES:
        raise reject(
            "series/tilt", f"the slices are shifted against each other: gantry tilt of {tilt:.1f} degrees"
        )
    return mean


def _geometry(first: _Plane, step: np.ndarray) -> Geometry:
    position, orientation, (rows, columns) = first
    affine = np.eye(4)
    # Row index runs along the column direction and column index along the row direction.
    affine[:3, 0] = _LPS_TO_RAS @ step
    affine[:3, 1] = _LPS_TO_RAS @ np.array(orientation[3:]) * rows
    affine[:3, 2] = _LPS_TO_RAS @ np.array(orientation[:3]) * columns
    affine[:3, 3] = _LPS_TO_RAS @ position
    return Geometry((float(np.linalg.norm(step)), rows, columns), affine)


def _normal(orientation: tuple[float, ...]) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])
