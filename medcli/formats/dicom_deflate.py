"""Deflated DICOM: whole data sets, and single frames; neither inflates to more than is acceptable.

References: DICOM PS3.5 A.5 (Deflated Explicit VR Little Endian), A.4 (Deflated Image Frame Compression).
"""

from __future__ import annotations

import math

import numpy as np
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.encaps import generate_frames

from medcli.formats.codes import reject
from medcli.formats.dicom_values import FAULTS, integer, text
from medcli.formats.inflate import RAW_DEFLATE, inflate

DEFLATED = b"1.2.840.10008.1.2.1.99"
_FRAMES = "1.2.840.10008.1.2.8.1"  # pydicom has no name for it


def check_deflated(content: bytes) -> bool:
    """Whether the data set is deflated; if so it is known to inflate to an acceptable size."""
    head = content[132:2048]
    if content[128:132] != b"DICM" or DEFLATED not in head:
        return False
    # The group length of the file meta information says where the deflated stream begins (PS3.10 7.1).
    if head[:8] != b"\x02\x00\x00\x00UL\x04\x00":
        raise reject("decode/bad-header", "a deflated DICOM file without the length of its meta information")
    start = 144 + int.from_bytes(head[8:12], "little")
    inflate(content[start:], wbits=RAW_DEFLATE)
    return True


def has_deflated_frames(dataset: FileDataset) -> bool:
    """Whether each frame is a deflate stream of its own."""
    return text(dataset.file_meta, "TransferSyntaxUID") == _FRAMES


def inflate_frames(dataset: FileDataset) -> None:
    """Put the inflated frames in place of the deflated ones, as if they had never been compressed."""
    num_frames = max(1, integer(dataset, "NumberOfFrames", 1))
    try:
        streams = list(generate_frames(dataset.PixelData, number_of_frames=num_frames))
    except FAULTS as error:
        raise reject("decode/corrupt", "the deflated frames are damaged") from error
    num_values = math.prod(integer(dataset, keyword, 1) for keyword in ("Rows", "Columns", "SamplesPerPixel"))
    num_bits = num_values * integer(dataset, "BitsAllocated", 8)
    size = -(-num_bits // 8)
    # One byte more may make the length even.
    frames = [inflate(stream, wbits=RAW_DEFLATE, limit=size + 1) for stream in streams]
    if len(frames) != num_frames or min(map(len, frames)) < size:
        raise reject("decode/corrupt", "the deflated frames have another size or number than the header says")
    native = [frame[:size] for frame in frames]
    dataset.PixelData = b"".join(native) if num_bits % 8 == 0 else _joined_bits(native, num_bits)
    dataset.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian


def _joined_bits(frames: list[bytes], size: int) -> bytes:
    """Frames of single bits without the padding between them, as native frames have none (PS3.5 8.1.1)."""
    bits = [np.unpackbits(np.frombuffer(frame, np.uint8), bitorder="little")[:size] for frame in frames]
    return np.packbits(np.concatenate(bits), bitorder="little").tobytes()
