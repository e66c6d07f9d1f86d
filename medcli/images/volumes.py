"""Volumes turned and resampled, with their masks and boxes; a 2-D image is a volume of one slice."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from medcli.config import Plane
from medcli.errors import DataError
from medcli.images.picture import Box, Picture

MAX_VOXELS = 1 << 28
"""Largest resampled volume (268 million voxels); more is taken for a mistake in the spacing."""

# Directions in which slices, rows and columns count, in the letters of nibabel. Seen as radiologists do: the
# patient's right on the left of axial and coronal slices, the face to the left of sagittal ones.
_DIRECTIONS = {Plane.axial: "SPL", Plane.coronal: "PIL", Plane.sagittal: "LIP"}
_RESIZED_AS_THEY_ARE = ("uint8", "uint16", "int16", "float32", "float64")


@dataclass(frozen=True)
class Volume:
    """Pixels, label map and boxes in one grid.

    Attributes:
        pixels: [slices, height, width] or [slices, height, width, channels].
        mask: uint8 [slices, height, width].
        edges: float64 [boxes, 2, 3]: low and high edges along slices, rows and columns.
        boxes: What else is known of each box.
        spacing_mm: (slices, rows, columns); of a 2-D image the first is 1.
        affine: As in `Picture`.
    """

    pixels: np.ndarray
    mask: np.ndarray | None
    edges: np.ndarray
    boxes: tuple[Box, ...]
    spacing_mm: tuple[float, ...] | None
    affine: np.ndarray | None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, height, width."""
        slices, height, width = self.pixels.shape[:3]
        return slices, height, width


def as_volume(picture: Picture) -> Volume:
    """The picture as a volume; its mask checked.

    Raises:
        DataError: If the mask is of another size or holds no class numbers.
    """
    pixels = picture.pixels if picture.is_volume else picture.pixels[None]
    mask = None if picture.mask is None else _label_map(picture.mask, shape=pixels.shape[:3])
    spacing = picture.spacing_mm
    if spacing is not None:
        spacing = (1.0,) * (3 - len(spacing)) + tuple(spacing)
    edges = [_edges(box, num_slices=len(pixels)) for box in picture.boxes]
    affine = picture.affine if picture.is_volume else None
    return Volume(pixels, mask, np.array(edges, float).reshape(-1, 2, 3), picture.boxes, spacing, affine)


def orient(volume: Volume, plane: Plane) -> Volume:
    """The volume with its slices in `plane`; axes are swapped and mirrored, never interpolated.

    Axial slices go from feet to head, their rows from front to back; coronal slices go from front to back,
    sagittal ones from the patient's right to left, rows of both from head to feet. Columns go from the
    patient's right to left, in sagittal slices from front to back. An oblique volume takes the nearest axes.
    A volume whose position is unknown stays as it is, since its slices are all there is.

    Raises:
        DataError: If its position is unknown and another plane than axial is asked for, or is no position.
    """
    if plane is Plane.acquired or (volume.affine is None and plane is Plane.axial):
        return volume
    if volume.affine is None:
        raise DataError(
            f"its position in the patient is unknown, --plane {plane} cannot be found",
            hint="use --plane acquired",
            code="recipe/no-geometry",
        )
    from nibabel import orientations

    # nibabel's letters name where an axis goes to; ours are in the order slices, rows, columns.
    start = orientations.io_orientation(volume.affine)
    if not np.isfinite(start).all():
        raise DataError("its position in the patient is no position", code="recipe/no-geometry")
    turn = orientations.ornt_transform(start, orientations.axcodes2ornt(tuple(_DIRECTIONS[plane])))
    moved = volume.affine @ orientations.inv_ornt_aff(turn, volume.shape)
    spacing = None
    if volume.spacing_mm is not None:
        spacing = tuple(volume.spacing_mm[i] for i in np.argsort(turn[:, 0]))
    return replace(
        volume,
        pixels=orientations.apply_orientation(volume.pixels, turn),
        mask=None if volume.mask is None else orientations.apply_orientation(volume.mask, turn),
        edges=_turned(volume.edges, turn, shape=volume.shape),
        spacing_mm=spacing,
        affine=moved,
    )


def resample(volume: Volume, spacing_mm: tuple[float, ...], *, is_volume: bool) -> Volume:
    """The volume with `spacing_mm` between its pixels, or as near as whole numbers of them allow.

    Averages where it shrinks and interpolates linearly where it grows, so no value outside the source's range
    appears and nothing is aliased; the mask takes the nearest label.

    Args:
        spacing_mm: One number for all axes, two for rows and columns, three for slices, rows and columns.

    Raises:
        DataError: If the present spacing is unknown, or the result would be too large.
    """
    if volume.spacing_mm is None:
        raise DataError("its pixel spacing is unknown", hint="leave --spacing out", code="recipe/no-spacing")
    given = spacing_mm * 3 if len(spacing_mm) == 1 else spacing_mm
    targets: tuple[float | None, ...] = (None,) * (3 - len(given)) + given
    if not is_volume:
        targets = (None, *targets[1:])
    shape = tuple(
        length if target is None else max(1, round(length * present / target))
        for length, present, target in zip(volume.shape, volume.spacing_mm, targets, strict=True)
    )
    if np.prod(shape, dtype=float) > MAX_VOXELS:
        size = "x".join(str(side) for side in shape)
        raise DataError(f"with --spacing it would be {size} voxels, too many", code="recipe/too-large")
    return _resized(volume, shape)


