"""Records set aside before a split: by any field, whole patients, and never drawn."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.cohorts.external import external_rows
from medcli.cohorts.splits import split_evidence, split_records, verify_parts
from medcli.errors import DataError, UsageError


def record(number: int, *, patient: int, **fields: object) -> dict:
    return {"id": f"{number:016x}", "patient": f"{patient:016x}", "labels": {"Edema": number % 2}, **fields}


SITES = "aaaabbcc"


def cohort(num_images: int = 80) -> list[dict]:
    """Two images a patient; sites by turns of patients."""
    return [record(i, patient=i // 2, site=SITES[i // 2 % 8], age=20 + i % 3) for i in range(num_images)]


def test_records_of_named_values_are_external_and_nothing_else() -> None:
    records = cohort()
    is_external, num_tied = external_rows(records, ["site=b, c"])
    assert [r["site"] in "bc" for r in records] == is_external.tolist()
    assert num_tied == 0
    assert external_rows(records, ["site=b", "site=c"])[0].tolist() == is_external.tolist()
    assert not external_rows(records, [])[0].any()


def test_kept_columns_and_numbers_are_fields_too() -> None:
    records = [{**r, "kept": {"year": str(2000 + i % 4)}} for i, r in enumerate(cohort(8))]
    for row in records:
        row["patient"] = row["id"]
    assert np.flatnonzero(external_rows(records, ["year=2003"])[0]).tolist() == [3, 7]
    assert np.flatnonzero(external_rows(records, ["age=21"])[0]).tolist() == [1, 4, 7]


def test_a_patient_seen_at_both_sites_is_external_as_a_whole() -> None:
    records = cohort()
    records[0]["site"] = "c"
    is_external, num_tied = external_rows(records, ["site=b,c"])
    assert is_external[:2].tolist() == [True, True]
    assert num_tied == 1


def test_evidence_counts_the_external_part_apart_and_holds_it_to_the_same_overlap() -> None:
    records = cohort()
    is_external, _ = external_rows(records, ["site=b,c"])
    inside = [r for r, is_out in zip(records, is_external, strict=True) if not is_out]
    outside = [r["id"] for r, is_out in zip(records, is_external, strict=True) if is_out]
    parts = split_records(inside, ["Edema"], shares=(80, 10, 10), seed=0) | {"external": outside}
    evidence = split_evidence(records, parts, ["Edema"], shares=(80, 10, 10))
    assert evidence["external"] == {"images": 40, "units": 20, "classes": {"Edema": 20}}
    assert evidence["images"]["counts"] == {"train": 32, "val": 4, "test": 4}
    assert not any(verify_parts(records, parts).values())


@pytest.mark.parametrize(
    ("rule", "error", "words"),
    [
        ("site", UsageError, r"must be FIELD=VALUE\[,VALUE...\]"),
        ("site=a,,b", UsageError, "must be FIELD=VALUE"),
        ("hospital=a", DataError, "no record has a field 'hospital'; there are age, site"),
        ("patient=0", DataError, "no record has a field 'patient'"),
        ("site=d", DataError, "no record has site 'd'; there are a, b, c"),
        ("site=a,b,c", DataError, "all records are external"),
    ],
)
def test_rules_that_cannot_be_met_are_refused(rule: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        external_rows(cohort(), [rule])
