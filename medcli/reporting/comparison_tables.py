"""A comparison as plain text for a terminal."""

from __future__ import annotations

import textwrap
from typing import Any

from medcli.reporting.tables import Row, text_table
from medcli.reporting.words import count, number, p_value, printable, shorten, with_interval

_VARIED = 0.05


def comparison_table(document: dict[str, Any], width: int = 80) -> str:
    """Models, then for each pair the differences of each label, then what there is to say of them."""
    blocks = [_models(document, width=width)]
    pairs = document["overall"]["pairs"]
    for number_of_pair, pair in enumerate(pairs):
        blocks.append(_pair(document, number_of_pair, pair, width=width))
    if len(document["models"]) > 2 and document["pairing"] == "paired":
        blocks.append(_global(document, width=width))
    if document.get("by"):
        blocks.append(_within(document["by"], width=width))
    blocks.append("\n".join(_remarks(document, width=width)))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _models(document: dict[str, Any], *, width: int) -> str:
    unit, used = document["unit"], document["n_clusters"]
    what = "the same images" if document["pairing"] == "paired" else "different images"
    title = f"{len(document['models'])} sources on {what}, {count(used, unit)} in all"
    header = ["source", "part", " images", " patients", "calibration", "thresholds"]
    rows = [
        [
            m["name"],
            m["part"],
            str(m["n"]),
            str(m["n_clusters"]) if unit != "image" else "–",
            str(m["calibration"] or "–"),
            m["thresholds"]["source"],
        ]
        for m in document["models"]
    ]
    return f"{title}\n{text_table(header, rows, width=width)}"


def _pair(document: dict[str, Any], position: int, pair: dict[str, Any], *, width: int) -> str:
    names = [shorten(document["models"][pair[side]]["name"], width=28) for side in ("first", "second")]
    level = f"{100 * document['level']:g} % intervals"
    lines = [f"{names[0]} less {names[1]}; {level}"]
    rows: list[Row] = []
    for label in document["labels"]:
        found = label["pairs"][position]
        auc = found["measures"]["auc"]
        test = auc.get("test") or {}
        rows.append(
            [
                label["class"],
                " / ".join(
                    number(label["models"][pair[side]]["auc"]["estimate"]) for side in ("first", "second")
                ),
                _signed(auc),
                p_value(test.get("p")),
                p_value(test.get("p_holm")),
                _verdict(found) if document["measure"] == "auc" else "",
            ]
        )
    macro = pair["measures"]["macro_auc"]
    rows.append(["mean of labels", "", _signed(macro), p_value((macro.get("test") or {}).get("p")), "", ""])
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        if name in pair["measures"]:
            value = pair["measures"][name]
            p = p_value((value.get("test") or {}).get("p"))
            rows.append([name.replace("_", " ").replace("f1", "F1"), "", _signed(value), p, "", ""])
    lines.append(text_table(["class", " AUCs", " difference", " p", " Holm", "verdict"], rows, width=width))
    if document["measure"] != "auc":
        lines += ["", _deciding(document, position, width=width)]
    return "\n".join(lines)


def _deciding(document: dict[str, Any], position: int, *, width: int) -> str:
    """The measure that decides, when it is not the AUC."""
    name = document["measure"]
    rows: list[Row] = []
    for label in document["labels"]:
        found = label["pairs"][position]
        value = found["measures"][name]
        test = value.get("test") or {}
        rows.append(
            [
                label["class"],
                _signed(value),
                p_value(test.get("p")),
                p_value(test.get("p_holm")),
                _verdict(found),
            ]
        )
    header = ["class", f" difference of {name.replace('_', ' ')}", " p", " Holm", "verdict"]
    return text_table(header, rows, width=width)


def _verdict(pair: dict[str, Any]) -> str:
    verdict = pair["judgement"]["verdict"]
    return "not shown" if verdict.startswith("not shown") else verdict


def _global(document: dict[str, Any], *, width: int) -> str:
    rows: list[Row] = []
    for label in document["labels"]:
        test = label["global"] or {"statistic": None, "df": None, "p": None}
        df = "–" if test["df"] is None else f"{test['df']:.0f}"
        rows.append([label["class"], number(test["statistic"], digits=2), df, p_value(test["p"])])
    return "are all AUCs equal?\n" + text_table(["class", " chi-square", " df", " p"], rows, width=width)


def _within(by: dict[str, Any], *, width: int) -> str:
    """Each group of a field by itself: the mean of the labels' AUCs; labels stand in the report."""
    rows: list[Row] = []
    models: list[str] = []
    for group in by["groups"]:
        pairs = group["overall"]["pairs"]
        for pair in pairs:
            value = pair["measures"]["macro_auc"]
            images = " / ".join(dict.fromkeys(str(group["n"][pair[side]]) for side in ("first", "second")))
            p = p_value((value.get("test") or {}).get("p"))
            models = [pair["name"]] if len(pairs) > 1 else []
            rows.append([group["group"], images, *models, _signed(value), p])
    header = [by["field"], " images", *(["models"] if models else []), " difference of mean AUCs", " p"]
    lines = [f"within each {by['field']}", text_table(header, rows, width=width)]
    varied = [
        f"{entry['class']} ({p_value(entry['test']['p'])})"
        for entry in by["heterogeneity"]
        if entry["test"]["p"] is not None and entry["test"]["p"] < _VARIED
    ]
    if varied:
        told = f"differences that vary by {by['field']} (p of Cochran's Q, uncorrected): {', '.join(varied)}"
        lines += textwrap.wrap(printable(told), width)
    return "\n".join(lines)


def _signed(value: dict[str, Any]) -> str:
    shown = with_interval(value)
    return f"+{shown}" if (value["estimate"] or 0) > 0 else shown


def _remarks(document: dict[str, Any], *, width: int) -> list[str]:
    lines = []
    if document["margin"] is not None:
        measure = document["measure"].replace("_", " ").replace("auc", "AUC")
        lines.append(f"margin {document['margin']:g} on the {measure}; verdicts after Holm's correction")
    lines += [_shifted(source, level=document["level"]) for source in document["shift"]]
    lines += document["flags"]
    return [line for text in lines for line in textwrap.wrap(printable(text), width)]


def _shifted(source: dict[str, Any], *, level: float) -> str:
    """Which inputs of a source are others than those of the first; nothing where none were compared."""
    moved = []
    for entry in source["inputs"]:
        test = entry.get("test") or entry["change"]["test"]
        if test["p"] is not None and test["p_holm"] < 1 - level:
            far = entry.get("deviations")
            moved.append(entry["name"] if far is None else f"{entry['name']} {number(far, digits=2)} SD")
    if not source["inputs"]:
        return ""
    every = ", ".join(entry["name"] for entry in source["inputs"])
    return f"{source['name']}: inputs that differ: {', '.join(moved) or 'none'} (of {every})"
