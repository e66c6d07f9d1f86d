"""Layouts: who has which label, whatever the order of rows, and what is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medcli.cohorts.layouts import LAYOUTS, Cohort
from medcli.cohorts.layouts.keys import match_keys, normalize_key, stem
from medcli.config import IngestConfig, Layout, Task, Unmatched
from medcli.errors import DataError, UsageError
from tests.cohorts.folder import MemoryFolder, Rows, Slices, table


def read(files: list[str], rows: Rows, **options: Any) -> Cohort:
    return LAYOUTS[Layout.table].read(MemoryFolder(files, given=rows), IngestConfig(**options))


def labels(cohort: Cohort) -> dict[str, dict[str, int]]:
    return {entry.path: entry.labels for entry in cohort.entries}


def codes(cohort: Cohort) -> dict[str, str]:
    return {refusal.name: refusal.code for refusal in cohort.refusals}


# --- class folders


def test_class_folders() -> None:
    files = ["glioma/a.png", "glioma/deep/b.png", "normal/a.png", "stray.png"]
    cohort = LAYOUTS[Layout.class_folders].read(MemoryFolder(files), IngestConfig())
    assert cohort.task == {"type": "multiclass", "classes": ["glioma", "normal"]}
    assert labels(cohort) == {
        "glioma/a.png": {"glioma": 1},
        "glioma/deep/b.png": {"glioma": 1},
        "normal/a.png": {"normal": 1},
    }
    assert codes(cohort) == {"stray.png": "folder/no-class"}


def test_class_folders_below_official_parts() -> None:
    files = ["Testing/glioma/a.png", "Testing/stray.png", "Training/glioma/b.png", "Training/normal/c/d.png"]
    cohort = LAYOUTS[Layout.class_folders].read(MemoryFolder(files), IngestConfig())
    assert labels(cohort) == {files[0]: {"glioma": 1}, files[2]: {"glioma": 1}, files[3]: {"normal": 1}}
    assert [entry.fields["part"] for entry in cohort.entries] == ["test", "train", "train"]
    assert codes(cohort) == {"Testing/stray.png": "folder/no-class"}
    assert any("official parts" in note for note in cohort.notes)
    # One of several folders that is called like a part is a class.
    other = LAYOUTS[Layout.class_folders].read(MemoryFolder(["test/a.png", "x/b.png"]), IngestConfig())
    assert other.task == {"type": "multiclass", "classes": ["test", "x"]}


def test_binary_class_folders_name_the_positive_one() -> None:
    config = IngestConfig(task=Task.binary, classes=("tumour",))
    cohort = LAYOUTS[Layout.class_folders].read(MemoryFolder(["normal/1", "odd/2", "tumour/3"]), config)
    assert cohort.task == {"type": "binary", "classes": ["tumour"]}
    assert labels(cohort) == {"normal/1": {"tumour": 0}, "odd/2": {"tumour": 0}, "tumour/3": {"tumour": 1}}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"task": Task.binary}, "one class"),
        ({"task": Task.binary, "classes": ("c",)}, "no folder"),
        ({"task": Task.multilabel}, "one class"),
        ({"task": Task.ordinal}, "order"),
        ({"classes": ("a", "a")}, "twice"),
    ],
)
def test_class_folders_that_contradict_the_task(options: dict, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        LAYOUTS[Layout.class_folders].read(MemoryFolder(["a/1", "b/2"]), IngestConfig(**options))


def test_one_class_is_no_task() -> None:
    with pytest.raises(DataError, match="at least 2"):
        LAYOUTS[Layout.class_folders].read(MemoryFolder(["a/1", "a/2"]), IngestConfig())


# --- tables: labels


def test_default_columns_multiclass_with_everything() -> None:
    rows = table("""
        path,label,patient,group,site,device,view,age,sex,mask,other
        a.png,x,p1,g1,north,d1,PA,58,F,m.png,secret
        b.png,y,p2,,,,,,,,secret
    """)
    cohort = read(["a.png", "b.png", "m.png"], rows)
    first, second = cohort.entries
    assert cohort.task == {"type": "multiclass", "classes": ["x", "y"]}
    assert first.identities == {"patient": "p1", "group": "g1"}
    assert first.fields == {"site": "north", "device": "d1", "view": "PA", "age": "58", "sex": "F"}
    assert first.mask == "m.png"
    assert second.identities == {"patient": "p2"}
    assert second.fields == {}
    assert not cohort.refusals, "a mask is no input"
    assert "secret" not in repr(cohort)


def test_multilabel_columns_keep_what_the_source_said() -> None:
    rows = table("""
        path,label:Edema,label:Mass
        a,1,-1
        b,0.0,
        c,,
        d,2,0
        e,-1.0,yes
    """)
    cohort = read(list("abcde"), rows)
    assert cohort.task == {"type": "multilabel", "classes": ["Edema", "Mass"]}
    assert labels(cohort) == {"a": {"Edema": 1, "Mass": -1}, "b": {"Edema": 0}, "c": {}}
    assert codes(cohort) == {"d": "table/bad-label", "e": "table/bad-label"}


def test_a_list_in_one_cell() -> None:
    rows = table("""
        Image Index,Finding Labels
        1.png,Mass|Edema
        2.png,No Finding
        3.png,
    """)
    options = {"key": "Image Index", "label": ("Finding Labels",), "separator": "|"}
    every = read(["1.png", "2.png", "3.png"], rows, **options)
    assert every.task == {"type": "multilabel", "classes": ["Edema", "Mass", "No Finding"]}
    some = read(["1.png", "2.png", "3.png"], rows, classes=("Mass", "Hernia"), **options)
    assert some.task == {"type": "multilabel", "classes": ["Mass", "Hernia"]}
    assert labels(some) == {"1.png": {"Mass": 1, "Hernia": 0}, "2.png": {"Mass": 0, "Hernia": 0}, "3.png": {}}
    assert "no image is of class Hernia" in some.notes


def test_a_single_column_by_task() -> None:
    rows = table("""
        path,dx
        a,mel
        b,nv
        c,
        d,bcc
    """)
    files = list("abcd")
    named = read(files, rows, label=("dx",), classes=("nv", "mel"))
    assert labels(named) == {"a": {"mel": 1}, "b": {"nv": 1}, "c": {}}
    assert codes(named) == {"d": "table/bad-label"}
    binary = read(files, rows, label=("dx",), classes=("mel",), task=Task.binary)
    assert labels(binary) == {"a": {"mel": 1}, "b": {"mel": 0}, "c": {}, "d": {"mel": 0}}
    with pytest.raises(UsageError, match="order"):
        read(files, rows, label=("dx",), task=Task.ordinal)


def test_a_declared_class_is_never_taken_for_a_blank() -> None:
    rows = table("path,label\na,none\nb,glioma\nc,unknown")
    cohort = read(["a", "b", "c"], rows, classes=("glioma", "none"))
    assert labels(cohort) == {"a": {"none": 1}, "b": {"glioma": 1}, "c": {}}


def test_binary_states() -> None:
    rows = table("""
        path,death
        a,1
        b,0
        c,-1
    """)
    cohort = read(list("abc"), rows, label=("death",), task=Task.binary)
    assert cohort.task == {"type": "binary", "classes": ["death"]}
    assert labels(cohort) == {"a": {"death": 1}, "b": {"death": 0}, "c": {"death": -1}}


def test_one_hot_columns_of_exclusive_classes() -> None:
    rows = table("""
        path,mel,nv
        a,1.0,0.0
        b,1,1
    """)
    cohort = read(["a", "b"], rows, label=("mel", "nv"), task=Task.multiclass)
    assert labels(cohort) == {"a": {"mel": 1, "nv": 0}}
    assert codes(cohort) == {"b": "table/bad-label"}


def test_numbers_are_sorted_as_numbers() -> None:
    rows = table("path,label\n" + "\n".join(f"{i},{i}" for i in (10, 9, 2)))
    assert read(["10", "9", "2"], rows).task == {"type": "multiclass", "classes": ["2", "9", "10"]}


def test_no_labels_is_no_task() -> None:
    assert read(["a"], table("path,patient\na,p")).task is None
    with pytest.raises(UsageError, match="no column holds labels"):
        read(["a"], table("path,patient\na,p"), task=Task.binary)


# --- tables: columns and keys


def test_a_declared_column_must_exist_and_a_default_one_need_not() -> None:
    rows = table("path,label\na,x\nb,y")
    assert read(["a", "b"], rows).entries[0].identities == {}
    with pytest.raises(UsageError, match="no column 'Patient ID'; it has path, label"):
        read(["a", "b"], rows, patient="Patient ID")
    with pytest.raises(UsageError, match="no column 'id'"):
        read(["a", "b"], rows, key="id")
    with pytest.raises(DataError, match="2 columns called 'label'"):
        read(["a"], table("path,label,label\na,x,y"))


def test_kept_columns() -> None:
    cohort = read(["a", "b"], table("path,label,when,=x\na,x,2020,=1+1\nb,y,,"), keep=("when", "=x"))
    assert [entry.kept for entry in cohort.entries] == [{"when": "2020", "=x": "=1+1"}, {}]


@pytest.mark.parametrize("keys", [("x/1.png", "y/2.nii.gz"), ("1.png", "2.nii.gz"), ("1", "2")])
def test_keys_by_path_name_or_stem(keys: tuple[str, str]) -> None:
    rows = Rows(["path", "label"], [[keys[0], "A"], [keys[1], "B"]])
    assert labels(read(["x/1.png", "y/2.nii.gz"], rows)) == {"x/1.png": {"A": 1}, "y/2.nii.gz": {"B": 1}}


def test_keys_may_be_uids_of_images_or_series() -> None:
    named = {f"{name}.dcm": (f"1.2.3.{i}", "1.2.3") for i, name in enumerate("abc")} | {
        "d.dcm": ("1.2.4.5", "1.2.4.0")
    }
    slices = {"vol": Slices("1.2.3.9", ["a.dcm", "b.dcm", "c.dcm"], ["1.2.3.0", "1.2.3.1", "1.2.3.2"])}
    rows = {"image": ["1.2.3.0", "1.2.3.1", "1.2.4.5"], "series": ["1.2.3.9", "1.2.4.0", "1.2.9.9"]}
    found = {}
    for name, keys in rows.items():
        given = Rows(["path", "label"], [[key, label] for key, label in zip(keys, "xyz", strict=True)])
        folder = MemoryFolder(["vol", "d.dcm"], given=given, slices=slices, named=named)
        cohort = LAYOUTS[Layout.table].read(folder, IngestConfig())
        found[name] = {entry.path: next(iter(entry.labels)) for entry in cohort.entries}, codes(cohort)
    assert found == {
        "image": ({"a.dcm": "x", "b.dcm": "y", "d.dcm": "z"}, {"c.dcm": "table/no-row"}),
        "series": ({"vol": "x", "d.dcm": "y"}, {"1.2.9.9": "table/no-file"}),
    }


def test_ambiguous_keys_are_refused_and_leading_zeros_are_kept() -> None:
    with pytest.raises(DataError, match="several files"):
        match_keys(["1"], ["a/1.png", "b/1.png"])
    assert match_keys(["007"], ["7.png", "007.png"]).files == {"007": "007.png"}
    assert stem("a/b.c.nii.gz") == "b.c"
    assert stem("noext") == "noext"
    assert normalize_key(".\\a\\\\b.png") == "a/b.png"


def test_a_key_cannot_climb_out() -> None:
    cohort = read(["a"], table("path,label\n../a,x\n/etc/passwd,y\na,x"))
    assert [entry.path for entry in cohort.entries] == ["a"]
    assert set(codes(cohort).values()) == {"table/no-file"}


def test_unmatched_rows_and_files() -> None:
    rows = table("path,label\na,x\nb,y\nmissing,x")
    cohort = read(["a", "b", "extra"], rows)
    assert codes(cohort) == {"missing": "table/no-file", "extra": "table/no-row"}
    skipped = read(["a", "b", "extra"], rows, unmatched=Unmatched.skip)
    assert (codes(skipped), skipped.num_skipped, len(skipped.entries)) == ({}, 2, 2)
    with pytest.raises(DataError, match="no row of the table has a file"):
        read(["z"], rows)


def test_duplicate_rows() -> None:
    rows = table("path,label,note\na,x,1\na,x,2\nb,x,1\nb,y,1\nc,y,1")
    cohort = read(["a", "b", "c"], rows)
    assert labels(cohort) == {"a": {"x": 1}, "c": {"y": 1}}, "rows that agree in the used columns are one"
    assert codes(cohort) == {"b": "table/duplicate-key"}


def test_bad_rows_and_masks() -> None:
    rows = Rows(["path", "label", "mask"], [["a", "x", "nope"], ["b", "y", ""], ["", "x", ""], ["c", "x"]])
    cohort = read(["a", "b", "c"], rows)
    assert [entry.path for entry in cohort.entries] == ["b"]
    assert sorted(refusal.code for refusal in cohort.refusals) == [
        "table/bad-mask",
        "table/no-key",
        "table/no-row",
        "table/ragged-row",
    ]


def test_free_text_is_no_class() -> None:
    rows = Rows(["path", "label"], [["a", "x" * 300], ["b", "y"]])
    with pytest.raises(DataError, match="300 characters"):
        read(["a", "b"], rows)


KEYS = st.sampled_from(["a", "b", "c", "d", "e", ""])


@given(
    st.lists(st.tuples(KEYS, st.sampled_from(["x", "y", ""]), st.sampled_from(["p", "q"])), max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_nothing_and_nothing_is_lost(
    rows: list[tuple[str, str, str]], shuffler: random.Random
) -> None:
    files = ["a", "b", "c", "other"]
    cells = [list(row) for row in rows]
    shuffled = cells.copy()
    shuffler.shuffle(shuffled)
    results = []
    for order in (cells, shuffled):
        try:
            results.append(read(files, Rows(["path", "label", "patient"], order), classes=("x", "y")))
        except DataError as error:
            results.append(str(error))
    assert results[0] == results[1]
    if isinstance(results[0], Cohort):
        inputs = {*files, *(row[0] for row in rows if row[0])}
        settled = [entry.path for entry in results[0].entries]
        settled += [refusal.name for refusal in results[0].refusals if refusal.code != "table/no-key"]
        assert sorted(settled) == sorted(inputs)


def test_rows_may_name_a_series_or_its_slices() -> None:
    series = {"ct": Slices("1.2", ["ct/1.dcm", "ct/2.dcm"], ["a", "b"])}
    folder = MemoryFolder(["ct", "x.png"], slices=series)
    folder.given = table("path,label\nct,x\nx.png,y")
    whole = LAYOUTS[Layout.table].read(folder, IngestConfig())
    assert labels(whole) == {"ct": {"x": 1}, "x.png": {"y": 1}}
    folder.given = table("path,label\nct/1.dcm,x\nct/2.dcm,y\nx.png,y")
    apart = LAYOUTS[Layout.table].read(folder, IngestConfig())
    assert labels(apart) == {"ct/1.dcm": {"x": 1}, "ct/2.dcm": {"y": 1}, "x.png": {"y": 1}}
    assert not apart.refusals
