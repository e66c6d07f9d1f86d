"""A builder a kind of broken, hostile or odd NIfTI and NPZ file, and what becomes of it."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

import nibabel
import numpy as np

from tests.formats.make import nifti_bytes, npz_bytes
from tests.hostile.kind import Kinds, cut, flipped, grey, kept, patched, refused

VOLUME = np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8)
_SLOPE, _INTERCEPT, _TYPE, _SIZES = 112, 116, 70, 42  # places in a NIfTI-1 header
_RGB, _BITS_OF_RGB = 128, 24


def nifti(volume: np.ndarray = VOLUME, **options: np.ndarray) -> bytes:
    return nifti_bytes(volume, **options)


def upright(volume: np.ndarray = VOLUME) -> np.ndarray:
    """As it must come out: slices, rows, columns are the third, second and first axis of the file."""
    return volume.swapaxes(0, 2)


def described() -> bytes:
    image = nibabel.Nifti1Image(VOLUME, np.eye(4))
    image.header["descrip"] = b"CANARY^NAME"
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"CANARY^NAME"))
    return image.to_bytes()


def big_endian() -> bytes:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(">i2")
    return nibabel.Nifti1Image(VOLUME.astype(">i2"), np.eye(4), header).to_bytes()


def scaled(slope: float, intercept: float = 0) -> bytes:
    return patched(nifti(), _SLOPE, struct.pack("<2f", slope, intercept))


def colours() -> np.ndarray:
    return np.arange(4 * 5 * 6 * 3, dtype=np.uint8).reshape(4, 5, 6, 3)


def rgb_nifti() -> bytes:
    sort = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
    return nifti(np.ascontiguousarray(colours()).view(sort)[..., 0])


def nifti_bomb() -> bytes:
    """A header for 16 GB beside few bytes, in gzip."""
    return gzip.compress(patched(nifti(), _SIZES, struct.pack("<3h", 2048, 2048, 2048)), mtime=0)


def as_float(volume: np.ndarray = VOLUME) -> np.ndarray:
    return upright(volume).astype(np.float32)


OBLIQUE = np.array([[1, 1, 0, 0], [-1, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 1.0]])
TYPES = ("int8", "uint8", "uint16", "int32", "uint32", "int64", "uint64", "float32")

NIFTI: Kinds = {
    "plain.nii": kept(nifti, upright),
    **{
        f"{name}.nii": kept(
            lambda name=name: nibabel.Nifti1Image(
                (VOLUME % 99).astype(name), np.eye(4), dtype=name
            ).to_bytes(),
            lambda name=name: upright(VOLUME % 99).astype(name),
        )
        for name in TYPES
    },
    "packed.nii.gz": kept(lambda: gzip.compress(nifti(), mtime=0), upright),
    "second.nii": kept(lambda: nibabel.Nifti2Image(VOLUME, np.eye(4)).to_bytes(), upright),
    "big-endian.nii": kept(big_endian, upright),
    "double.nii": kept(lambda: nifti(VOLUME.astype(np.float64)), as_float),
    "oblique.nii": kept(lambda: nifti(affine=OBLIQUE), upright),
    "described.nii": kept(described, upright),
    "flat.nii": kept(lambda: nifti(VOLUME[:, :, 0]), lambda: VOLUME[:, :, 0].T),
    "four.nii": kept(
        lambda: nifti(np.stack([VOLUME, VOLUME + 1, VOLUME + 2, VOLUME + 3], axis=-1)),
        lambda: np.stack([upright(), upright() + 1, upright() + 2, upright() + 3], axis=-1),
    ),
    "rgb.nii": kept(rgb_nifti, lambda: colours().swapaxes(0, 2)),
    "scaled.nii": kept(lambda: scaled(0.5, -3), lambda: as_float() * np.float32(0.5) - 3),
    "nan-slope.nii": kept(lambda: scaled(np.nan, np.nan), upright),
    "zero-slope.nii": kept(lambda: scaled(0, 5), upright),
    "infinite-slope.nii": refused(lambda: scaled(np.inf), "decode/bad-header"),
    "nan-intercept.nii": refused(lambda: scaled(2, np.nan), "decode/bad-header"),
    "five.nii": refused(lambda: nifti(np.stack([VOLUME] * 5, axis=-1)), "decode/multi-frame"),
    "complex.nii": refused(lambda: nifti(VOLUME.astype(np.complex64)), "decode/unsupported-syntax"),
    "pair.img2": refused(lambda: patched(nifti(), 344, b"ni1\0"), "decode/unsupported-syntax"),
    "singular.nii": refused(lambda: patched(nifti(), 280, bytes(48)), "decode/bad-header"),
    "not-finite-affine.nii": refused(
        lambda: patched(nifti(), 280, struct.pack("<f", np.nan)), "decode/bad-header"
    ),
    "cut.nii": refused(lambda: cut(nifti(), 0.9), "decode/truncated"),
    "cut-header.nii": refused(lambda: nifti()[:200], "decode/unknown-format"),
    "cut.nii.gz": refused(
        lambda: cut(gzip.compress(np.random.default_rng(1).bytes(9), mtime=0), 0.9), "decode/truncated"
    ),
    "checksum.nii.gz": refused(lambda: flipped(gzip.compress(nifti(), mtime=0), -6), "decode/corrupt"),
    "no-rows.nii": refused(lambda: patched(nifti(), _SIZES, struct.pack("<h", 0)), "decode/bad-header"),
    "bad-type.nii": refused(lambda: patched(nifti(), _TYPE, struct.pack("<h", 999)), "decode/bad-header"),
    "bomb.nii.gz": refused(nifti_bomb, "decode/bomb"),
    "not-finite.nii": refused(
        lambda: nifti(np.full((4, 4, 4), np.inf, dtype=np.float32)), "decode/not-finite"
    ),
}


class Pickled:
    """An object that would run something when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("CANARY^NAME",)


