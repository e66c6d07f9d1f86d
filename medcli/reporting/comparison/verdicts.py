"""What a comparison shows, in plain words, and what a reader must be warned of."""

from __future__ import annotations

from typing import Any

from medcli.reporting import words
from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.measures import in_sentence

_WORDS = {
    "superior": "{first} is better than {second}",
    "inferior": "{first} is worse than {second}",
    "equivalent": "{first} and {second} differ by less than the margin, either way",
    "non-inferior": "{first} is worse than {second} by less than the margin, if at all",
    "not shown to be non-inferior": "it is not shown that {first} loses less than the margin to {second}",
    "no claim": "no difference between {first} and {second} is shown; that is not proof that there is none",
}


def _words(section: Section) -> dict[str, Any]:
    return {
        "question": _question(section),
        "pairs": [_pair(section, number) for number in range(len(section["labels"][0]["pairs"]))],
        "measure": in_sentence(section["measure"]),
    }


def _question(section: Section) -> str:
    measure = in_sentence(section["measure"])
    if section["margin"] is None:
        return f"Which is better by the {measure}? No margin was given, so only superiority can be shown."
    return f"Judged by the {measure}, with a margin of {section['margin']:g} that was given before."


def _pair(section: Section, number: int) -> dict[str, Any]:
    names = [words.printable(model["name"]) for model in section["models"]]
    told = []
    for label in section["labels"]:
        pair = label["pairs"][number]
        value = pair["measures"][section["measure"]]
        first, second = names[pair["first"]], names[pair["second"]]
        if value["estimate"] is None:
            text = f"undefined: {value['reason']}."
        elif value["ci"] is None:
            found = words.with_interval(value)
            text = f"nothing can be claimed: the difference of {found} has no interval ({value['reason']})."
        else:
            verdict = _WORDS[pair["judgement"]["verdict"]].format(first=first, second=second)
            text = f"{verdict} (difference {words.with_interval(value)})."
        told.append({"class": words.printable(label["class"]), "text": text})
    return {"title": f"{first} less {second}", "labels": told}


CHAPTER = Chapter("verdicts", "In plain words", "labels", words=_words)
