"""Conditions that results must meet: `auroc>=0.85@ci_low`."""

from __future__ import annotations

import difflib
import math
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from medcli.errors import UsageError
from medcli.metrics.measures import AT_PREVALENCE, CALLED, RANKED, TRUSTED
from medcli.metrics.monte_carlo import advice, is_bound_unsettled
from medcli.metrics.overall import OF_ALL, OF_TABLES, RANKED_CLASSES, TRUSTED_CLASSES

ALIASES = {
    "auroc": "auc",
    "macro_auroc": "macro_auc",
    "auprc": "average_precision",
    "recall": "sensitivity",
    "precision": "ppv",
}
OF_LABELS = (*RANKED, *CALLED, *AT_PREVALENCE, *TRUSTED, "prevalence")
OVERALL = (*OF_ALL, "accuracy", "balanced_accuracy", *OF_TABLES, *RANKED_CLASSES, *TRUSTED_CLASSES)
OPERATORS = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
ENDS = {"estimate": None, "ci_low": 0, "ci_high": 1}
_PATTERN = re.compile(r"\s*(\w+)(?::(.+?))?\s*(>=|<=|>|<)\s*([^@<>=\s]+)\s*(?:@\s*(\w+))?\s*")


@dataclass(frozen=True)
class Gate:
    """One condition.

    Attributes:
        text: As it was written.
        measure: Name of a measure in the results.
        label: Class that it is about; None for all classes together, or each of them.
        compare: Operator, as written.
        limit: What the number is compared with.
        end: `estimate`, `ci_low` or `ci_high`.
    """

    text: str
    measure: str
    label: str | None
    compare: str
    limit: float
    end: str


def _meant(name: str) -> str:
    """The measure that a misspelt one may be, and all there are."""
    known = list(dict.fromkeys((*OVERALL, *OF_LABELS)))
    near = difflib.get_close_matches(name.lower(), [*ALIASES, *known], n=1)
    return f"{f'did you mean {near[0]}? ' if near else ''}there are {', '.join(known)}"


def parse_gate(text: str) -> Gate:
    """A gate from `MEASURE[:LABEL] >= NUMBER[@estimate|ci_low|ci_high]`; also `>`, `<=`, `<`.

    Raises:
        UsageError: If it is not written so, or there is no such measure.
    """
    found = _PATTERN.fullmatch(text)
    hint = "write MEASURE[:LABEL]>=NUMBER[@ci_low], as in 'auroc>=0.85@ci_low'"
    if not found:
        raise UsageError(f"requirement {text!r} cannot be read", hint=hint)
    name, label, compare, number, end = found.groups()
    measure = ALIASES.get(name, name)
    if measure not in {*OF_LABELS, *OVERALL}:
        raise UsageError(f"requirement {text!r}: there is no measure {name!r}", hint=_meant(name))
    if (end or "estimate") not in ENDS:
        raise UsageError(f"requirement {text!r}: {end!r} is not one of {', '.join(ENDS)}", hint=hint)
    try:
        limit = float(number)
    except ValueError as error:
        raise UsageError(f"requirement {text!r}: {number!r} is not a number", hint=hint) from error
    if not math.isfinite(limit):
        raise UsageError(f"requirement {text!r}: {number!r} is not finite", hint=hint)
    return Gate(text, measure, label, compare, limit, end or "estimate")


def check_labels(gates: Sequence[Gate], classes: Sequence[str]) -> None:
    """Refuse gates about classes that are not there.

    Raises:
        UsageError: Naming the first of them.
    """
    for gate in gates:
        if gate.label is not None and (gate.label not in classes or gate.measure not in OF_LABELS):
            what = "label" if gate.measure in OF_LABELS else f"{gate.measure} of a label"
            raise UsageError(
                f"requirement {gate.text!r}: there is no {what} {gate.label!r}",
                hint=f"labels are {', '.join(classes)}",
            )


def check_gates(gates: Sequence[Gate], section: dict[str, Any]) -> list[dict[str, Any]]:
    """What became of each gate, one entry for each number that it is about.

    Without a label a gate is about all classes together where there is such a number, else about every class.

    Args:
        gates: The conditions.
        section: `classes` and `overall` of an evaluation.

    Returns:
        `gate`, `measure`, `class` (or None), `value`, `is_met`, `reason` (why there is no value)
        and `unsettled` (what to do where a value from resamples is too near its limit, or None).
    """
    return [_outcome(gate, name, value) for gate in gates for name, value in _quantities(gate, section)]


def failures(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each gate that was not met."""
    lines = []
    for item in outcomes:
        if not item["is_met"]:
            state = f"undefined: {item['reason']}" if item["value"] is None else f"it is {item['value']:.6g}"
            of = "" if item["class"] is None else f"{item['class']}: "
            lines.append(f"{item['gate']} is not met: {of}{state}")
    return lines


def unsettled(outcomes: Sequence[dict[str, Any]]) -> list[str]:
    """One line for each gate that other resamples may decide otherwise."""
    return [
        f"{item['gate']}{'' if item['class'] is None else ' (' + item['class'] + ')'}: {item['unsettled']}"
        for item in outcomes
        if item["unsettled"]
    ]


def _quantities(gate: Gate, section: dict[str, Any]) -> Iterator[tuple[str | None, Any]]:
    if gate.label is None and gate.measure in section["overall"]:
        yield None, section["overall"][gate.measure]
        return
    if gate.measure not in OF_LABELS:
        yield None, None
        return
    for entry in section["classes"]:
        if gate.label in {None, entry["class"]}:
            yield entry["class"], entry.get(gate.measure)


def _outcome(gate: Gate, name: str | None, value: Any) -> dict[str, Any]:
    """Of a measure before and after calibration, the latter counts where there is one."""
    if isinstance(value, dict) and "before" in value:
        value = value["after"] or value["before"]
    number, reason, is_unsettled = None, "it is not measured here", False
    if value is not None:
        position = ENDS[gate.end]
        number, reason = value["estimate"], value["reason"]
        if position is not None and number is not None:
            number = None if value["ci"] is None else value["ci"][position]
            is_unsettled = number is not None and is_bound_unsettled(value, number, gate.limit)
    return {
        "gate": gate.text,
        "measure": gate.measure,
        "class": name,
        "value": number,
        "is_met": number is not None and bool(OPERATORS[gate.compare](number, gate.limit)),
        "reason": reason if number is None else None,
        "unsettled": advice(value["resamples"]) if is_unsettled else None,
    }
