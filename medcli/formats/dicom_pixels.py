"""The stored values of every frame: decompressed, in RGB where there is colour, unused bits masked off.

References: DICOM PS3.5 8.1.1 (unused high bits), PS3.3 C.7.6.3 (image pixel), C.7.9 (palettes).
"""

from __future__ import annotations

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames
from pydicom.pixels import apply_color_lut, pixel_array
from pydicom.uid import UID, JPEGBaseline8Bit, RLELossless

from medcli.errors import DataError
from medcli.formats import dicom_codecs
from medcli.formats.codes import reject
from medcli.formats.dicom_header import transfer_syntax
from medcli.formats.dicom_values import FAULTS, integer, text
from medcli.formats.jpeg_streams import announced_size, check_end, check_jpeg


def stored_values(dataset: FileDataset) -> tuple[np.ndarray, int]:
    """Frames [frames, rows, columns(, 3)], also of a single image, and their meaningful bits.

    Raises:
        DataError: `decode/corrupt`, or `decode/bad-header` if the pixels contradict the header.
    """
    syntax = transfer_syntax(dataset)
    try:
        if syntax.is_encapsulated:
            _check_streams(dataset, syntax)
        values = pixel_array(dataset, decoding_plugin=dicom_codecs.plugin_for(syntax))
        bits = integer(dataset, "BitsStored", values.dtype.itemsize * 8)
        if text(dataset, "PhotometricInterpretation") == "PALETTE COLOR":
            values = apply_color_lut(_masked(values, dataset), dataset)
            bits = values.dtype.itemsize * 8
        else:
            values = _masked(values, dataset)
    except DataError:
        raise
    except FAULTS as error:
        raise reject("decode/corrupt", f"the pixel data do not decode ({type(error).__name__})") from error
    return _framed(values, dataset), bits


def _check_streams(dataset: FileDataset, syntax: UID) -> None:
    """Refuse frames that are damaged, or announce another size than the header, before they take memory."""
    num_frames = max(1, integer(dataset, "NumberOfFrames", 1))
    size = (integer(dataset, "Rows", 0), integer(dataset, "Columns", 0))
    for frame in generate_frames(dataset.PixelData, number_of_frames=num_frames):
        announced = None if syntax == RLELossless else announced_size(frame)
        if announced not in {None, size}:
            raise reject("decode/corrupt", "a frame has another size than the header says")
        check_end(frame)
        if syntax == JPEGBaseline8Bit:
            check_jpeg(frame)


def _framed(values: np.ndarray, dataset: FileDataset) -> np.ndarray:
    num_frames = max(1, integer(dataset, "NumberOfFrames", 1))
    size = (integer(dataset, "Rows", 0), integer(dataset, "Columns", 0))
    frames = values if num_frames > 1 else values[None]
    if frames.shape[:3] != (num_frames, *size):
        raise reject("decode/corrupt", "the pixel data have another size or number of frames than the header")
    return frames.astype(frames.dtype.newbyteorder("="), copy=False)


def _masked(values: np.ndarray, dataset: FileDataset) -> np.ndarray:
    """Without what lies above the stored bits (old overlays), and with the sign of what lies in them."""
    if values.dtype.kind not in "iu" or values.ndim == 0:
        return values
    width = values.dtype.itemsize * 8
    stored = integer(dataset, "BitsStored", width)
    shift = width - stored
    if not 0 < shift < width or stored == 1:
        return values
    if integer(dataset, "HighBit", stored - 1) != stored - 1:
        raise reject("decode/unsupported-syntax", "(0028,0102) High Bit is not one below Bits Stored")
    return np.right_shift(np.left_shift(values, shift), shift)
