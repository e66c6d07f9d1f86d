"""Keyed hashes and normalised facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.cohorts.deidentify import keyed_hash, parse_age, parse_code, parse_sex

KEY, OTHER_KEY = b"k" * 32, b"l" * 32


def test_the_hash_is_hmac_sha_256_of_kind_and_value() -> None:
    """Worked with `printf 'patient\\0p1' | openssl dgst -sha256 -mac HMAC -macopt key:kkkk...`."""
    assert keyed_hash("p1", key=KEY, kind="patient") == "7a3e0bd1a545ef4a"


@given(st.text(min_size=1), st.text(min_size=1))
def test_equal_values_and_only_those_hash_alike(one: str, other: str) -> None:
    hashes = [keyed_hash(value, key=KEY, kind="patient") for value in (one, other)]
    assert (hashes[0] == hashes[1]) == (one == other)
    assert hashes[0] != keyed_hash(one, key=OTHER_KEY, kind="patient")
    assert hashes[0] != keyed_hash(one, key=KEY, kind="group")


def test_names_that_are_not_utf_8_hash_as_their_bytes() -> None:
    assert keyed_hash("\udcff.dcm", key=KEY, kind="path") == keyed_hash(b"\xff.dcm", key=KEY, kind="path")


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("58", 58),
        ("58.0", 58),
        ("058Y", 58),
        (" 058y ", 58),
        ("006M", 0.5),
        ("052W", 1.0),
        ("0", 0),
        ("120", 120),
        ("120.5", None),
        ("414", None),
        ("-1", None),
        ("1e2", None),
        ("nan", None),
        ("", None),
        ("old", None),
        ("٣٠", None),
    ],
)
def test_ages(text: str, years: float | None) -> None:
    assert parse_age(text) == (pytest.approx(years, abs=0.01) if years is not None else None)


def test_sexes_and_codes() -> None:
    assert [parse_sex(text) for text in ("m", " Female", "O", "", "x", "mf")] == [
        "M",
        "F",
        "O",
        None,
        None,
        None,
    ]
    assert [parse_code(text) for text in ("pa", "LATERAL ", "AP_SUPINE")] == ["PA", "LATERAL", "AP_SUPINE"]
    assert [parse_code(text) for text in ("", "Smith, John", "x" * 17, "<b>", "PA\n")] == [
        None,
        None,
        None,
        None,
        "PA",
    ]
