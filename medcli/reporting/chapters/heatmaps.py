"""Images with the pixels that mattered most."""

from __future__ import annotations

from typing import Any

from medcli.reporting.chapter import Chapter, Section
from medcli.reporting.templating import data_address


def _words(section: Section) -> dict[str, Any]:
    return {"gallery": data_address(section["gallery"], kind="image/png")}


CHAPTER = Chapter("heatmaps", "Heatmaps", "gallery", words=_words)
