"""The paragraph on statistical methods that goes into a paper: only what was used, each with its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from medcli.reporting import words
from medcli.reporting.sources import METHODS
from medcli.reporting.sources.making import CALIBRATORS, FAITHFUL, LEE, LOCALISED, MAPS, SAERENS
from medcli.reporting.sources.method import Method


def methods_markdown(paragraph: str, sources: Sequence[str]) -> str:
    """What was done, as a paragraph to paste and a numbered list of its sources."""
    numbered = [f"{number}. {source}" for number, source in enumerate(sources, 1)]
    return "\n".join(["# Statistical methods", "", paragraph, "", *numbered, ""])


def methods_used(evaluation: dict[str, Any]) -> tuple[str, list[str]]:
    """The paragraph, with the numbers of its sources in brackets, and the sources."""
    return methods_paragraph(evaluation, [_opening(evaluation), _thresholds(evaluation)])


def methods_paragraph(evaluation: dict[str, Any], sentences: list[str]) -> tuple[str, list[str]]:
    """The opening sentences, then one for each method that results carry; and the sources."""
    sources: list[str] = []
    sentences = list(sentences)
    for pieces in (_calibrated(evaluation), *_calibration(evaluation), *_heatmaps(evaluation)):
        sentence = ""
        for words_of, source in pieces:
            sentence += f"{words_of} [{_number(source, sources)}]"
        sentences.append(f"{sentence}." if sentence else "")
    for method in used_methods(evaluation):
        if method.sentence:
            sentences.append(f"{method.sentence.removesuffix('.')} [{_number(method.source, sources)}].")
    return " ".join(filter(None, sentences)), sources


def _number(source: str, sources: list[str]) -> int:
    """The number of a source in the list, which gets it at the end when it is new."""
    if source not in sources:
        sources.append(source)
    return sources.index(source) + 1


def used_methods(evaluation: dict[str, Any]) -> list[Method]:
    """The methods whose results are in an evaluation, each once."""
    said = set(method_words(evaluation))
    return [method for method in METHODS if any(method.words in text for text in said)]


def method_words(value: Any) -> Iterator[str]:
    """How each number of an evaluation says that it was made."""
    if isinstance(value, dict):
        if value.get("estimate") is not None and isinstance(value.get("method"), str):
            yield value["method"]
        if value.get("p") is not None and isinstance(value.get("test"), str):
            yield value["test"]
        for item in value.values():
            yield from method_words(item)
    elif isinstance(value, list):
        for item in value:
            yield from method_words(item)


def _opening(evaluation: dict[str, Any]) -> str:
    level = f"{100 * evaluation['level']:g} %"
    unit = evaluation["unit"]
    text = f"The model was evaluated on {words.sample(evaluation)}; intervals are {level}."
    if unit != "image" and evaluation["n_clusters"] < evaluation["n"]:
        text += f" The {unit}, not the image, is the unit of every interval."
    return text


def _thresholds(evaluation: dict[str, Any]) -> str:
    if evaluation["thresholds"]["source"] == "default":
        return "The threshold was fixed at its default before the data were seen."
    rule = words.rule_words(evaluation["thresholds"]["rule"])
    return f"Thresholds were chosen on the validation part for the {rule} and applied unchanged."


Pieces = list[tuple[str, str]]
"""A sentence: words, each followed by the mark of its source."""


def _calibrated(evaluation: dict[str, Any]) -> Pieces:
    """By what scores became probabilities, of any class."""
    named = [CALIBRATORS[name] for name in _calibrators(evaluation)]
    first = "Scores were calibrated on the validation part by "
    return [
        ((first if place == 0 else ", by ") + label, source) for place, (label, source) in enumerate(named)
    ]


def _calibration(evaluation: dict[str, Any]) -> Iterator[Pieces]:
    """How probabilities were moved and sets made on validation."""
    shift = (evaluation.get("calibration") or {}).get("prevalence_shift")
    if shift:
        moved = [
            f"{words.printable(entry['class'])} {entry['after']['estimate']:.3g}"
            for entry in shift["classes"]
            if entry["shift"]
        ]
        how = shift["method"].partition(" (")[0]
        yield [(f"Probabilities were then moved to another prevalence ({', '.join(moved)}), {how}", SAERENS)]
    if sets := evaluation.get("prediction_sets"):
        asked = f"{100 * sets['coverage']:g} %"
        how = (
            f"Prediction sets for a coverage of {asked} were made class by class, each patient counting once"
        )
        yield [(how, LEE)]


def _heatmaps(evaluation: dict[str, Any]) -> Iterator[Pieces]:
    """How maps were made and what they were held against."""
    made = evaluation.get("heatmaps")
    if not made:
        return
    label, source = MAPS[made["method"]]
    yield [(f"Heatmaps of {words.count(made['n'], 'image')} were made by {label}", source)]
    if made["classes"]:
        how = (
            "They were held against outlines of the findings by their highest point (pointing game), the "
            "share of the map inside, and overlap, beside what a map that knows nothing gets"
        )
        yield [(how, LOCALISED)]
    if made["faithfulness"]:
        how = (
            "Pixels were deleted and inserted in the order of the maps, and in that of the same maps turned "
            "by 180 degrees"
        )
        yield [(how, FAITHFUL)]


def _calibrators(evaluation: dict[str, Any]) -> list[str]:
    calibration = evaluation.get("calibration") or {}
    named = [calibration.get("method")]
    named += [entry.get("method") for entry in calibration.get("parameters") or [] if isinstance(entry, dict)]
    return [name for name in CALIBRATORS if name in named]
