"""The training curve: losses and the validation metric against epochs."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def training_curve(log: list[dict[str, Any]], *, best_epoch: int) -> bytes:
    """A PNG with losses on the left and AUC on the right, the epoch that was kept marked in both.

    Args:
        log: One entry an epoch: `epoch`, `train_loss`, and `val_loss` and `val_auc`, which may be None.
        best_epoch: The one whose weights were kept.
    """
    has_auc = any(entry["val_auc"] is not None for entry in log)
    figure = Figure(figsize=(10 if has_auc else 5.5, 4), dpi=110, layout="constrained")
    axes = figure.subplots(1, 2 if has_auc else 1, squeeze=False)[0]
    _draw(axes[0], log, {"train_loss": "training", "val_loss": "validation"}, best_epoch=best_epoch)
    axes[0].set_ylabel("loss")
    axes[0].set_ylim(bottom=0)
    if has_auc:
        _draw(axes[1], log, {"val_auc": "validation"}, best_epoch=best_epoch)
        axes[1].set_ylabel("macro AUC")
        axes[1].set_ylim(top=1)
    buffer = io.BytesIO()
    # Without the software's version the same curve has the same bytes after an update of the patch level.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Any, log: list[dict[str, Any]], series: dict[str, str], *, best_epoch: int) -> None:
    for key, label in series.items():
        points = [(entry["epoch"], entry[key]) for entry in log if entry[key] is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=label)
    axes.axvline(best_epoch, color="0.5", linestyle=":", label=f"kept: epoch {best_epoch}")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
