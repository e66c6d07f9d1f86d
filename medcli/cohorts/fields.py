"""What a record says of itself by the name of a field: sex, age, site, or a column that was kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from medcli.errors import DataError

# What identifies an image, or holds other things, is no property to group it by.
_OPAQUE = ("id", "sha256", "pixels_sha256", "patient", "group", "volume")
_NESTED = ("pixels", "labels", "readers", "boxes", "kept")
_NOT_FIELDS = frozenset({*_OPAQUE, *_NESTED})


def field_value(record: dict[str, Any], field: str) -> Any:
    """Value of a field of the record or of its kept columns; None when it is not known."""
    if field in record and field not in _NOT_FIELDS:
        return record[field]
    return record.get("kept", {}).get(field)


def check_field(records: Sequence[dict[str, Any]], field: str) -> None:
    """Refuse a field that no record has.

    Raises:
        DataError: Naming those that are there.
    """
    if any(field_value(record, field) is not None for record in records):
        return
    known = {name for record in records for name in record if name not in _NOT_FIELDS}
    known |= {name for record in records for name in record.get("kept", ())}
    told = ", ".join(sorted(known)) or "none"
    raise DataError(f"no record has a field {field!r}; there are {told}")
