"""Numbers as a person reads them, and the sentences that say what they mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

MINUS = "−"


def printable(text: str) -> str:
    """Text from a file with control and invisible characters made visible, on one line."""
    return "".join(_shown(character) for character in str(text))


def _shown(character: str) -> str:
    if character == " " or not unicodedata.category(character).startswith(("C", "Z")):
        return character
    return f"\\x{ord(character):02x}" if ord(character) < 256 else f"\\u{ord(character):04x}"


def shorten(text: str, *, width: int) -> str:
    """Text that fits, with an ellipsis where it was cut."""
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"


def number(value: float | None, *, digits: int = 3) -> str:
    """A number with fixed digits; a dash when there is none."""
    return "–" if value is None else f"{value:z.{digits}f}".replace("-", MINUS)


def p_value(value: float | None) -> str:
    """A p-value with three digits, `<0.001` below; a dash when there is none."""
    return "<0.001" if value is not None and value < 0.0005 else number(value)


def plain(value: float | None) -> str:
    """A measured number with three significant digits at least, without a power: `1,024`, `0.0123`."""
    if value is None:
        return "–"
    whole = abs(value) >= 100 or float(value).is_integer()
    return (f"{value:,.0f}" if whole else f"{value:.3g}").replace("-", MINUS)


def percent(share: float) -> str:
    """A share without its sign: `95`."""
    return f"{100 * share:g}"


def with_interval(quantity: dict[str, Any], *, digits: int = 3) -> str:
    """Estimate and interval: `0.891 (0.840 to 0.932)`."""
    if quantity["estimate"] is None:
        return "–"
    shown = number(quantity["estimate"], digits=digits)
    if quantity["ci"] is None:
        return shown
    low, high = (number(edge, digits=digits) for edge in quantity["ci"])
    return f"{shown} ({low} to {high})"


def count(size: int, noun: str) -> str:
    """`1 image`, `367 images`, `2 classes`."""
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{size:,} {noun if size == 1 else plural}"


def listed(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`; with semicolons where an item has a comma."""
    *most, last = items
    if not most:
        return last
    if any("," in item for item in (*most, last)):
        return "; ".join([*most, f"and {last}"])
    return f"{', '.join(most)} and {last}"


def field_words(field: str) -> str:
    """A field of records as a heading: `Sex`, `Age`, `Sex and age`; bins are left to the groups."""
    names = [part.partition(":")[0].strip() for part in field.split("*")]
    text = printable(" and ".join(names))
    return text[:1].upper() + text[1:]


def group_words(field: str, group: str) -> str:
    """A group of a field: `women`, `0 to under 40`, `men, 60 to under 120`."""
    names = [part.partition(":")[0].strip() for part in field.split("*")]
    values = group.split(" & ")
    if len(values) != len(names):
        return printable(group)
    return ", ".join(_value_words(name, value) for name, value in zip(names, values, strict=True))


def _value_words(field: str, value: str) -> str:
    if field == "sex":
        value = {"F": "women", "M": "men", "O": "other sex"}.get(value, value)
    if value.startswith("[") and value.endswith(")"):
        low, _, high = value[1:-1].partition(", ")
        return f"{low} to under {high}"
    return printable(value)


def sample(evaluation: dict[str, Any]) -> str:
    """How many images of how many patients: `367 images of 160 patients, clustered`."""
    images = count(evaluation["n"], "image")
    if evaluation["unit"] == "image":
        return f"{images} (patients not known: each image counts as one)"
    clustered = ", clustered" if evaluation["n_clusters"] < evaluation["n"] else ""
    return f"{images} of {count(evaluation['n_clusters'], evaluation['unit'])}{clustered}"


def case(evaluation: dict[str, Any]) -> str:
    """What one case is: a patient where each has one image, else an image."""
    return evaluation["unit"] if evaluation["n_clusters"] == evaluation["n"] else "image"


def of_hundred(quantity: dict[str, Any]) -> str:
    """A share as people count: `92 (80 to 97)`."""
    shown = f"{100 * quantity['estimate']:.0f}"
    if quantity["ci"] is None:
        return shown
    low, high = quantity["ci"]
    return f"{shown} ({100 * low:.0f} to {100 * high:.0f})"


def threshold_origin(evaluation: dict[str, Any]) -> str:
    """Where thresholds come from, as the middle of a sentence."""
    return {
        "calibration": "the threshold chosen on validation",
        "val": "the threshold chosen on validation",
        "default": "the default threshold",
    }[evaluation["thresholds"]["source"]]


