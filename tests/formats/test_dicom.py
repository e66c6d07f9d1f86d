"""DICOM: modality units, one window, inversion told and not done, and only allow-listed fields."""

from __future__ import annotations

import io
import zlib
from importlib.resources import files
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import BasicTextSRStorage, DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from medcli.errors import DataError
from medcli.formats.image import decode, scan
from medcli.formats.source import SourceImage
from medcli.voi import Window
from tests.formats.make import CANARY, PATIENT, dicom_bytes, ramp

SAMPLES = Path(str(files("pydicom"))) / "data" / "test_files"


def decoded(content: bytes, tmp_path: Path) -> SourceImage:
    path = tmp_path / "image"
    path.write_bytes(content)
    return decode(path)


def rejected(content: bytes, tmp_path: Path) -> tuple[str, str]:
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(DataError) as from_decode:
        decode(path)
    with pytest.raises(DataError) as from_scan:
        scan(path)
    return from_decode.value.code, from_scan.value.code


def test_rescale_gives_hounsfield_units(tmp_path: Path) -> None:
    stored = np.array([[0, 1024], [2000, 4095]], dtype=np.uint16)
    image = decoded(
        dicom_bytes(stored, BitsStored=12, HighBit=11, RescaleSlope=1, RescaleIntercept=-1024), tmp_path
    )
    assert image.pixels.dtype == np.int32
    assert image.pixels.tolist() == [[-1024, 0], [976, 3071]]
    assert image.bits == 12


def test_a_broken_slope_gives_float32(tmp_path: Path) -> None:
    image = decoded(dicom_bytes(ramp(dtype="uint16"), RescaleSlope="0.5", RescaleIntercept="1"), tmp_path)
    assert image.pixels.dtype == np.float32
    assert np.array_equal(image.pixels, ramp() * 0.5 + 1)


def test_monochrome1_is_told_and_not_inverted(tmp_path: Path) -> None:
    image = decoded(dicom_bytes(ramp(), PhotometricInterpretation="MONOCHROME1"), tmp_path)
    assert image.is_inverted
    assert np.array_equal(image.pixels, ramp())


def test_the_first_window_counts_and_a_width_of_0_is_none(tmp_path: Path) -> None:
    several = dicom_bytes(ramp(), WindowCenter=["40", "600"], WindowWidth=["400", "1500"])
    assert decoded(several, tmp_path).voi == Window(40.0, 400.0)
    assert decoded(dicom_bytes(ramp(), WindowCenter="40", WindowWidth="0"), tmp_path).voi is None
    assert decoded(dicom_bytes(ramp()), tmp_path).voi is None


def test_signed_values_survive(tmp_path: Path) -> None:
    pixels = np.array([[-2000, -1], [0, 1500]], dtype=np.int16)
    assert np.array_equal(decoded(dicom_bytes(pixels), tmp_path).pixels, pixels)


def test_rgb(tmp_path: Path) -> None:
    pixels = np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3)
    assert np.array_equal(decoded(dicom_bytes(pixels), tmp_path).pixels, pixels)


