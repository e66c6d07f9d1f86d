"""How far readers agree and what they reach, in plain words, and what to be warned of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.chapters.readers import COEFFICIENTS
from medcli.reporting.measures import LABELS
from medcli.reporting.words import (
    found_and_flagged,
    of_hundred,
    p_value,
    pairs_ranked,
    printable,
    with_interval,
)


def _words(section: Section) -> dict[str, Any]:
    labels = [
        {"class": printable(label["class"]), "sentences": list(_sentences(label, section["arms"]))}
        for label in section["labels"]
    ]
    settled = (section.get("adjudicated") or {}).get("labels", ())
    flags = [flag for item in settled for flag in item.get("flags", ())]
    return {"labels": labels, "flags": list(dict.fromkeys([*section["flags"], *flags]))}


def _sentences(label: dict[str, Any], arms: list[str]) -> Iterator[str]:
    """Of each arm how readers agree and what their mean reaches; then how arms differ."""
    found = label.get("against_truth", {"figures": {}, "reason": None})
    figures = found["figures"]
    for place, arm in enumerate(arms):
        said = [_agreement(item) for item in label["agreement"] if item.get("arm", "") == arm]
        if figures:
            said.append(_reached({name: figure["means"][place]["mean"] for name, figure in figures.items()}))
        if said:
            text = "; ".join(said)
            yield f"In arm {printable(arm)}, {text}." if arm else f"{text[0].upper()}{text[1:]}."
    if found["reason"]:
        yield f"What readers reach cannot be told: {found['reason']}."
    for name in list(figures)[:1]:
        for item in figures[name].get("differences", ()):
            told = f"{LABELS[name]}, {printable(item['name'])}: {with_interval(item['difference'])}"
            yield f"{told}, p {p_value(item['difference']['test']['p'])}."


def _agreement(item: dict[str, Any]) -> str:
    said = []
    shares = [100 * found["share"]["estimate"] for found in item.get("shares", ()) if found["share"]["n"]]
    if shares:
        said.append(f"call {min(shares):.0f} to {max(shares):.0f} of 100 images positive")
    if item.get("split", {}).get("estimate") is not None:
        said.append(f"differ on {of_hundred(item['split'])} of 100{'' if shares else ' images'}")
    key = next(key for key in ("icc", "fleiss", "krippendorff") if key in item)
    coefficient = f"{COEFFICIENTS[key]} {with_interval(item[key], digits=2)}"
    return f"readers {' and '.join(said)} ({coefficient})" if said else f"readers agree by {coefficient}"


def _reached(means: dict[str, Any]) -> str:
    if "auc" in means:
        return f"of an image with the finding and one without, the mean reader {pairs_ranked(means['auc'])}"
    return f"the mean reader would {found_and_flagged(means['sensitivity'], means['specificity'])}"


CHAPTER = Chapter("reader_summary", "In plain words", "labels", words=_words)
