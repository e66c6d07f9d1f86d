"""Whether heatmaps deserve belief, and images with the pixels that mattered most."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.measures import LABELS
from medcli.reporting.templating import data_address
from medcli.reporting.words import count, listed, of_hundred, printable, with_interval

TITLES = {"gradcam": "Grad-CAM", "hirescam": "HiResCAM", "rollout": "attention rollout"}
OVERLAPS = ("pointing", "energy", "dice", "iou", "pixel_auc")
CURVES = {"insertion": "Inserting", "deletion": "Deleting"}
UNCHECKED = (
    "Whether these maps deserve belief was not measured: no image has an outline of its finding, and the "
    "maps were made without --faithfulness. A map that looks plausible is no evidence."
)


def _words(section: Section) -> dict[str, Any]:
    made = section["heatmaps"]
    return {
        "gallery": data_address(section["gallery"], kind="image/png"),
        "about": _about(made),
        "verdicts": list(verdicts(made)) or [UNCHECKED],
        "overlaps": {name: LABELS[name] for name in OVERLAPS},
        "curves": CURVES,
        "ways": _ways(made),
    }


def _about(made: dict[str, Any]) -> str:
    of = count(made["n_available"], "image")
    of = f"all {of}" if made["n"] == made["n_available"] else f"{made['n']:,} of {of}"
    part = "" if made["part"] == "all" else f" of the {printable(made['part'])} part"
    text = f"Maps by {TITLES[made['method']]} of {of}{part}"
    return text + ("" if made["class_specific"] else ", one map for all classes")


def verdicts(made: dict[str, Any]) -> Iterator[str]:
    """What the checks say, in plain words: do maps lie on findings, does the model need what they show?"""
    if made["classes"]:
        yield from _of_place(made["classes"])
    if made["faithfulness"]:
        yield _of_need(made["faithfulness"])


def _of_place(classes: list[dict[str, Any]]) -> Iterator[str]:
    known = [entry for entry in classes if entry["pointing"]["ci"]]
    beyond = [entry for entry in known if _is_beyond(entry["pointing"])]
    others = [entry for entry in known if entry not in beyond]
    unknown = [printable(entry["class"]) for entry in classes if entry not in known]
    if beyond:
        yield (
            "The highest point of a map is inside the outlined finding more often than by chance: "
            f"{listed(map(_peak, beyond))}."
        )
    if others:
        yield (
            f"That the highest point is inside the finding more often than by chance is not shown: "
            f"{listed(map(_peak, others))}. Do not take such a map for the place of the finding."
        )
    if unknown:
        yield f"Too few outlines to tell: {listed(unknown)}."


def _is_beyond(pointing: dict[str, Any]) -> bool:
    return pointing["ci"][0] > pointing["baseline"]["estimate"]


def _peak(entry: dict[str, Any]) -> str:
    chance = f"{100 * entry['pointing']['baseline']['estimate']:.0f}"
    return (
        f"{printable(entry['class'])} in {of_hundred(entry['pointing'])} of 100 maps, by chance in {chance}"
    )


def _of_need(found: dict[str, Any]) -> str:
    gains = {name: found[f"{name}_gain"] for name in CURVES}
    if any(gain["ci"] is None for gain in gains.values()):
        return "Too few maps to tell whether the model needs what they show."
    told = {name: f"{name} {with_interval(gain)}" for name, gain in gains.items()}
    shown = [name for name, gain in gains.items() if gain["ci"][0] > 0]
    if len(shown) == len(gains):
        return (
            "The model needs what the maps show more than the same shapes in the wrong place: gain in area "
            f"by {' and '.join(told.values())}."
        )
    missing = " and ".join(told[name] for name in gains if name not in shown)
    text = f"That the model needs what the maps show is not shown by {missing}"
    return f"{text}; it is by {told[shown[0]]}." if shown else f"{text}: 0 is no gain."


def _ways(made: dict[str, Any]) -> dict[str, str]:
    """How the numbers of each column were computed, as they say it."""
    found = {
        name: {entry[name]["method"].partition(" (effective n")[0] for entry in made["classes"]}
        for name in OVERLAPS
    }
    return {LABELS[name]: "; ".join(sorted(filter(None, said))) for name, said in found.items() if any(said)}


CHAPTER = Chapter("heatmaps", "Heatmaps", "heatmaps", words=_words)
