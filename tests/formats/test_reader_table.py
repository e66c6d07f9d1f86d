"""Readings are the same in any of the forms; what is doubled or no number is refused by row."""

from __future__ import annotations

import numpy as np
import pytest

from medcli.errors import DataError, UsageError
from medcli.formats.reader_table import join_readings, read_one_table
from medcli.formats.tables import Table

SAID = {("A", "Edema"): [1, 0, np.nan], ("A", "Nodule"): [0, 1, 1], ("B", "Edema"): [1, 1, 0]}
SAID[("B", "Nodule")] = [0, np.nan, 1]


def table(text: str) -> Table:
    lines = [line.split(",") for line in text.strip().split("\n")]
    return Table(lines[0], lines[1:], "0" * 64)


def read(*texts: str, names=("A", "B"), key="id", labels=None):
    parts = []
    for name, text in zip(names, texts, strict=False):
        parts += read_one_table(
            table(text), name=name, where=f"{name}.csv", key=key, patient="patient", labels=labels
        )
    return join_readings(parts)


FORMS = {
    "a file a reader": (
        "id,Edema,Nodule\nx,1,0\ny,0,1\nz,,1",
        "Nodule,id,Edema\n,y,1\n1,z,0\n0,x,1",
    ),
    "long": ("id,reader,Edema,Nodule\nx,A,1,0\nx,B,1,0\ny,A,0,1\ny,B,1,\nz,A,,1\nz,B,0,1",),
    "longest": (
        "id,reader,label,value\nx,A,Edema,1\ny,A,Edema,0\nx,A,Nodule,0\ny,A,Nodule,1\nz,A,Nodule,1\n"
        "x,B,Edema,1\ny,B,Edema,1\nz,B,Edema,0\nx,B,Nodule,0\nz,B,Nodule,1",
    ),
    "wide": (
        "id,reader:A:Edema,reader:A:Nodule,reader:B:Edema,reader:B:Nodule\nx,1,0,1,0\ny,0,1,1,NA\nz,,1,0,1",
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_says_the_same(form):
    found = read(*FORMS[form])
    rows = [found.ids.index(name) for name in "xyz"]
    for (reader, label), wanted in SAID.items():
        values = found.values[found.readers.index(reader), rows, found.labels.index(label)]
        assert np.array_equal(values, wanted, equal_nan=True), (reader, label)


@pytest.mark.parametrize(
    "text",
    ["id,reader:A,reader:B\nx,1,5\ny,2,4", "id,reader,value\nx,A,1\ny,A,2\nx,B,5\ny,B,4"],
)
def test_one_label_has_no_name(text):
    found = read(text)
    assert (found.readers, found.labels) == (["A", "B"], [""])
    assert found.values[:, :, 0].tolist() == [[1, 2], [5, 4]]


def test_readings_may_be_names_of_classes():
    found = read("id,reader,value\nx,A,nv\ny,A,mel\nx,B,\ny,B,nv")
    assert found.categories == ["mel", "nv"]
    assert np.array_equal(found.values[:, :, 0], [[1, 0], [np.nan, 1]], equal_nan=True)


def test_other_columns_are_left_out_when_labels_are_known():
    found = read("id,patient,Edema,remark\nx,p,1,looks odd", names=["A"], labels=["Edema", "Nodule"])
    assert (found.labels, found.patients) == (["Edema"], ["p"])


@pytest.mark.parametrize(
    ("texts", "error", "message"),
    [
        (("id,Edema\nx,1\nx,0",), DataError, "rows 1 and 2: reader 'A' says two things of one image"),
        (("id,reader,value\nx,A,1\ny,A,1\nx,A,1",), DataError, "rows 1 and 3: reader 'A' says two things"),
        (("id,reader,Edema\nx,A,1", "id,reader,Edema\nx,A,1"), DataError, "row 1: reader 'A' reads this"),
        (("id,Edema\nx,1\ny,maybe",), DataError, "row 2: what 'A' says under 'Edema' is no number"),
        (("id,Edema\nx,1\ny,-1e308",), DataError, "row 2: what 'A' says under 'Edema' is no number"),
        (("id,Edema\nx,1\ny,inf",), DataError, "row 2: what 'A' says under 'Edema' is no number"),
        (("id,Edema\nx,1\n,0",), DataError, "row 2 has nothing in column 'id'"),
        (("id,reader,value\nx,A,1\ny,,0",), DataError, "row 2 has nothing in column 'reader'"),
        (("id,reader:\nx,1",), DataError, "column 'reader:' names no reader"),
        (("Study,Edema\nx,1",), UsageError, "there is no column 'id'; there are Study, Edema"),
        (("id\nx",), UsageError, "no column holds readings"),
        (("id,Edema,Edema\nx,1,0",), DataError, "two columns are called 'Edema'"),
        (("id,Edema,Nodule\nx,1",), DataError, "row 1 has 2 cells under 3 columns"),
        (("id,value\nx,1", "id,Edema\nx,1"), DataError, "some readings have a label and some have none"),
        (("id,patient,value\nx,p,1", "id,patient,value\nx,q,1"), DataError, "row 1: the image has another"),
    ],
)
def test_bad_tables_are_refused_by_row(texts, error, message):
    with pytest.raises(error) as refused:
        read(*texts)
    assert refused.value.message.startswith(message)
    assert "x" not in refused.value.message.split()


def test_labels_that_are_none_of_the_classes_are_refused():
    with pytest.raises(UsageError, match="no column holds readings; there are id, Oedema"):
        read("id,Oedema\nx,1", labels=["Edema"])
    with pytest.raises(UsageError, match="column 'label' names none of Edema"):
        read("id,reader,label,value\nx,A,Oedema,1", labels=["Edema"])
