"""Records that are set aside before a split: sites, devices or periods that a model must never see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from medcli.cohorts.fields import check_field, field_value
from medcli.cohorts.splits import group_units
from medcli.errors import DataError, UsageError

EXTERNAL = "external"


def external_rows(records: list[dict[str, Any]], rules: Sequence[str]) -> tuple[np.ndarray, int]:
    """Which records are external, and how many of them only because of what they share with one that is.

    A patient, group, file or image goes as a whole: if one of its records is external, all are.

    Args:
        records: Of the manifest.
        rules: `FIELD=VALUE[,VALUE...]` each; a record that meets any is external.

    Returns:
        bool [records], and a number of records.

    Raises:
        UsageError: If a rule has no `=`.
        DataError: If no record has the field or a value, or all records are external.
    """
    is_named = np.zeros(len(records), dtype=bool)
    for rule in rules:
        field, equals, text = rule.partition("=")
        values = [value.strip() for value in text.split(",")]
        if not equals or not field.strip() or not all(values):
            raise UsageError(f"--external is {rule!r}, it must be FIELD=VALUE[,VALUE...]")
        check_field(records, field.strip())
        found = [_text(field_value(record, field.strip())) for record in records]
        for value in values:
            if value not in found:
                known = ", ".join(sorted({name for name in found if name})[:8])
                raise DataError(f"no record has {field.strip()} {value!r}; there are {known}")
        is_named |= np.isin(found, values)
    units = group_units(records)
    is_external = np.isin(units, units[is_named]) if len(units) else is_named
    if len(records) and is_external.all():
        raise DataError("all records are external, none is left to train on")
    return is_external, int(is_external.sum() - is_named.sum())


def _text(value: Any) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, int | float) else str(value)
