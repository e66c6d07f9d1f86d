"""Agreement beside how often readers call a finding, and on how many images they differ."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, GUIDE, INK, ORANGE, PALE_BLUE, Drawing
from medcli.reporting.words import shorten, with_interval

_KAPPAS = {"icc": "ICC", "fleiss": "Fleiss' kappa", "krippendorff": "Krippendorff's alpha"}
_ROW, _FRAME = 0.3, 1.0


def agreement_figure(agreed: list[dict[str, Any]]) -> Drawing:
    """One panel for each coefficient that corrects for chance, with Gwet's AC1 below it where there is one.

    Args:
        agreed: Rows of `chapters.readers.agreement_row`.
    """
    panels = []
    for key, name in _KAPPAS.items():
        rows = [row for row in agreed if _main(row) == key]
        told = "; ".join(
            f"{row['name']} {with_interval(row['agreement'][key])}"
            + (f", called positive {row['shares']}" if row["shares"] != "–" else "")
            for row in rows
        )
        if rows:
            panels.append({"key": key, "name": name, "rows": rows, "alt": f"{name}: {told}."})
    longest = max((len(panel["rows"]) for panel in panels), default=1)
    return Drawing(draw_agreement, panels, size=(4.6, _FRAME + _ROW * longest), margins=None)


def _main(row: dict[str, Any]) -> str:
    return next(key for key in _KAPPAS if key in row["agreement"])


def draw_agreement(axes: Axes, panel: dict[str, Any]) -> None:
    """A square for the coefficient, a hollow diamond for AC1; to the right, how often readers say yes."""
    axes.axvline(0, color=GUIDE, linewidth=1, zorder=0)
    marks = (
        (panel["key"], panel["name"], "s", BLUE, BLUE, 0.0),
        ("gwet_ac1", "Gwet's AC1", "D", INK, "white", 0.28),
    )
    for key, name, marker, colour, face, below in marks:
        label = name
        for place, row in enumerate(panel["rows"]):
            value = row["agreement"].get(key)
            if value is None or value["estimate"] is None:
                continue
            if value["ci"] is not None:
                axes.plot(value["ci"], [place + below] * 2, color=colour, linewidth=1.2)
            axes.plot(
                value["estimate"], place + below, marker=marker, markersize=5, color=colour,
                markerfacecolor=face, linestyle="none", label=label, zorder=3, clip_on=False,
            )  # fmt: skip
            label = "_"
    beside = [(place, row["shares"], INK) for place, row in enumerate(panel["rows"]) if row["shares"] != "–"]
    for place, text, colour in [*beside, *([(-1, "called positive", GREY)] if beside else [])]:
        axes.annotate(
            text, (1.02, place), xycoords=("axes fraction", "data"), va="center", fontsize=8, color=colour
        )
    _name_rows(axes, panel["rows"])
    axes.set_ylim(len(panel["rows"]) - 0.4, -1.4)
    axes.set_xlim(right=1)
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel("agreement beyond chance: 0 is chance, 1 is perfect")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False, fontsize=8, borderaxespad=0)


def disagreement_figure(agreed: list[dict[str, Any]]) -> Drawing:
    """Of each label, how many images readers read alike and differently; nothing for measurements."""
    rows = [row for row in agreed if row["agreement"].get("split", {}).get("estimate") is not None]
    if not rows:
        return Drawing(draw_disagreement, ())
    told = "; ".join(
        f"{row['name']} {row['agreement']['images']['split']} of {row['agreement']['split']['n']}"
        for row in rows
    )
    alt = f"Images that readers read differently: {told}."
    panel = {"rows": rows, "alt": alt}
    return Drawing(draw_disagreement, [panel], size=(4.6, 0.9 + 0.24 * len(rows)), margins=None)


def draw_disagreement(axes: Axes, panel: dict[str, Any]) -> None:
    """A bar a label: all no, differently, all yes; each with its number."""
    has_calls = all("all_yes" in row["agreement"]["images"] for row in panel["rows"])
    names = ("all say no", "differ", "all say yes") if has_calls else ("alike", "differ")
    styles: dict[str, Any] = {
        "differ": {"facecolor": ORANGE, "hatch": "////", "edgecolor": "white"},
        "all say yes": {"facecolor": BLUE},
    }
    starts = [0.0] * len(panel["rows"])
    for number_of, name in enumerate(names):
        sizes = [_sizes(row)[number_of] for row in panel["rows"]]
        style = {"linewidth": 0.6, "edgecolor": GREY, **styles.get(name, {"facecolor": PALE_BLUE})}
        axes.barh(range(len(sizes)), sizes, left=starts, height=0.7, label=name, **style)
        starts = [start + size for start, size in zip(starts, sizes, strict=True)]
    for place, row in enumerate(panel["rows"]):
        counts = [round(share * row["agreement"]["split"]["n"]) for share in _sizes(row)]
        axes.annotate(
            " / ".join(f"{count:,}" for count in counts), (1.02, place),
            xycoords=("axes fraction", "data"), va="center", fontsize=8, color=INK,
        )  # fmt: skip
    _name_rows(axes, panel["rows"])
    axes.set_ylim(len(panel["rows"]) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.set_xlabel("share of images read by two or more")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False, fontsize=8, borderaxespad=0)


def _sizes(row: dict[str, Any]) -> list[float]:
    """Shares of images that are read alike (as no), differently, and, of calls, alike as yes."""
    images = row["agreement"]["images"]
    total = images["alike"] + images["split"]
    yes = images.get("all_yes")
    counts = [images["alike"] - (yes or 0), images["split"], *([] if yes is None else [yes])]
    return [count / total for count in counts]


def _name_rows(axes: Axes, rows: list[dict[str, Any]]) -> None:
    axes.set_yticks(range(len(rows)), [shorten(row["name"], width=22) for row in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
