"""What the results rest on: parts, rejected inputs, the policy of labels."""

from __future__ import annotations

from medcli.reporting.chapter import Chapter

CHAPTER = Chapter("data", "Data", "study")
