"""The report: one HTML file that needs no network, no script, and no other file."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup

from medcli.reporting import words
from medcli.reporting.figures import confusion_figure, draw_confusion, draw_reliability, draw_roc, panel_svg
from medcli.reporting.panels import Curve, confusion_panels, reliability_panels, roc_panels

QUANTITIES = {
    "prevalence": "Prevalence",
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "accuracy": "Accuracy",
    "f1": "F1",
}
TRUST = {"ece": "ECE", "brier": "Brier score", "log_loss": "Log loss"}
OVERALL = {
    "macro_auc": "Macro AUC",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
}


def render_report(
    evaluation: dict[str, Any],
    *,
    curves: Sequence[Curve],
    study: dict[str, Any],
    gallery: bytes | None = None,
) -> str:
    """The report as HTML; all text from files is escaped.

    Args:
        evaluation: Section `evaluation` of a manifest.
        curves: Corners of each class's ROC curve, or None where it is undefined.
        study: Counts of records, parts and rejects, the calibration, the history.
        gallery: PNG of heatmaps to embed.
    """
    roc, reliability = roc_panels(evaluation, curves), reliability_panels(evaluation)
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            evaluation=evaluation,
            study=study,
            sentences=_sentences(evaluation),
            roc=[_figure(panel_svg(draw_roc, panel), panel) for panel in roc],
            reliability=[_figure(panel_svg(draw_reliability, panel), panel) for panel in reliability],
            confusion=_confusion(evaluation),
            numbers=long_table(evaluation),
            quantities=QUANTITIES,
            trust=TRUST,
            gallery=None if gallery is None else _data_address(gallery, kind="image/png"),
        )
    )


def long_table(evaluation: dict[str, Any]) -> list[dict[str, Any]]:
    """Every number of an evaluation on a row of its own, with whose it is and when."""
    rows = []
    for name, label in OVERALL.items():
        if evaluation["overall"].get(name):
            rows.append({"of": "all classes", "label": label, "quantity": evaluation["overall"][name]})
    rows += _trust_rows(evaluation["overall"], of="all classes")
    for entry in evaluation["classes"]:
        for name, label in QUANTITIES.items():
            rows.append({"of": entry["class"], "label": label, "quantity": entry[name]})
        for name, value in (entry.get("called") or {}).items():
            label = f"{name.capitalize()}, most likely class called"
            rows.append({"of": entry["class"], "label": label, "quantity": value})
        rows += _trust_rows(entry, of=entry["class"])
    return rows


def _trust_rows(entry: dict[str, Any], *, of: str) -> list[dict[str, Any]]:
    return [
        {"of": of, "label": f"{label} {words_of}", "quantity": entry[name][when]}
        for name, label in TRUST.items()
        if name in entry
        for when, words_of in (("before", "as given"), ("after", "calibrated"))
        if entry[name][when] is not None
    ]


def _sentences(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The summary in plain words."""
    per_class = [
        {"class": words.printable(entry["class"]), "text": words.class_sentence(entry)}
        for entry in evaluation["classes"]
    ]
    return {
        "headline": words.headline(evaluation),
        "accuracy": words.accuracy_sentence(evaluation),
        "origin": words.threshold_origin(evaluation),
        "rule": words.rule_words(evaluation["thresholds"]["rule"]),
        "classes": per_class,
        "trust": words.trust_sentence(evaluation),
        "sample": words.sample(evaluation),
    }


def _confusion(evaluation: dict[str, Any]) -> list[dict[str, str]]:
    panels = confusion_panels(evaluation)
    if evaluation["exclusive"]:
        alt = "Confusion matrix: rows are true classes, columns called classes; the table below gives recall."
        return [{"source": _data_address(confusion_figure(panels[0], kind="svg")), "alt": alt}]
    figures = []
    for panel in panels:
        if not panel["counts"]:
            continue
        (true_no, false_yes), (false_no, true_yes) = panel["counts"]
        alt = (
            f"{panel['title']}: {true_yes} found, {false_no} missed, {false_yes} false alarms, "
            f"{true_no} rightly passed."
        )
        figures.append(_figure(panel_svg(draw_confusion, panel), {"alt": alt}))
    return figures


def _figure(svg: bytes, panel: dict[str, Any]) -> dict[str, str]:
    return {"source": _data_address(svg), "alt": panel["alt"]}


def _data_address(data: bytes, *, kind: str = "image/svg+xml") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates that escape all text, refuse unknown names, and know how to write numbers."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("medcli.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": words.number,
        "interval": words.with_interval,
        "plain": words.plain,
        "printable": words.printable,
        "count": words.count,
        "short_digest": _short_digest,
        "options": _options,
    }
    return made


def _short_digest(digest: str | None) -> Markup:
    """The first 12 digits, the rest on hovering and for copying from the source."""
    return Markup('<code title="{0}">{1}</code>').format(digest, digest[:12]) if digest else Markup("–")


def _options(entry: dict[str, Any]) -> str:
    """Options and single facts of a history entry as `name=value` words."""
    facts = {
        name: value
        for name, value in entry.items()
        if name not in {"command", "version", "options", "inputs"}
        and isinstance(value, str | int | float | bool)
    }
    return ", ".join(
        words.printable(f"{name}={_plain(value)}")
        for name, value in {**entry["options"], **facts}.items()
        if value not in (None, [], "", False)
    )


def _plain(value: Any) -> str:
    if value is True:
        return "yes"
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
