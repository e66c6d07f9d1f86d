"""Several frames in one DICOM file: cine loops, and enhanced images with a rescale and place a frame."""

from __future__ import annotations

import io
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedCTImageStorage, EnhancedMRImageStorage, EnhancedPETImageStorage

from medcli.errors import DataError
from medcli.formats.dicom import decode_bytes, scan_bytes
from medcli.formats.source import SourceImage
from medcli.images.voi import voi_ramp
from medcli.voi import VoiFunction, Window
from tests.formats.make import dicom_bytes, ramp

FRAMES = np.stack([ramp(dtype="uint16") + 100 * i for i in range(4)])


def item(**tags: object) -> Sequence:
    dataset = Dataset()
    for name, value in tags.items():
        setattr(dataset, name, value)
    return Sequence([dataset])


def enhanced(heights_mm: list[float], *, slopes: list[float] | None = None) -> bytes:
    """An enhanced CT whose frames lie at some heights, each with its own slope."""
    groups = [
        item(
            PlanePositionSequence=item(ImagePositionPatient=[-10.0, -20.0, height]),
            PixelValueTransformationSequence=item(
                RescaleSlope=slope, RescaleIntercept=-1000, RescaleType="HU"
            ),
            FrameVOILUTSequence=item(WindowCenter=height, WindowWidth=400),
            FrameContentSequence=item(DimensionIndexValues=[1]),
        )[0]
        for height, slope in zip(heights_mm, slopes or [1.0] * len(heights_mm), strict=True)
    ]
    content = dicom_bytes(FRAMES[0])
    dataset = pydicom.dcmread(io.BytesIO(content))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    dataset.Modality, dataset.NumberOfFrames = "CT", len(groups)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = (
        "1.2.1",
        "1.2.2",
        "1.2.5",
    )
    dataset.SharedFunctionalGroupsSequence = item(
        PixelMeasuresSequence=item(PixelSpacing=[0.5, 0.25], SliceThickness=2),
        PlaneOrientationSequence=item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0]),
    )
    dataset.PerFrameFunctionalGroupsSequence = Sequence(groups)
    dataset.PixelData = FRAMES[: len(groups)].tobytes()
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


def decoded(content: bytes) -> SourceImage:
    return decode_bytes(content, kind="dicom")


def test_a_cine_loop_is_a_volume_without_a_place() -> None:
    content = dicom_bytes(FRAMES[0], NumberOfFrames=4, PixelData=FRAMES.tobytes())
    image = decoded(content)
    assert image.is_volume
    assert image.geometry is None
    assert np.array_equal(image.pixels, FRAMES)


def test_frames_are_sorted_along_the_normal_and_scaled_one_by_one() -> None:
    image = decoded(enhanced([4, 0, 6, 2], slopes=[1, 2, 1, 0.5]))
    expected = [FRAMES[i] * slope - 1000.0 for i, slope in ((1, 2), (3, 0.5), (0, 1), (2, 1))]
    assert np.array_equal(image.pixels, expected)
    assert image.voi == Window(4.0, 400.0)
    assert image.geometry is not None
    assert image.geometry.spacing_mm == (2.0, 0.5, 0.25)
    assert image.geometry.affine is not None
    # The voxel (slice 1, row 2, column 4) lies at LPS (-10 + 4 * 0.25, -20 + 2 * 0.5, 2).
    assert np.allclose(image.geometry.affine @ [1, 2, 4, 1], [9, 19, 2, 1])


def test_highdicom_finds_the_same_values_at_the_same_places() -> None:
    content = enhanced([4, 0, 6, 2], slopes=[1, 2, 1, 0.5])
    volume = highdicom.imread(io.BytesIO(content)).get_volume(
        apply_modality_transform=True, apply_voi_transform=False, apply_real_world_transform=False
    )
    image = decoded(content)
    assert image.geometry is not None
    to_ras = np.diag([-1.0, -1.0, 1.0, 1.0])
    from_ours = np.linalg.inv(to_ras @ volume.affine) @ image.geometry.affine
    for index in np.ndindex(image.pixels.shape):
        there = tuple(np.rint(from_ours @ [*index, 1])[:3].astype(int))
        assert volume.array[there] == image.pixels[index]


