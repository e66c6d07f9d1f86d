"""How far images, patients and scores of the other sources are from those of the first."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter

CHAPTER = Chapter("shift", "Shift", "shift")
