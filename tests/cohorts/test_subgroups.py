"""Groups of records: the words that ask for them, bins, combinations, and what is unknown."""

from __future__ import annotations

import pytest

from medcli.cohorts.subgroups import Factor, assign_groups, parse_subgroups
from medcli.errors import DataError, UsageError

RECORDS = [
    {"id": "0", "sex": "F", "age": 0, "kept": {"skin": "II"}},
    {"id": "1", "sex": "M", "age": 39.9, "kept": {"skin": "VI"}},
    {"id": "2", "sex": "F", "age": 40, "kept": {"skin": " "}},
    {"id": "3", "age": 60, "kept": {"skin": "II"}},
    {"id": "4", "sex": "M", "age": 120, "kept": {"skin": "II", "thickness": "1.5"}},
    {"id": "5", "sex": "M", "kept": {"thickness": "n/a"}},
]


def groups_of(text: str, records: list[dict] = RECORDS) -> list[str]:
    """Name of each record's group."""
    grouping = assign_groups(records, parse_subgroups([text])[-1])
    return [grouping.names[code] for code in grouping.codes]


def test_words_are_fields_bins_and_combinations() -> None:
    found = parse_subgroups(["sex, age:0-40-60-120", "sex*age", "sex"])
    assert [item.text for item in found] == ["sex", "age:0-40-60-120", "sex*age"]
    assert found[1].factors == (Factor("age", (0, 40, 60, 120)),)
    # The bins given to age alone hold in combinations too.
    assert found[2].factors == (Factor("sex"), Factor("age", (0, 40, 60, 120)))
    assert parse_subgroups(["skin tone*age:18-64.5"])[0].factors[0].field == "skin tone"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not FIELD, FIELD:LOW-EDGE-HIGH or FIELD"),
        ("sex,", "'' is not FIELD"),
        ("age:40", "'age:40' is not FIELD"),
        ("age:", "is not FIELD"),
        ("age:0-x", "is not FIELD"),
        ("age:-5-10", "is not FIELD"),
        ("*sex", "is not FIELD"),
        ("age:40-20", "the edges of bins must rise"),
        ("sex*sex", "names a field twice"),
    ],
)
def test_other_words_are_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        parse_subgroups([text])
    assert "\n" not in str(caught.value)


def test_values_are_groups_and_what_is_unknown_is_one_that_is_only_listed() -> None:
    grouping = assign_groups(RECORDS, parse_subgroups(["sex"])[0])
    assert grouping.names == ["F", "M", "unknown"]
    assert grouping.codes.tolist() == [0, 1, 0, 2, 1, 1]
    assert list(grouping.listed) == ["unknown"]
    assert groups_of("skin") == ["II", "VI", "unknown", "II", "II", "unknown"]


def test_bins_hold_their_lower_edge_and_not_their_upper_one() -> None:
    assert groups_of("age:0-40-60-120") == [
        "[0, 40)",
        "[0, 40)",
        "[40, 60)",
        "[60, 120)",
        "age outside [0, 120)",
        "unknown",
    ]
    grouping = assign_groups(RECORDS, parse_subgroups(["age:0-40-60-120"])[0])
    assert list(grouping.listed) == ["age outside [0, 120)", "unknown"]
    # Kept columns are text; what is no number is unknown.
    assert groups_of("thickness:0-1-2") == [*["unknown"] * 4, "[1, 2)", "unknown"]


def test_combinations_are_unknown_where_a_part_is() -> None:
    assert groups_of("sex*age:0-40-120") == [
        "F & [0, 40)",
        "M & [0, 40)",
        "F & [40, 120)",
        "unknown",
        "age outside [0, 120)",
        "unknown",
    ]


def test_few_numbers_are_groups_in_their_order_and_many_need_bins() -> None:
    scanner = [{"id": str(i), "kept": {}, "slice": 10 * (i % 3)} for i in range(9)]
    assert assign_groups(scanner, parse_subgroups(["slice"])[0]).names == ["0", "10", "20"]
    ages = [{"id": str(i), "age": i} for i in range(30)]
    with pytest.raises(DataError, match="'age' has 30 different numbers") as caught:
        groups_of("age", ages)
    assert "age:0-40-60-120" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hospital", "no record has a field 'hospital'; there are age, sex, skin, thickness"),
        ("id", "no record has a field 'id'"),
        ("sex:0-1", "holds no numbers, so it has no bins"),
    ],
)
def test_fields_that_make_no_groups_are_refused(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        groups_of(text)


def test_a_column_of_names_is_no_field_of_groups() -> None:
    names = [{"id": str(i), "kept": {"doctor": f"d{i}", "ward": f"w{i % 9}"}} for i in range(60)]
    with pytest.raises(DataError, match="60 different values, at most 50"):
        groups_of("doctor", names)
    wide = [{**r, "age": i} for i, r in enumerate(names)]
    with pytest.raises(DataError, match="makes 60 groups"):
        groups_of("ward*age:0-8-16-24-32-40-48-56-60", wide)