def edited(content: bytes, **tags: object) -> Dataset:
    dataset = pydicom.dcmread(io.BytesIO(content))
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def saved(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue()


CLASSES = {
    "CT": EnhancedCTImageStorage,
    "MR": EnhancedMRImageStorage,
    "PT": EnhancedPETImageStorage,
}


@pytest.mark.parametrize("modality", CLASSES)
@pytest.mark.parametrize("function", VoiFunction)
@pytest.mark.parametrize("is_shared", [True, False])
def test_rescale_and_window_of_a_frame_are_those_of_highdicom(
    modality: str, function: VoiFunction, is_shared: bool
) -> None:
    """In the shared functional groups, or in those of each frame."""
    dataset = edited(enhanced([4, 0, 6, 2]), SOPClassUID=CLASSES[modality], Modality=modality)
    dataset.file_meta.MediaStorageSOPClassUID = CLASSES[modality]
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        # Of a shared rescale highdicom makes one table of stored values, in which LINEAR has other ends.
        slope = 1 if is_shared else 2 + number
        del group.PixelValueTransformationSequence, group.FrameVOILUTSequence
        owner = dataset.SharedFunctionalGroupsSequence[0] if is_shared else group
        owner.PixelValueTransformationSequence = item(
            RescaleSlope=slope, RescaleIntercept=-7, RescaleType="US"
        )
        owner.FrameVOILUTSequence = item(
            WindowCenter=300 + number, WindowWidth=200, VOILUTFunction=function.value
        )
    content = saved(dataset)
    image, theirs = decoded(content), highdicom.imread(io.BytesIO(content))
    plain = {"apply_real_world_transform": False, "apply_voi_transform": False}
    for place, frame in enumerate([1, 3, 0, 2]):  # by their heights
        assert np.array_equal(image.pixels[place], theirs.get_frame(frame + 1, **plain))
    shown = theirs.get_frame(1, apply_real_world_transform=False, apply_voi_transform=True)
    assert image.voi is not None
    assert voi_ramp(image.voi).brightness(image.pixels[2]) == pytest.approx(shown, abs=1e-6)


def test_the_order_of_dimensions_changes_nothing() -> None:
    """Positions say where frames lie, not the indices of dimensions, which count in any order."""
    content = enhanced([4, 0, 6, 2])
    dataset = edited(content)
    for group, index in zip(dataset.PerFrameFunctionalGroupsSequence, (4, 2, 1, 3), strict=True):
        group.FrameContentSequence[0].DimensionIndexValues = [index]
    assert np.array_equal(decoded(saved(dataset)).pixels, decoded(content).pixels)


@pytest.mark.parametrize("total", [2, None])
def test_a_part_of_a_concatenation_is_refused(total: int | None) -> None:
    tags = {"ConcatenationUID": "1.2.9", "InConcatenationNumber": 1, "InConcatenationTotalNumber": total}
    content = saved(edited(enhanced([0, 2, 4, 6]), **tags))
    for read in (decode_bytes, scan_bytes):
        with pytest.raises(DataError) as caught:
            read(content, kind="dicom")
        assert caught.value.code == "decode/unsupported-syntax"
    whole = saved(edited(enhanced([0, 2, 4, 6]), **{**tags, "InConcatenationTotalNumber": 1}))
    assert len(decoded(whole).pixels) == 4


@pytest.mark.parametrize(
    ("heights", "code"), [([0, 2, 6, 8], "series/gap"), ([0, 2, 2, 4], "decode/multi-frame")]
)
def test_frames_that_are_no_volume_are_refused(heights: list[float], code: str) -> None:
    with pytest.raises(DataError) as caught:
        decoded(enhanced(heights))
    assert caught.value.code == code


def test_a_group_too_few_is_refused() -> None:
    dataset = pydicom.dcmread(io.BytesIO(enhanced([0, 2, 4, 6])))
    del dataset.PerFrameFunctionalGroupsSequence[3]
    file = io.BytesIO()
    dataset.save_as(file)
    with pytest.raises(DataError) as caught:
        decoded(file.getvalue())
    assert caught.value.code == "decode/bad-header"


def test_real_colour_frames_agree_with_pydicom() -> None:
    path = pydicom.data.get_testdata_file("SC_rgb_rle_2frame.dcm", download=False)
    image = decoded(Path(str(path)).read_bytes())
    assert image.is_volume
    assert np.array_equal(image.pixels, pydicom.pixels.pixel_array(str(path)))
