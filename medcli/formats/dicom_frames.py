"""Frames of an enhanced multi-frame image: the rescale of each, and their order in the patient.

References: DICOM PS3.3 C.7.6.16 (functional groups), C.7.6.16.2.9 (pixel value transformation).
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset, FileDataset

from medcli.formats.codes import reject
from medcli.formats.dicom_units import apply_modality
from medcli.formats.dicom_values import FAULTS, numbers, only_item, spacing_of
from medcli.formats.dicom_voi import first_voi
from medcli.formats.source import Geometry, stack
from medcli.voi import Voi

_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_TOLERANCE = 0.1  # of the median distance between neighbours


class Frames:
    """Functional groups of an enhanced image: those of a frame, else those that all frames share."""

    def __init__(self, dataset: FileDataset, *, count: int) -> None:
        self._shared = only_item(dataset, "SharedFunctionalGroupsSequence") or Dataset()
        try:
            self._each = list(dataset.get("PerFrameFunctionalGroupsSequence") or [])
        except FAULTS as error:
            raise reject("decode/bad-header", "the functional groups of the frames are damaged") from error
        if self._each and len(self._each) != count:
            raise reject("decode/bad-header", "there are more or fewer functional groups than frames")
        self._count = count

    def group(self, keyword: str, frame: int) -> Dataset:
        """The item of one functional group for one frame; empty when there is none."""
        own = only_item(self._each[frame], keyword) if self._each else None
        return own or only_item(self._shared, keyword) or Dataset()

    def units(self, frames: np.ndarray) -> np.ndarray:
        """Every frame by its own modality LUT or rescale."""
        groups = [self.group("PixelValueTransformationSequence", i) for i in range(self._count)]
        scaled = [apply_modality(frame, group) for frame, group in zip(frames, groups, strict=True)]
        return stack(scaled)

    def voi(self, frame: int) -> Voi | None:
        """First window of one frame."""
        return first_voi(self.group("FrameVOILUTSequence", frame))

    def spacing(self) -> tuple[float, float] | None:
        """Millimetres between rows and columns of the first frame."""
        return spacing_of(self.group("PixelMeasuresSequence", 0))

    def order(self) -> tuple[list[int], Geometry] | None:
        """Frames along the normal and where they lie; None when the file does not say it of every frame.

        Raises:
            DataError: If the frames are no volume: several orientations or spacings, several at one place,
                missing or shifted ones.
        """
        positions = [
            self._numbers("PlanePositionSequence", "ImagePositionPatient", i, 3) for i in self._range
        ]
        sides = [
            self._numbers("PlaneOrientationSequence", "ImageOrientationPatient", i, 6) for i in self._range
        ]
        steps = [spacing_of(self.group("PixelMeasuresSequence", i)) for i in self._range]
        if self._count < 2 or None in positions or None in sides or None in steps:
            return None
        if np.ptp(np.array(sides), axis=0).max() > 1e-3 or np.ptp(np.array(steps), axis=0).max() > 1e-3:
            raise reject("series/mixed", "its frames have several orientations or pixel spacings")
        side, (rows, columns) = np.array(sides[0]), np.array(steps[0])
        order, step = _sorted(np.array(positions), np.cross(side[:3], side[3:]))
        affine = np.eye(4)
        affine[:3, 0] = _LPS_TO_RAS * step
        affine[:3, 1] = _LPS_TO_RAS * side[3:] * rows
        affine[:3, 2] = _LPS_TO_RAS * side[:3] * columns
        affine[:3, 3] = _LPS_TO_RAS * np.array(positions[order[0]])
        return order, Geometry((float(np.linalg.norm(step)), float(rows), float(columns)), affine)

    @property
    def _range(self) -> range:
        return range(self._count)

    def _numbers(self, group: str, keyword: str, frame: int, count: int) -> tuple[float, ...] | None:
        return numbers(self.group(group, frame), keyword, count)


def _sorted(positions: np.ndarray, normal: np.ndarray) -> tuple[list[int], np.ndarray]:
    """Frames along the normal, and the step from one to the next."""
    heights = positions @ normal
    order = [int(i) for i in np.argsort(heights, kind="stable")]
    gaps = np.diff(heights[order])
    typical = float(np.median(gaps))
    if gaps.min() < 1e-3:
        raise reject("decode/multi-frame", "several frames at one position (echoes, moments) are not read")
    if np.abs(gaps - typical).max() > _TOLERANCE * typical:
        raise reject("series/gap", "the frames are not evenly spaced: some are missing")
    step = (positions[order[-1]] - positions[order[0]]) / (len(order) - 1)
    drift = np.linalg.norm(step - (step @ normal) * normal)
    if drift > np.tan(np.radians(1.0)) * (step @ normal):
        raise reject("series/tilt", "the frames are shifted against each other (gantry tilt)")
    return order, step