def test_scan_tells_only_what_a_record_may_hold(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes(dicom_bytes(ramp(), StudyDate="20200131", InstitutionName="CANARY CLINIC"))
    header = scan(path)
    assert header.kind == "dicom"
    assert header.fields == {"modality": "DX", "view": "PA", "age": "058Y", "sex": "F"}
    assert header.patient == PATIENT
    assert CANARY not in repr(header)


def test_no_preamble(tmp_path: Path) -> None:
    assert np.array_equal(decoded(dicom_bytes(ramp())[132:], tmp_path).pixels, ramp())


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Rows": 0}, "decode/bad-header"),
        ({"Rows": 60000, "Columns": 60000}, "decode/bomb"),
        ({"Rows": 60}, "decode/truncated"),
        ({"NumberOfFrames": 3}, "decode/truncated"),
        ({"NumberOfFrames": 1 << 30}, "decode/bomb"),
        ({"Rows": [6, 6]}, "decode/bad-header"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "decode/localizer"),
        ({"BitsStored": 99}, "decode/bad-header"),
        ({"Rows": None, "PixelData": None, "SOPClassUID": BasicTextSRStorage}, "decode/not-an-image"),
        ({"PixelData": None}, "decode/truncated"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, tags: dict, code: str) -> None:
    assert rejected(dicom_bytes(ramp(), **tags), tmp_path) == (code, code)


@pytest.mark.parametrize("slope", ["0", "nan", "inf"])
def test_an_impossible_rescale_is_refused(tmp_path: Path, slope: str) -> None:
    content = dicom_bytes(ramp(), RescaleSlope="1", RescaleIntercept="0")
    at = content.index(b"\x28\x00\x53\x10DS") + 6
    patched = content[:at] + (4).to_bytes(2, "little") + slope.ljust(4).encode() + content[at + 4 :]
    with pytest.raises(DataError) as caught:
        decoded(patched, tmp_path)
    assert caught.value.code == "decode/bad-header"


def test_every_cut_is_found(tmp_path: Path) -> None:
    content = dicom_bytes(ramp(20, 20, dtype="uint16"))
    for length in (1, 100, 133, 200, 400, len(content) - 400, len(content) - 1):
        assert set(rejected(content[:length], tmp_path)) <= {"decode/truncated", "decode/unknown-format"}, (
            length
        )


def test_errors_do_not_quote_identities(tmp_path: Path) -> None:
    for tags in ({"Rows": 0}, {"PixelData": None}, {"BitsAllocated": 7}):
        path = tmp_path / "image"
        path.write_bytes(dicom_bytes(ramp(), **tags))
        with pytest.raises(DataError) as caught:
            decode(path)
        assert "CANARY" not in str(caught.value) + caught.value.hint


def test_deflated_is_read_and_its_bomb_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = dicom_bytes(ramp(), syntax=DeflatedExplicitVRLittleEndian)
    assert np.array_equal(decoded(content, tmp_path).pixels, ramp())
    monkeypatch.setattr("medcli.formats.inflate.inflate.__kwdefaults__", {"limit": 200})
    assert rejected(content, tmp_path) == ("decode/bomb", "decode/bomb")


def deflated_frames(frames: np.ndarray, **tags: object) -> bytes:
    """Frames that are deflated one by one (PS3.5 A.4), a transfer syntax that pydicom has no name for."""
    packers = [zlib.compressobj(wbits=-15) for _ in frames]
    streams = [p.compress(f.tobytes()) + p.flush() for p, f in zip(packers, frames, strict=True)]
    dataset = pydicom.dcmread(io.BytesIO(dicom_bytes(frames[0], NumberOfFrames=len(frames), **tags)))
    dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
    dataset.PixelData = pydicom.encaps.encapsulate(streams)
    dataset["PixelData"].VR = "OB"
    file = io.BytesIO()
    dataset.save_as(file)
    return file.getvalue().replace(JPEG2000Lossless.encode(), b"1.2.840.10008.1.2.8.1\0")


def test_frames_that_are_deflated_one_by_one(tmp_path: Path) -> None:
    frames = np.stack([ramp(dtype="uint16"), ramp(dtype="uint16") * 3])
    content = deflated_frames(frames)
    assert np.array_equal(decoded(content, tmp_path).pixels, frames)
    assert scan(tmp_path / "image").kind == "dicom"
    sizes = {"decode/corrupt": frames[:, :-1], "decode/bomb": np.concatenate([frames, frames], axis=1)}
    for code, sent in sizes.items():
        with pytest.raises(DataError) as caught:
            decoded(deflated_frames(sent, Rows=frames.shape[1]), tmp_path)
        assert caught.value.code == code


def test_deflated_frames_of_single_bits_are_joined(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (3, 5, 7), dtype=np.uint8)
    packed = np.packbits(bits.reshape(3, -1), axis=1, bitorder="little")
    tags = {"Rows": 5, "Columns": 7, "BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}
    assert np.array_equal(decoded(deflated_frames(packed[:, None], **tags), tmp_path).pixels, bits)


def test_a_segmentation_is_no_image() -> None:
    with pytest.raises(DataError, match="Segmentation") as caught:
        decode(SAMPLES / "liver_1frame.dcm")
    assert caught.value.code == "decode/not-an-image"


def test_more_pixels_than_announced_are_refused(tmp_path: Path) -> None:
    """Fewer rows or frames in the header than in the data would lose some without a word."""
    with pytest.raises(DataError, match="more pixels") as caught:
        decoded(dicom_bytes(ramp(), Rows=3), tmp_path)
    assert caught.value.code == "decode/bad-header"


def test_overlays_in_unused_high_bits_are_masked_off(tmp_path: Path) -> None:
    values = np.array([[5, 4095], [100, 0]], dtype=np.uint16)
    content = dicom_bytes(values | 0x8000, BitsStored=12, HighBit=11)
    assert np.array_equal(decoded(content, tmp_path).pixels, values)


def test_the_sign_lies_in_the_highest_stored_bit(tmp_path: Path) -> None:
    stored = np.array([[0x0FFF, 0x0800], [0x07FF, 1]], dtype=np.uint16)
    image = decoded(dicom_bytes(stored, BitsStored=12, HighBit=11, PixelRepresentation=1), tmp_path)
    assert image.pixels.tolist() == [[-1, -2048], [2047, 1]]


def test_the_spacing_is_that_of_rows_and_columns(tmp_path: Path) -> None:
    image = decoded(dicom_bytes(ramp(), ImagerPixelSpacing=["0.2", "0.1"]), tmp_path)
    assert image.geometry is not None
    assert image.geometry.spacing_mm == (0.2, 0.1)
    assert decoded(dicom_bytes(ramp(), PixelSpacing=["0", "0.1"]), tmp_path).geometry is None


# Transfer syntax: what it is read with. The reference is pydicom with its own plug-ins.
COMPRESSED = {
    "JPEG baseline": "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG-LS lossless": "MR_small_jpeg_ls_lossless.dcm",
    "JPEG-LS near lossless": "JPEGLSNearLossless_16.dcm",
    "JPEG 2000 lossless": "MR_small_jp2klossless.dcm",
    "JPEG 2000": "JPEG2000.dcm",
    "JPEG 2000, signedness of stream and header differ": "J2K_pixelrep_mismatch.dcm",
    "RLE": "MR_small_RLE.dcm",
    "big endian": "MR_small_bigendian.dcm",
    "deflated": "image_dfl.dcm",
    "YBR 4:2:2": "SC_ybr_full_422_uncompressed.dcm",
}


@pytest.mark.parametrize("name", COMPRESSED.values(), ids=COMPRESSED.keys())
def test_syntaxes_agree_with_pydicom(name: str) -> None:
    dataset = pydicom.dcmread(SAMPLES / name)
    expected = pydicom.pixels.apply_modality_lut(pydicom.pixels.pixel_array(dataset), dataset)
    found = decode(SAMPLES / name).pixels
    assert found.dtype.isnative
    assert np.array_equal(found, expected)


def test_jpeg_of_12_bits_has_the_values_that_pydicom_publishes() -> None:
    """pydicom, tests/pixels/pixels_reference.py, JPGExtended.dcm (as libjpeg and IJG decode it)."""
    pixels = decode(SAMPLES / "JPGExtended.dcm").pixels
    assert pixels.shape == (1024, 256)
    assert (pixels[420, 140], pixels[230, 120]) == (244, 95)


def test_jpeg_lossless_without_gdcm(tmp_path: Path) -> None:
    import imagecodecs
    from pydicom.encaps import encapsulate
    from pydicom.uid import JPEGLosslessSV1

    pixels = ramp(16, 12, dtype="uint16", step=21)
    stream = imagecodecs.ljpeg_encode(pixels, bitspersample=12)
    content = dicom_bytes(pixels, BitsStored=12, HighBit=11, PixelData=None)
    dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content))
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([stream])
    dataset["PixelData"].VR = "OB"
    path = tmp_path / "lossless"
    dataset.save_as(path)
    assert np.array_equal(decode(path).pixels, pixels)


def test_non_images_say_what_they_are() -> None:
    for name, what in {"test-SR.dcm": "SR", "rtstruct.dcm": "RT Structure", "rtplan.dcm": "RT Plan"}.items():
        with pytest.raises(DataError, match=what) as caught:
            scan(SAMPLES / name)
        assert caught.value.code == "decode/not-an-image"
