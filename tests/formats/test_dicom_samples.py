"""Every file of pydicom's own tests gives the pixels of its peers, or the reason why not is listed.

Some files come with pydicom; those of its repository `pydicom-data` are compared where they are at hand.
"""

from __future__ import annotations

import warnings
from importlib.resources import files
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array
from pydicom.uid import EnhancedCTImageStorage

from medcli.errors import DataError
from medcli.formats.dicom_values import FAULTS
from medcli.formats.image import decode, scan
from tests.realdata import real_data

SAMPLES = Path(str(files("pydicom"))) / "data" / "test_files"
PATHS = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
# Objects with pixel data that are no pictures: doses, segmentations; and scouts.
REFUSED = {"rtdose": "decode/not-an-image", "liver": "decode/not-an-image", "CT2N": "decode/localizer"}


def expected(path: Path) -> np.ndarray | None:
    """What pydicom and the plug-ins at hand make of a file; None where they cannot."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        if dataset.get("SOPClassUID") == EnhancedCTImageStorage:
            return by_highdicom(path)
        pixels = pixel_array(dataset)
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
        return apply_modality_lut(pixels, dataset)
    except FAULTS:
        return None


def by_highdicom(path: Path) -> np.ndarray:
    """The frames of an enhanced image along the normal, each by its own rescale."""
    image = highdicom.imread(path)
    places = [
        group.PlanePositionSequence[0].ImagePositionPatient
        for group in image.PerFrameFunctionalGroupsSequence
    ]
    plane = image.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0].ImageOrientationPatient
    frames = image.get_frames(
        apply_modality_transform=True, apply_voi_transform=False, apply_real_world_transform=False
    )
    return frames[np.argsort(np.array(places, float) @ np.cross(plane[:3], plane[3:]))]


def found(path: Path) -> np.ndarray | str:
    try:
        pixels = decode(path).pixels
    except DataError as error:
        return error.code
    scan(path)  # the header alone is enough to accept what decodes
    return pixels


def compare(paths: list[Path]) -> int:
    """How many files gave the same pixels; fails where others or none came without a reason."""
    num_equal = 0
    wrong = []
    for path in paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = expected(path)
        if wanted is None:
            continue
        pixels = found(path)
        if isinstance(pixels, str):
            if pixels not in {code for part, code in REFUSED.items() if part in str(path)}:
                wrong.append((path.name, pixels))
        # We keep broken rescales and doubles as float32, pydicom as float64.
        elif pixels.shape == wanted.shape and np.allclose(pixels, wanted, rtol=1e-6, atol=0):
            num_equal += 1
        else:
            wrong.append((path.name, "other pixels"))
    assert wrong == []
    return num_equal


def test_pixels_are_those_of_pydicom() -> None:
    assert compare(PATHS) > 70


def test_pixels_of_pydicom_data_are_those_of_pydicom_and_highdicom() -> None:
    """Needs `data_store/data` of github.com/pydicom/pydicom-data, or a part of it, as `pydicom-data`."""
    assert compare(sorted(real_data("pydicom-data").glob("*.dcm"))) > 50


@pytest.mark.parametrize("path", PATHS[::5], ids=lambda path: path.name)
def test_a_cut_stream_is_refused_or_says_so(path: Path, tmp_path: Path) -> None:
    """Half of a file that decodes never gives an image."""
    content = path.read_bytes()
    if isinstance(found(path), str):
        return
    cut = tmp_path / "cut"
    cut.write_bytes(content[: len(content) // 2])
    assert isinstance(found(cut), str)
