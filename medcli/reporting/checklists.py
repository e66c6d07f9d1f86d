"""What reporting guidelines ask for, and where this study answers it: in the report, or by its authors.

The words are ours; the guidelines have the full text: CLAIM (Tejani et al., Radiology: Artificial
Intelligence 2024;6:e240300), TRIPOD+AI (Collins et al., BMJ 2024;385:e078378), STARD-AI (Sounderajah et al.,
Nature Medicine 2025).
"""

from __future__ import annotations

from typing import Any, NamedTuple

WRITE = "you must write this"


class Topic(NamedTuple):
    """One thing that the guidelines ask for.

    Attributes:
        name: What is asked.
        guidelines: Which of them ask it.
        section: Anchor of the report's section that answers it; empty when only the authors can.
        needs: Name of the evaluation's part, or of the command in the history, that must be there for the
            section to answer; empty for none.
    """

    name: str
    guidelines: str
    section: str = ""
    needs: str = ""


ALL = "CLAIM, TRIPOD+AI, STARD-AI"
TOPICS = (
    Topic("Title and structured abstract that name the kind of study and of model", ALL),
    Topic("Clinical background, intended use and role of the model in the pathway", ALL),
    Topic("Known inequalities between groups of patients", "TRIPOD+AI"),
    Topic("Objectives and hypotheses", ALL),
    Topic("Prospective or retrospective design, protocol and registration", ALL),
    Topic("Where and when the images were taken; sites and equipment", ALL),
    Topic("Eligibility of patients; consecutive, random or convenience series", ALL),
    Topic("Inputs that were rejected, and why", ALL, "data"),
    Topic("Preparation of the images", "CLAIM, STARD-AI", "history", "preprocess"),
    Topic("De-identification", "CLAIM", "history", "ingest"),
    Topic("Definition and source of the reference standard; who read, with which training", ALL),
    Topic("Meaning of uncertain and missing labels", ALL, "data"),
    Topic("Agreement between readers", "CLAIM, STARD-AI", "readers", "readers"),
    Topic("Sample size: how it was chosen (medcli evaluate --plan helps)", ALL, "plan", "plan"),
    Topic("Sample size: precision that was reached", ALL, "discrimination"),
    Topic("Assignment to training, validation and test, by patient", ALL, "data", "split"),
    Topic("Overlap between the parts", "CLAIM, STARD-AI", "data", "split"),
    Topic("Architecture, initialisation and training of the model", "CLAIM, TRIPOD+AI", "history", "train"),
    Topic("Choice of the final model", "CLAIM, TRIPOD+AI", "history", "train"),
    Topic("Measures of performance and their intervals", ALL, "methods"),
    Topic("Origin of the thresholds", ALL, "thresholds"),
    Topic("Calibration", "TRIPOD+AI, STARD-AI", "probabilities"),
    Topic("Performance in subgroups, fairness", ALL, "subgroups", "subgroups"),
    Topic("Robustness: other label policies", "CLAIM, STARD-AI", "policies", "policies"),
    Topic("Explanations of single results, such as heatmaps", "CLAIM", "heatmaps", "heatmaps"),
    Topic("Characteristics of the patients of each part", ALL, "data", "characteristics"),
    Topic("Cross table of calls and truth", "CLAIM, STARD-AI", "thresholds"),
    Topic("Estimates of accuracy with intervals", ALL, "discrimination"),
    Topic("Analysis of wrong results", "CLAIM, STARD-AI", "errors", "errors"),
    Topic("Uncertainty of single results", "CLAIM, TRIPOD+AI", "prediction_sets", "prediction_sets"),
    Topic("Usefulness for decisions", "TRIPOD+AI", "decisions", "decisions"),
    Topic("Adverse events of performing the test", "STARD-AI"),
    Topic("Limitations, bias and generalisability", ALL),
    Topic("Implications for practice", ALL),
    Topic("Availability of protocol, data, code and model", ALL),
    Topic("Software, versions and options", ALL, "history"),
    Topic("Involvement of patients and the public", "TRIPOD+AI"),
    Topic("Funding and interests", ALL),
)


NEEDED_KEYS = {"decisions": "decision_curves"}
"""Where a part's numbers are, if not under its own name."""


def answered_parts(document: dict[str, Any]) -> set[str]:
    """Optional parts that a document has something about."""
    needed = {topic.needs for topic in TOPICS if topic.needs}
    known = {entry["command"] for entry in document.get("study", {}).get("history", ())}
    if any(part["sex"] or part["age"] for part in document["cohort"]["parts"]):
        known.add("characteristics")
    return {name for name in needed if name in known or document.get(NEEDED_KEYS.get(name, name))}


def checklist(parts: set[str]) -> list[dict[str, Any]]:
    """Every topic with the section that answers it, or what the authors must do.

    Args:
        parts: Optional parts that this report has, such as `subgroups`.
    """
    rows = []
    for topic in TOPICS:
        is_answered = bool(topic.section) and (not topic.needs or topic.needs in parts)
        rows.append(
            {
                "topic": topic.name,
                "guidelines": topic.guidelines,
                "section": topic.section if is_answered else None,
                "answer": f"section “{topic.section}” of the report" if is_answered else WRITE,
            }
        )
    return rows


def checklist_markdown(parts: set[str], titles: dict[str, str]) -> str:
    """The checklist as a table in Markdown; `titles` of the report's sections by name."""
    lines = ["# Checklist", "", "| asked for | by | answered in |", "|---|---|---|"]
    for row in checklist(parts):
        answer = f"report, “{titles[row['section']]}”" if row["section"] else row["answer"]
        lines.append(f"| {row['topic']} | {row['guidelines']} | {answer} |")
    return "\n".join([*lines, ""])