def pickled_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, x=np.array([Pickled()], dtype=object))
    return buffer.getvalue()


def npz_of(member: bytes, *, name: str = "x.npy") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, member)
    return buffer.getvalue()


def npy(shape: tuple[int, ...], data: bytes, *, descr: str = "|u1") -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": descr, "fortran_order": False, "shape": shape})
    return header.getvalue() + data


def code_in_header() -> bytes:
    """A header that is read by evaluating it must hold a literal and nothing else."""
    text = b"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (2, 2)}\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(4)


NPZ: Kinds = {
    "plain.npz": kept(lambda: npz_bytes(image=grey()), grey),
    "volume.npz": kept(lambda: npz_bytes(arr_0=VOLUME), lambda: VOLUME),
    "big-endian.npz": kept(lambda: npz_bytes(x=VOLUME.astype(">i2")), lambda: VOLUME),
    "several.npz": refused(lambda: npz_bytes(a=grey(), b=grey()), "decode/multi-frame"),
    "pickled.npz": refused(pickled_npz, "decode/unsupported-syntax"),
    "text.npz": refused(lambda: npz_bytes(x=np.array(["CANARY^NAME"] * 9)), "decode/unsupported-syntax"),
    "one-axis.npz": refused(lambda: npz_bytes(x=np.arange(9)), "decode/bad-header"),
    "no-axis.npz": refused(lambda: npz_bytes(x=np.array(9)), "decode/bad-header"),
    "empty-axis.npz": refused(lambda: npz_bytes(x=np.zeros((0, 9), np.uint8)), "decode/bad-header"),
    "short.npz": refused(lambda: npz_of(npy((9, 9), bytes(80))), "decode/truncated"),
    "long.npz": refused(lambda: npz_of(npy((9, 9), bytes(82))), "decode/corrupt"),
    "bomb.npz": refused(lambda: npz_of(npy((1 << 20, 1 << 20), bytes(64 << 20))), "decode/bomb"),
    "code.npz": refused(lambda: npz_of(code_in_header()), "decode/corrupt"),
    "no-array.npz": refused(lambda: npz_of(b"CANARY^NAME"), "decode/corrupt"),
    "cut.npz": refused(lambda: cut(npz_bytes(x=grey())), "decode/truncated"),
    "checksum.npz": refused(lambda: flipped(npz_bytes(x=grey()), 1500), "decode/corrupt"),
    "not-finite.npz": refused(lambda: npz_bytes(x=np.full((9, 9), np.nan)), "decode/not-finite"),
}
