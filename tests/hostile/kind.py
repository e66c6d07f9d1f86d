"""What a kind of input is: how to make one, and what must become of it; with the pictures that kinds hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

SIDE = 48


class Kind(NamedTuple):
    """A builder, and either the reason code or the pixels that must come out.

    Attributes:
        build: The bytes of the file.
        code: Reason code of what must be refused.
        pixels: Of what must be kept, the values that were put in.
        tolerance: Largest difference from `pixels`; above 0 only where the format loses something.
    """

    build: Callable[[], bytes]
    code: str = ""
    pixels: Callable[[], np.ndarray] | None = None
    tolerance: int = 0


Kinds = dict[str, Kind]


def kept(build: Callable[[], bytes], pixels: Callable[[], np.ndarray], *, tolerance: int = 0) -> Kind:
    """A kind that goes in, with these pixels."""
    return Kind(build, pixels=pixels, tolerance=tolerance)


def refused(build: Callable[[], bytes], code: str) -> Kind:
    """A kind that is refused with this code."""
    return Kind(build, code)


def grey() -> np.ndarray:
    """A picture with structure, so that it compresses to more than a header."""
    return np.random.default_rng(3).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)


def smooth() -> np.ndarray:
    """A picture that lossy formats keep nearly as it is."""
    rows, columns = np.indices((SIDE, SIDE))
    return (2 * rows + 3 * columns).astype(np.uint8)


def deep() -> np.ndarray:
    """Twelve bits in sixteen."""
    return (grey().astype(np.uint16) * 16) & 0xFFF


def colour() -> np.ndarray:
    return np.stack([grey(), 255 - grey(), grey() // 2], axis=-1)


def cut(content: bytes, share: float = 0.5) -> bytes:
    return content[: int(len(content) * share)]


def flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 0xFF
    return bytes(changed)


def patched(content: bytes, position: int, value: bytes) -> bytes:
    return content[:position] + value + content[position + len(value) :]
