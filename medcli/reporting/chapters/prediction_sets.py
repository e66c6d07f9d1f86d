"""Sets of answers that promise to hold the truth, and whether they did here."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter

CHAPTER = Chapter("prediction_sets", "Prediction sets", "prediction_sets")
