"""What may be said of a person: keyed hashes instead of names, and a few normalised facts.

An unsalted hash of a patient id is a leak, since ids can be enumerated; HMAC-SHA-256 (RFC 2104) with a
secret key is not. Facts come from tables and DICOM headers (PS3.5 6.2: AS is nnnD, nnnW, nnnM or nnnY).
"""

from __future__ import annotations

import hashlib
import hmac
import math
import re

NUM_DIGITS = 16
MAX_AGE = 120

_AGE = re.compile(r"(\d{1,4}(?:\.\d*)?)\s*([DWMY]?)", re.IGNORECASE | re.ASCII)
_UNITS_A_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12.0, "Y": 1.0, "": 1.0}
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F", "o": "O", "other": "O"}
_CODE = re.compile(r"[A-Z0-9][A-Z0-9 _-]{0,15}")
_BLANKS = frozenset({"", "nan", "na", "n/a", "none", "null", "unknown", "inf", "-inf"})


def keyed_hash(value: str | bytes, *, key: bytes, kind: str) -> str:
    """16 hex digits that stand for a value and tell nothing without the key.

    Args:
        value: Patient id, group or path, as it is written.
        key: Secret of the cohort's owner.
        kind: What is hashed, such as `patient`: equal values of different kinds get different hashes.
    """
    data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return hmac.new(key, kind.encode() + b"\0" + data, hashlib.sha256).hexdigest()[:NUM_DIGITS]


def is_blank(text: str) -> bool:
    """Whether a cell says that nothing is known."""
    return text.strip().lower() in _BLANKS


def parse_age(text: str) -> float | int | None:
    """Age in years, whole where it is; None when it is no age from 0 to 120."""
    match = _AGE.fullmatch(text.strip())
    if not match:
        return None
    years = float(match[1]) / _UNITS_A_YEAR[match[2].upper()]
    if not math.isfinite(years) or years > MAX_AGE:
        return None
    return int(years) if years.is_integer() else round(years, 2)


def parse_sex(text: str) -> str | None:
    """M, F or O; None when it is none of them."""
    return _SEXES.get(text.strip().lower())


def parse_code(text: str) -> str | None:
    """A short code such as a view or modality in capitals; None for free text, which might identify."""
    code = text.strip().upper()
    return code if _CODE.fullmatch(code) else None
