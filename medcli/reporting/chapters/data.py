"""What the results rest on: parts and their patients, rejected inputs, the policy of labels."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.words import count, listed, printable

SEXES = {"F": "women", "M": "men", "O": "other sex"}
MOST_SITES = 4


def _words(section: Section) -> dict[str, Any]:
    parts = section["cohort"]["parts"]
    known = {name: any(part[name] for part in parts) for name in ("n_clusters", "sex", "age", "sites")}
    return {
        "known": known,
        "parts": [{**part, **_told(part)} for part in parts],
        "shared": _shared(section["cohort"]["overlap"]),
    }


def _told(part: dict[str, Any]) -> dict[str, str]:
    sexes = [f"{SEXES.get(name, printable(name))} {size:,}" for name, size in (part["sex"] or {}).items()]
    sites = [f"{printable(name)} {size:,}" for name, size in (part["sites"] or {}).items()]
    if len(sites) > MOST_SITES:
        sites = [count(len(sites), "site")]
    age, told = part["age"], "–"
    if age:
        low, high = age["quartiles"]
        told = f"{age['median']:.0f} ({low:.0f} to {high:.0f})"
    return {"sexes": ", ".join(sexes) or "–", "places": ", ".join(sites) or "–", "years": told}


def _shared(overlap: dict[str, int] | None) -> str | None:
    """What is in more than one part, as it was counted when parts were made."""
    if overlap is None:
        return None
    found = [f"{size:,} {name}" for name, size in overlap.items() if size]
    if found:
        return f"In more than one part are {listed(found)}."
    return f"Of {listed(overlap)}, none is in more than one part."


def _tables(section: Section) -> dict[str, Rows]:
    rows = []
    for part in section["cohort"]["parts"]:
        age = part["age"] or {"median": None, "quartiles": (None, None)}
        rows.append(
            {
                "part": part["part"],
                "images": part["n"],
                "patients": part["n_clusters"],
                **{words: (part["sex"] or {}).get(name) for name, words in SEXES.items()},
                "age_median": age["median"],
                "age_lower_quartile": age["quartiles"][0],
                "age_upper_quartile": age["quartiles"][1],
                "sites": len(part["sites"] or ()),
            }
        )
    return {"cohort": rows}


CHAPTER = Chapter("data", "Data", "study", words=_words, tables=_tables)