def class_sentence(entry: dict[str, Any], *, noun: str = "image") -> str:
    """What would happen to 100 images (or patients) with the finding and 100 without it."""
    found, passed = entry["sensitivity"], entry["specificity"]
    if found["estimate"] is None and passed["estimate"] is None:
        return f"nothing can be said: {found['reason'].removeprefix('no threshold: ')}."
    if found["estimate"] is None:
        return f"would falsely flag {_false_alarms(passed)} of 100 {noun}s without it; {found['reason']}."
    if passed["estimate"] is None:
        first = f"would find {of_hundred(found)} of 100 {noun}s with it"
        return f"{first}; false alarms are unknown: {passed['reason']}."
    return f"would {found_and_flagged(found, passed, noun=noun)}."


def found_and_flagged(found: dict[str, Any], passed: dict[str, Any], *, noun: str = "image") -> str:
    """A sensitivity and a specificity as people count, after `would`."""
    first = f"find {of_hundred(found)} of 100 {noun}s with it"
    return f"{first}, and falsely flag {_false_alarms(passed)} of 100 without it"


def pairs_ranked(auc: dict[str, Any]) -> str:
    """An area under the curve as people count."""
    return f"ranks the right one higher in {of_hundred(auc)} of 100 pairs"


def _false_alarms(specificity: dict[str, Any]) -> str:
    interval = specificity["ci"] and [1 - edge for edge in reversed(specificity["ci"])]
    return of_hundred({"estimate": 1 - specificity["estimate"], "ci": interval})


def rule_words(rule: str | None) -> str:
    """A rule of operating points in words."""
    name, _, target = (rule or "").partition("=")
    if name == "youden":
        return "largest sum of sensitivity and specificity (Youden)"
    if name == "cost":
        costs, at, prevalence = target.partition("@")
        missed, alarm = costs.split(",")
        share = f" at a prevalence of {prevalence}" if at else ""
        return f"least cost{share}, a missed finding counting {missed} and a false one {alarm}"
    if name == "net-benefit":
        return f"net benefit of acting at a risk of {target}"
    if name == "alerts":
        return f"most calls among thresholds that call a share of at most {target}"
    other = "specificity" if name == "sensitivity" else "sensitivity"
    return f"{name} of at least {target}, then the best {other}" if target else printable(name)


def headline(evaluation: dict[str, Any]) -> str:
    """One sentence on how well the model tells classes apart, with the chance level beside it."""
    macro = evaluation["overall"]["macro_auc"]
    if macro["estimate"] is None:
        return f"The model's ranking cannot be judged on these images: {macro['reason']}."
    used, total = len(macro["classes"]), len(evaluation["task"]["classes"])
    which = (
        ""
        if total == 1
        else f", averaged over {used} of {total} classes"
        if used < total
        else (f", averaged over {total} classes")
    )
    return (
        f"Shown one image with a finding and one without, the model {pairs_ranked(macro)}{which}; "
        "guessing gets 50."
    )


def accuracy_sentence(evaluation: dict[str, Any]) -> str | None:
    """For classes that exclude each other: right calls, beside the most frequent class for everyone."""
    accuracy = evaluation["overall"].get("accuracy")
    if accuracy is None or accuracy["estimate"] is None:
        return None
    baseline = accuracy["baseline"]
    return (
        f"Of 100 images it names the right class in {of_hundred(accuracy)}; answering "
        f"“{printable(baseline['rule'].removeprefix('always '))}” every time gets "
        f"{100 * baseline['estimate']:.0f}."
    )


def trust_sentence(evaluation: dict[str, Any]) -> str | None:
    """Whether a predicted 70 % happens in 70 of 100 images."""
    pairs = trust_pairs(evaluation)
    if not pairs:
        return None
    before = sum(item["before"]["estimate"] for item in pairs) / len(pairs)
    gap = f"{100 * before:.1f}"
    if any(item["after"] is None for item in pairs):
        return (
            f"Predicted probabilities miss observed frequencies by {gap} points on average; "
            "they are not calibrated."
        )
    after = sum(item["after"]["estimate"] for item in pairs) / len(pairs)
    return (
        f"Predicted probabilities missed observed frequencies by {gap} points on average as the model gave "
        f"them, and by {100 * after:.1f} after calibration on validation."
    )


def trust_pairs(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """ECE before and after, where it is defined: of all classes together, or of each label."""
    overall = evaluation["overall"].get("ece")
    pairs = [overall] if overall else [entry["ece"] for entry in evaluation["classes"]]
    return [pair for pair in pairs if pair["before"]["estimate"] is not None]