def _resized(volume: Volume, shape: tuple[int, ...]) -> Volume:
    factors = np.array(shape) / np.array(volume.shape)
    pixels = _resize_slices(volume.pixels, shape[0])
    pixels = np.stack([_resize_plane(plane, height=shape[1], width=shape[2]) for plane in pixels])
    mask = volume.mask
    if mask is not None:
        nearest = ((np.arange(shape[0]) + 0.5) * len(mask) / shape[0]).astype(int)
        size = (shape[2], shape[1])
        mask = np.stack([cv2.resize(mask[i], size, interpolation=cv2.INTER_NEAREST_EXACT) for i in nearest])
    spacing = tuple(np.array(volume.spacing_mm) / factors)
    affine = None
    if volume.affine is not None:
        # Outer edges stay where they are, so centres of the first pixels move by half the change.
        stretch = np.diag([*(1 / factors), 1.0])
        stretch[:3, 3] = (1 / factors - 1) / 2
        affine = volume.affine @ stretch
    return replace(
        volume, pixels=pixels, mask=mask, edges=volume.edges * factors, spacing_mm=spacing, affine=affine
    )


def _resize_slices(pixels: np.ndarray, length: int) -> np.ndarray:
    """Along slices: the rule of `_resize_plane`, in an order of sums that no library chooses."""
    if length == len(pixels):
        return pixels
    made = np.empty((length, *pixels.shape[1:]), pixels.dtype)
    for i in range(length):
        total = np.zeros(pixels.shape[1:], np.float64)
        for index, weight in _weights(i, source=len(pixels), target=length):
            total += weight * pixels[index]
        made[i] = np.rint(total) if pixels.dtype.kind in "iu" else total
    return made


def _weights(i: int, *, source: int, target: int) -> list[tuple[int, float]]:
    """Which source slices make slice `i`, and their shares, which sum to 1."""
    step = source / target
    if step < 1:
        place = min(max((i + 0.5) * step - 0.5, 0.0), source - 1.0)
        low = min(int(place), source - 2) if source > 1 else 0
        share = place - low
        return [(low, 1 - share), (low + 1, share)] if share > 0 else [(low, 1.0)]
    low_edge, high_edge = i * step, (i + 1) * step
    parts = [
        (index, min(index + 1, high_edge) - max(index, low_edge))
        for index in range(int(low_edge), min(source, int(np.ceil(high_edge))))
    ]
    total = sum(part for _, part in parts)
    return [(index, part / total) for index, part in parts if part > 0]


def _resize_plane(plane: np.ndarray, *, height: int, width: int) -> np.ndarray:
    if plane.shape[:2] == (height, width):
        return plane
    if str(plane.dtype) not in _RESIZED_AS_THEY_ARE:
        plane = plane.astype(np.float64)
    small = (min(width, plane.shape[1]), min(height, plane.shape[0]))
    shrunk = cv2.resize(np.ascontiguousarray(plane), small, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR).reshape(
        height, width, *plane.shape[2:]
    )


def _turned(edges: np.ndarray, turn: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    moved = np.empty_like(edges)
    for axis, (target, direction) in enumerate(turn):
        low, high = edges[:, 0, axis], edges[:, 1, axis]
        if direction < 0:
            low, high = shape[axis] - high, shape[axis] - low
        moved[:, 0, int(target)], moved[:, 1, int(target)] = low, high
    return moved


def _edges(box: Box, *, num_slices: int) -> list[list[float]]:
    left, top, right, bottom = box["box"]
    first, last = box.get("slices", (0, num_slices - 1))
    return [[first, top, left], [last + 1, bottom, right]]


def _label_map(mask: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    """uint8 of the picture's shape; masks of several equal channels count as one."""
    labels = mask
    has_channels = labels.ndim >= 3 and labels.shape[-1] in {1, 3} and labels.shape != shape
    if has_channels and bool((labels == labels[..., :1]).all()):
        labels = labels[..., 0]
    if labels.ndim == 2 and shape[0] == 1:
        labels = labels[None]
    if labels.shape != shape:
        sizes = ["x".join(str(side) for side in sides) for sides in (labels.shape, shape)]
        raise DataError(f"the mask is {sizes[0]}, the image {sizes[1]}", code="recipe/bad-mask")
    if not bool(((labels >= 0) & (labels <= 255) & (labels == np.round(labels))).all()):
        raise DataError(
            "the mask holds values that are no whole numbers from 0 to 255", code="recipe/bad-mask"
        )
    return labels.astype(np.uint8)
