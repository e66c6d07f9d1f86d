"""imagecodecs behind pydicom's decoder plug-in interface: compressed syntaxes without GDCM.

pydicom asks a plug-in module for `is_available`, `DECODER_DEPENDENCIES` and a function that turns the
bytes of one frame into raw samples (pydicom guide "Decoder plug-ins"). High-throughput JPEG 2000 is decoded
by OpenJPEG and not by OpenJPH, which makes an image of a stream that is cut, without an error.

No stream but that of PNG has a checksum: damage inside the coded samples of JPEG 2000, JPEG-LS and RLE mostly
decodes to other values, and nothing can tell.
"""

from __future__ import annotations

from collections.abc import Callable

import imagecodecs
import numpy as np
from pydicom import uid
from pydicom.pixels import get_decoder
from pydicom.pixels.common import PhotometricInterpretation as Colours
from pydicom.pixels.decoders.base import DecodeRunner

NAME = "imagecodecs"

_JPEG_2000 = (uid.JPEG2000, uid.JPEG2000Lossless, uid.HTJ2K, uid.HTJ2KLossless, uid.HTJ2KLosslessRPCL)
_JPEG_LS = (uid.JPEGLSLossless, uid.JPEGLSNearLossless)
_JPEG_LOSSLESS = (uid.JPEGLossless, uid.JPEGLosslessSV1)


_DECODERS: dict[str, Callable[[bytes], np.ndarray]] = {
    **dict.fromkeys(_JPEG_2000, imagecodecs.jpeg2k_decode),
    **dict.fromkeys(_JPEG_LS, imagecodecs.jpegls_decode),
    **dict.fromkeys(_JPEG_LOSSLESS, imagecodecs.ljpeg_decode),
    uid.JPEGExtended12Bit: imagecodecs.jpeg8_decode,
}

DECODER_DEPENDENCIES = dict.fromkeys(_DECODERS, ("imagecodecs",))


def is_available(syntax: str) -> bool:
    """Whether this module decodes a transfer syntax."""
    return syntax in _DECODERS


def decode_frame(frame: bytes, runner: DecodeRunner) -> bytearray:
    """Raw samples of one frame, colour by pixel; tells the runner what they are."""
    pixels = np.ascontiguousarray(_DECODERS[runner.transfer_syntax](frame))
    runner.set_option("bits_allocated", pixels.dtype.itemsize * 8)
    if pixels.ndim == 3:
        runner.set_option("planar_configuration", 0)
        if runner.photometric_interpretation in {Colours.YBR_ICT, Colours.YBR_RCT}:
            runner.set_option("photometric_interpretation", Colours.RGB)
    if pixels.shape[:2] != (runner.rows, runner.columns):
        raise ValueError("the frame's size is not that of the header")
    return bytearray(pixels.tobytes())


def plugin_for(syntax: str) -> str:
    """Name of the plug-in to ask pydicom for; empty where pydicom's own choice is right."""
    if syntax not in _DECODERS:
        return ""
    decoder = get_decoder(uid.UID(syntax))
    if NAME not in decoder.available_plugins:
        decoder.add_plugin(NAME, (__name__, "decode_frame"))
    return NAME
