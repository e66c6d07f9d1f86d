"""A method, as results name it, with what a paper says of it."""

from __future__ import annotations

from typing import NamedTuple


class Method(NamedTuple):
    """A method by the words that its results carry, what to write of it, and where it comes from."""

    words: str
    sentence: str
    source: str
