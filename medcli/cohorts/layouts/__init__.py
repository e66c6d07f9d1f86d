"""How a cohort lies on disk: one file a layout, and the one table of them.

Each layout has `read(folder, config)`, which gives the cohort, and may have `detect(folder)`, which says in
words what shows that the folder is laid out so (empty when nothing does). Its docstring shows the folder.
"""

from __future__ import annotations

from types import ModuleType

from medcli.cohorts.layouts import (
    bids,
    brats,
    chestxray14,
    chexpert,
    class_folders,
    files,
    ham10000,
    lidc,
    medmnist,
    table,
)
from medcli.cohorts.layouts.cohort import Cohort, Entry, Folder, Refusal, Rows
from medcli.config import Layout

__all__ = ["LAYOUTS", "Cohort", "Entry", "Folder", "Refusal", "Rows", "detect_layouts"]

LAYOUTS: dict[Layout, ModuleType] = {
    Layout.files: files,
    Layout.class_folders: class_folders,
    Layout.table: table,
    Layout.bids: bids,
    Layout.brats: brats,
    Layout.chestxray14: chestxray14,
    Layout.chexpert: chexpert,
    Layout.ham10000: ham10000,
    Layout.lidc: lidc,
    Layout.medmnist: medmnist,
}


def detect_layouts(folder: Folder) -> dict[Layout, str]:
    """Every layout that a folder shows signs of, with the signs."""
    found = {layout: module.detect(folder) for layout, module in LAYOUTS.items() if hasattr(module, "detect")}
    return {layout: signs for layout, signs in found.items() if signs}
