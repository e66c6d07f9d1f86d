"""Groups of patients: every measure in each, and whether they differ by more than chance."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Rows, Section
from medcli.reporting.drawings.subgroups import subgroup_figure
from medcli.reporting.figures import Drawing
from medcli.reporting.measures import measure_label
from medcli.reporting.words import field_words, group_words, number, p_value, printable, with_interval

TOLD = ("auc", "sensitivity", "specificity")
DRAWN = (*TOLD, "standardised_net_benefit", "observed_to_expected")
RATES = ("auc", "sensitivity", "specificity", "ppv", "npv")
BENEFIT = ("net_benefit", "standardised_net_benefit")
FURTHER = (
    *("average_precision", "balanced_accuracy", "f1", "mcc", "kappa", "lr_positive", "lr_negative"),
    *BENEFIT,
)
TRUST = ("prevalence", "observed_to_expected", "calibration_intercept", "calibration_slope", "ece", "brier")
COMPARED = ("prevalence", *RATES, *BENEFIT, *(name for name in TRUST if name not in {"prevalence", "ece"}))
# With more classes, what belongs to each class is told only where groups differ.
_FEW_CLASSES = 3


def _words(section: Section) -> dict[str, Any]:
    fields = [_field(field, level=section["level"]) for field in section["subgroups"]["fields"]]
    has_trust = any(group["brier"]["estimate"] is not None for group in _groups(section))
    trust = TRUST if has_trust else ()
    return {"fields": fields, "rates": RATES, "further": FURTHER, "trust": trust, "label_of": measure_label}


def _groups(section: Section) -> Rows:
    fields = section["subgroups"]["fields"]
    return [group for field in fields for entry in field["classes"] for group in entry["groups"]]


def _field(field: dict[str, Any], *, level: float) -> dict[str, Any]:
    name = field["field"]
    tests = [
        (entry, measure, entry["worst"][measure]["test"])
        for entry in field["classes"]
        for measure in TOLD
        if measure in entry["worst"] and entry["worst"][measure]["test"]["p"] is not None
    ]
    beyond = [test for test in tests if test[2]["p_holm"] < 1 - level]
    told = tests if len(field["classes"]) <= _FEW_CLASSES else beyond
    return {
        "title": field_words(name),
        "groups": [{**group, "name": group_words(name, group["group"])} for group in field["groups"]],
        "n_shared": field["n_shared"],
        "verdict": _verdict(len(tests), len(beyond), len({id(entry) for entry, *_ in tests})),
        "sentences": [_sentence(name, *test, level=level) for test in told]
        + _of_calls(name, field["calls"], level=level),
        "classes": [_class(name, entry) for entry in field["classes"]],
        "calls": field["calls"] and _calls(name, field["calls"]),
    }


def _verdict(num_tests: int, num_beyond: int, num_classes: int) -> str:
    if not num_tests:
        return "No class has two groups with cases enough to be compared; the groups are listed."
    of = f"of {num_tests} comparisons (AUC, sensitivity and specificity"
    of += f" of {num_classes} classes)" if num_classes > 1 else ")"
    if not num_beyond:
        return f"The differences between these groups are compatible with chance: none {of} goes beyond it."
    verb = "goes" if num_beyond == 1 else "go"
    return f"{num_beyond} {of} {verb} beyond what chance makes."


def _sentence(field: str, entry: dict[str, Any], measure: str, test: dict[str, Any], *, level: float) -> str:
    """One difference in plain words: how large, between whom, and whether chance makes as much."""
    groups = {group["group"]: group for group in entry["groups"]}
    found = entry["worst"][measure]
    ends = [(group_words(field, found[end]), groups[found[end]][measure]) for end in ("lowest", "highest")]
    (low_name, low), (high_name, high) = ends
    is_chance = test["p_holm"] >= 1 - level
    verdict = "is compatible with chance" if is_chance else "is larger than chance makes"
    text = (
        f"{printable(entry['class'])}, {measure_label([measure])}: {with_interval(low)} in {low_name} and "
        f"{with_interval(high)} in {high_name}"
    )
    num_tested = sum(group["tested"] for group in entry["groups"])
    if num_tested > 2:
        text += f", the lowest and the highest of {num_tested} groups"
    return (
        f"{text}. The difference of {number(test['statistic'])} {verdict} (p {p_value(test['p_holm'])} after "
        f"Holm; chance alone stays below {number(test['null'])} in 95 of 100 deals)."
    )


def _of_calls(field: str, calls: dict[str, Any] | None, *, level: float) -> list[str]:
    """Gaps of accuracy, of exclusive classes, that are larger than chance makes."""
    if calls is None:
        return []
    values = {group["group"]: group["accuracy"] for group in calls["groups"]}
    beyond = [
        item
        for item in calls["gaps"].get("accuracy", ())
        if item["gap"]["test"]["p"] is not None and item["gap"]["test"]["p_holm"] < 1 - level
    ]
    return [
        f"The most likely class is right in {with_interval(values[item['group']])} of "
        f"{group_words(field, item['group'])} and {with_interval(values[calls['reference']])} of "
        f"{group_words(field, calls['reference'])}. The difference of {with_interval(item['gap'])} is larger "
        f"than chance makes (p {p_value(item['gap']['test']['p_holm'])} after Holm)."
        for item in beyond
    ]


def _class(field: str, entry: dict[str, Any]) -> dict[str, Any]:
    groups = [{**group, "name": group_words(field, group["group"])} for group in entry["groups"]]
    rows = []
    for measure in COMPARED:
        gaps = entry["gaps"].get(measure)
        if not gaps or all(item["gap"]["estimate"] is None for item in gaps):
            continue
        worst = entry["worst"].get(measure)
        rows.append(
            {
                "label": measure_label([measure]),
                "gaps": [{"name": group_words(field, item["group"]), **item["gap"]} for item in gaps],
                "heterogeneity": entry["heterogeneity"][measure],
                "worst": worst and worst["test"],
            }
        )
    reference = entry["reference"]
    return {
        "name": entry["class"],
        "groups": groups,
        "reference": None if reference is None else group_words(field, reference),
        "reason": entry["reason"],
        "rows": rows,
        "odds": entry["equalised_odds"],
        "odds_test": entry["worst"].get("equalised_odds", {}).get("test"),
    }


def _calls(field: str, calls: dict[str, Any]) -> dict[str, Any]:
    """Accuracy of the most likely class in each group, with its gap from the largest."""
    gaps = {item["group"]: item["gap"] for item in calls["gaps"].get("accuracy", ())}
    rows = [
        {**group, "name": group_words(field, group["group"]), "gap": gaps.get(group["group"])}
        for group in calls["groups"]
    ]
    reference = calls["reference"]
    return {
        "rows": rows,
        "reference": None if reference is None else group_words(field, reference),
        "heterogeneity": calls["heterogeneity"].get("accuracy"),
    }


def _figures(section: Section) -> dict[str, Drawing]:
    shown = [name for name in DRAWN if any(group[name]["estimate"] is not None for group in _groups(section))]
    drawn = {f"subgroups-{name.replace('_', '-')}": subgroup_figure(section, name) for name in shown}
    return {name: drawing for name, drawing in drawn.items() if drawing.panels}


def _tables(section: Section) -> dict[str, Rows]:
    rows = []
    for field in section["subgroups"]["fields"]:
        for entry in field["classes"]:
            for group in entry["groups"]:
                measures = [name for name, value in group.items() if isinstance(value, dict)]
                rows += [_row(field["field"], entry, group, measure) for measure in measures]
        for group in (field["calls"] or {"groups": ()})["groups"]:
            rows.append(_row(field["field"], {"class": "all classes", **field["calls"]}, group, "accuracy"))
    return {"subgroups": rows}


def _row(field: str, entry: dict[str, Any], group: dict[str, Any], measure: str) -> dict[str, Any]:
    value = group[measure]
    gaps = {item["group"]: item["gap"] for item in entry["gaps"].get(measure, ())}
    gap = gaps.get(group["group"], {})
    test = gap.get("test") or {}
    worst = (entry.get("worst", {}).get(measure) or {}).get("test") or {}
    spread = (entry["heterogeneity"].get(measure) or {}).get("test") or {}
    return {
        "field": field,
        "class": entry["class"],
        "group": group["group"],
        "measure": measure,
        "estimate": value["estimate"],
        **_edges("ci", value["ci"]),
        "n": value["n"],
        "n_clusters": value["n_clusters"],
        "n_positive": group.get("n_positive"),
        "tested": group["tested"],
        "reason": value["reason"] or group["reason"],
        "reference": entry["reference"] if gap else None,
        "gap": gap.get("estimate"),
        **_edges("gap", gap.get("ci")),
        "gap_p": test.get("p"),
        "gap_p_holm": test.get("p_holm"),
        "heterogeneity_p": spread.get("p"),
        "heterogeneity_p_holm": spread.get("p_holm"),
        "permutation_p": worst.get("p"),
        "permutation_p_holm": worst.get("p_holm"),
    }


def _edges(name: str, interval: list[float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}_low": low, f"{name}_high": high}


CHAPTER = Chapter(
    "subgroups", "Groups of patients", "subgroups", words=_words, figures=_figures, tables=_tables
)
