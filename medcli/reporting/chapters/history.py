"""Every step from the source files to these numbers."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter

CHAPTER = Chapter("history", "How it was made", "study")
