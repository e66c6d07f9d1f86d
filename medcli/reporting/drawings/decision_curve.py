"""Net benefit against the risk at which one would act."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from medcli.reporting.figures import BLUE, GREY, INK, PALE_BLUE, Drawing, set_title
from medcli.reporting.words import number, printable


def decision_figure(decisions: dict[str, Any]) -> Drawing:
    """One panel a class.

    Args:
        decisions: Section `decision_curves` of an evaluation.
    """
    panels = [_panel(entry) for entry in decisions["classes"]]
    return Drawing(draw_decisions, panels, size=(2.7, 3.15), margins=(0.62, 1.0, 0.12, 0.3))


def _panel(entry: dict[str, Any]) -> dict[str, Any]:
    name, curve = printable(entry["class"]), entry["curve"]
    if curve is None:
        return {"title": name, "curve": None, "alt": f"No decision curve of {name}: {entry['reason']}."}
    told = [
        f"at {number(value['threshold'], digits=2)} {number(value['estimate'])} against "
        f"{number(value['baseline']['estimate'])} of {value['baseline']['rule']}"
        for value in (entry["at_low"], entry["at_middle"], entry["at_high"])
    ]
    return {"title": name, "curve": curve, "alt": f"Net benefit of {name}: {'; '.join(told)}."}


def draw_decisions(axes: Axes, panel: dict[str, Any]) -> None:
    """The model with its band, calling everyone, and calling nobody at 0.

    `panel` holds `title` and `curve` (`thresholds`, `model`, `low`, `high`, `everyone`; or None).
    """
    set_title(axes, panel["title"])
    curve = panel["curve"]
    if curve is None:
        axes.text(0.5, 0.5, "undefined", ha="center", va="center", color=GREY, transform=axes.transAxes)
        return
    across = curve["thresholds"]
    if None not in curve["low"]:
        axes.fill_between(across, curve["low"], curve["high"], color=PALE_BLUE, linewidth=0)
    axes.plot(across, curve["model"], color=BLUE, linewidth=1.6, label="model")
    axes.plot(across, curve["everyone"], color=INK, linewidth=1.1, linestyle="--", label="call everyone")
    axes.axhline(0, color=GREY, linewidth=1.1, linestyle=":", label="call nobody")
    highest = max(
        [*curve["model"], *curve["everyone"], *(edge for edge in curve["high"] if edge is not None)]
    )
    axes.set_ylim(-0.25 * max(highest, 0.01), 1.1 * max(highest, 0.01))
    axes.set_xlim(across[0], across[-1])
    axes.set_xlabel("risk at which one would act")
    axes.set_ylabel("net benefit")
    axes.locator_params(nbins=4)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), frameon=False, fontsize=8)
