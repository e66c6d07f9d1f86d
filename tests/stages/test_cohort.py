"""Who was studied: patients are counted once, and what is not known is null."""

from __future__ import annotations

import pytest

from medcli.reporting.chapters.data import _shared
from medcli.reporting.checklists import TOPICS, WRITE, answered_parts, checklist
from medcli.stages._cohort import characteristics

RECORDS = [
    {"id": "a", "patient": "1", "sex": "F", "age": 30, "site": "north"},
    {"id": "b", "patient": "1", "sex": "F", "age": 40, "site": "north"},
    {"id": "c", "patient": "2", "sex": "M", "age": 60, "site": "south"},
    {"id": "d", "patient": "3", "sex": "F"},
]


def test_a_patient_of_several_images_counts_once():
    found = characteristics("test", RECORDS)
    assert (found["n"], found["n_clusters"]) == (4, 3)
    assert found["sex"] == {"F": 2, "M": 1}
    assert found["age"] == {"median": 47.5, "quartiles": [41.25, 53.75], "n_clusters": 2}
    assert found["sites"] == {"north": 2, "south": 1}


def test_what_no_record_says_is_null():
    found = characteristics("all", [{"id": "a"}, {"id": "b"}])
    assert found == {"part": "all", "n": 2, "n_clusters": None, "sex": None, "age": None, "sites": None}


@pytest.mark.parametrize(
    ("overlap", "told"),
    [
        (None, None),
        ({"patients": 0, "images": 0}, "Of patients and images, none is in more than one part."),
        ({"patients": 1200, "images": 0}, "In more than one part are 1,200 patients."),
    ],
)
def test_overlap_is_told_as_it_was_counted(overlap, told):
    assert _shared(overlap) == told


def test_the_checklist_claims_only_what_the_report_holds():
    known, unknown = characteristics("test", RECORDS), characteristics("test", [{"id": "a"}])
    table = {"cohort": {"parts": [unknown], "overlap": None}, "study": {"history": [{"command": "evaluate"}]}}
    answers = {row["topic"]: row["answer"] for row in checklist(answered_parts(table))}
    assert len(answers) == len(TOPICS)
    asked = ("Characteristics", "Overlap", "Assignment", "Architecture", "De-identification", "Preparation")
    assert all(answer == WRITE for topic, answer in answers.items() if topic.startswith(asked))
    steps = [{"command": name} for name in ("ingest", "preprocess", "split", "train", "evaluate")]
    chain = {"cohort": {"parts": [known], "overlap": {}}, "study": {"history": steps}}
    answers = {row["topic"]: row["answer"] for row in checklist(answered_parts(chain))}
    assert not any(answer == WRITE for topic, answer in answers.items() if topic.startswith(asked))
