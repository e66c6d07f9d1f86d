"""Every file that pydicom brings for its own tests gives the pixels of pydicom, or its reason is listed."""

from __future__ import annotations

import warnings
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, pixel_array

from medcli.errors import DataError
from medcli.formats.dicom_values import FAULTS
from medcli.formats.image import decode, scan

SAMPLES = Path(str(files("pydicom"))) / "data" / "test_files"
PATHS = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
# Objects with pixel data that are no pictures: doses, segmentations; and scouts.
REFUSED = {"rtdose": "decode/not-an-image", "liver": "decode/not-an-image", "CT2N": "decode/localizer"}


def expected(path: Path) -> np.ndarray | None:
    """What pydicom and its own plug-ins make of a file; None where they cannot."""
    try:
        dataset = pydicom.dcmread(path, force=True)
        pixels = pixel_array(dataset)
        if dataset.PhotometricInterpretation == "PALETTE COLOR":
            pixels = apply_color_lut(pixels, dataset)
        return apply_modality_lut(pixels, dataset)
    except FAULTS:
        return None


def found(path: Path) -> np.ndarray | str:
    try:
        pixels = decode(path).pixels
    except DataError as error:
        return error.code
    scan(path)  # the header alone is enough to accept what decodes
    return pixels


def test_pixels_are_those_of_pydicom() -> None:
    num_equal = 0
    wrong = []
    for path in PATHS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = expected(path)
        if wanted is None:
            continue
        pixels = found(path)
        if isinstance(pixels, str):
            name = str(path.relative_to(SAMPLES))
            if pixels not in {code for part, code in REFUSED.items() if part in name}:
                wrong.append((name, pixels))
        # We keep broken rescales as float32, pydicom as float64.
        elif pixels.shape == wanted.shape and np.allclose(pixels, wanted, rtol=1e-6, atol=0):
            num_equal += 1
        else:
            wrong.append((path.name, "other pixels"))
    assert wrong == []
    assert num_equal > 70


@pytest.mark.parametrize("path", PATHS[::5], ids=lambda path: path.name)
def test_a_cut_stream_is_refused_or_says_so(path: Path, tmp_path: Path) -> None:
    """Half of a file that decodes never gives an image."""
    content = path.read_bytes()
    if isinstance(found(path), str):
        return
    cut = tmp_path / "cut"
    cut.write_bytes(content[: len(content) // 2])
    assert isinstance(found(cut), str)
