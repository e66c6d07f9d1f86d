"""The report of ingest: whole, offline, and harmless whatever files said."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from medcli.reporting.ingest_report import render_ingest_report, shown_ids

NASTY = "<script>alert(1)</script>{{7*7}}\x1b[31m\n\"'&"


def identity(number: int) -> str:
    return f"{number:016x}"


def field(*, missing: int = 0, **values: int) -> dict[str, Any]:
    return {"missing": missing, "impossible": 0, "distinct": len(values), "values": values}


def spread() -> dict[str, Any]:
    return {
        **{"images": 4, "volumes": 1, "colour": 0, "channels": {"1": 4}, "dtypes": {"uint8": 4}},
        **{"sizes": {"64x64": 3, "9x64x64": 1}, "num_sizes": 2, "slices": [9, 9, 9]},
        **{"sides": [64, 64, 64], "spacing_mm": [None, [0.5, 1, 2], [1, 1, 1]], "low": [-1024, 0, 0]},
        **{"middle": [3, 4, 5], "high": [250, 255, 12345.6], "contrast": None, "noise": [0.01, 0.02, 0.0345]},
    }


def study(name: str = "tumour") -> dict[str, Any]:
    fields = {
        **{key: field(missing=4) for key in ("device", "view", "modality", "part")},
        "site": field(**{name: 3, "other": 1}),
        "sex": field(missing=1, M=3),
        "patient": {"missing": 0, "impossible": 0, "distinct": 2},
        "group": {"missing": 4, "impossible": 0, "distinct": 0},
        "age": {
            **{"missing": 1, "impossible": 2, "distinct": 3, "low": 5, "median": 40.5, "high": 61},
            "decades": {"0": 1, "40": 1, "60": 1},
        },
    }
    double = {"ids": [identity(0), identity(1)], "count": 3, "differ": ["part", "labels"]}
    near = {"ids": [identity(2), identity(3)], "distance": 4, "differ": []}
    evidence = {
        **{"images": 4, "patients": 2, "described": 4, "masks": 1, "fields": fields},
        "labels": {name: {"yes": 1, "no": 1, "uncertain": 1, "blank": 1}},
        "quality": {"blank": {"count": 1, "ids": [identity(3)]}, name: {"count": 1, "ids": [identity(9)]}},
        "same_pixels": {"sets": 1, "images": 3, "conflicts": {"part": 1, "labels": 1}, "listed": [double]},
        "near_duplicates": {
            **{"distance": 8, "confirming_distance": 24, "count": 1, "is_complete": False},
            **{"conflicts": {}, "listed": [near]},
        },
        "fingerprint": {
            "all": spread(),
            "num_groups": 2,
            "groups": [{"site": name, "modality": "", "device": "", **spread()}] * 2,
        },
    }
    return {
        "task": {"type": "multilabel", "classes": [name]},
        "records": [{"id": identity(k), "labels": {name: 1}} for k in range(4)],
        "rejected": [{"id": identity(7), "code": "decode/empty", "reason": name}] * 2,
        "evidence": evidence,
        "codes": {"decode/empty": "the file has no content"},
        "thumbnails": {identity(k): np.full((96, 96), 40 * k, np.uint8) for k in range(3)},
        "history": [{"command": "ingest", "version": "1", "options": {"label": [name]}, "inputs": []}],
    }


class Page(HTMLParser):
    """Tags and text of a page; fails where tags do not close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "img", "br"}:
            self._open.append(tag)
        for name, value in attrs:
            if name in {"src", "href"}:
                self.links.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    html = render_ingest_report(**study())
    page = Page(html)
    assert "script" not in page.tags
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert "http" not in html
    assert all("alt=" in tag for tag in re.findall("<img[^>]*>", html))


def test_it_says_what_was_found() -> None:
    text = " ".join(Page(render_ingest_report(**study())).text.split())
    for words in (
        "1 set of images has the same pixels, though their labels differ.",
        "1 set of images has the same pixels, though their official parts differ",
        "1 image is blank.",
        "2 values of age made no sense and were left out.",
        "2 inputs were rejected.",
        "the file has no content",
        "Different part, labels",
        "1 pair and more",
        "5 to 61 years, median 40.5; 1 not known; 2 impossible.",
        "burned-in text",
        "12,346",
    ):
        assert words in text, words


def test_text_from_files_stays_text() -> None:
    html = render_ingest_report(**study(NASTY))
    page = Page(html)
    assert "script" not in page.tags
    assert "{{7*7}}" in page.text
    assert "\x1b" not in html
    assert "\\x1b[31m\\x0a" in page.text


def test_thumbnails_are_shown_and_missing_ones_said() -> None:
    html = render_ingest_report(**study())
    assert html.count("data:image/jpeg") == 2 + 1 + 3  # both of a double, one of a pair, three of the montage
    assert html.count("no thumbnail") == 1
    colour = study() | {"thumbnails": {identity(0): np.zeros((96, 96, 3), np.uint8)}}
    assert "data:image/jpeg" in render_ingest_report(**colour)


@pytest.mark.parametrize("task", [None, {"type": "multiclass", "classes": ["tumour", "b"]}])
def test_other_tasks(task: dict[str, Any] | None) -> None:
    given = study() | {"task": task}
    assert "Uncertain" not in render_ingest_report(**given) or task is None


def test_without_pixels_there_is_a_page_as_well() -> None:
    given = study()
    for name in ("quality", "same_pixels", "near_duplicates", "fingerprint"):
        del given["evidence"][name]
    given["evidence"] |= {"described": 0, "labels": {}}
    text = Page(render_ingest_report(**given | {"thumbnails": {}, "task": None, "history": []})).text
    assert "Pixels were not looked at" in text


def test_what_is_shown_is_bounded_and_the_same_in_any_order() -> None:
    given = study()
    records = [{"id": identity(k), "labels": {}} for k in range(5000)]
    listed = [{"ids": [identity(2 * k), identity(2 * k + 1)], "differ": [], "count": 2} for k in range(500)]
    given["evidence"]["same_pixels"]["listed"] = listed
    shown = shown_ids(records, given["evidence"])
    assert shown == shown_ids(records[::-1], given["evidence"])
    assert len(shown) <= 100
