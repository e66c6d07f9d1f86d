"""Templates that escape all text, and the filters with which they write numbers."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import Any

import jinja2
from markupsafe import Markup

from medcli.reporting import words


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Templates that escape all text, refuse unknown names, and know how to write numbers."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("medcli.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "number": words.number,
        "p_value": words.p_value,
        "interval": words.with_interval,
        "plain": words.plain,
        "percent": words.percent,
        "printable": words.printable,
        "count": words.count,
        "sample": words.sample,
        "short_digest": _short_digest,
        "options": _options,
    }
    return made


def data_address(data: bytes, *, kind: str = "image/svg+xml") -> str:
    """A file as an address, so that the page needs no other file."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _short_digest(digest: str | None) -> Markup:
    """The first 12 digits, the rest on hovering and for copying from the source."""
    return Markup('<code title="{0}">{1}</code>').format(digest, digest[:12]) if digest else Markup("–")


def _options(entry: dict[str, Any]) -> str:
    """Options and single facts of a history entry as `name=value` words."""
    facts = {
        name: value
        for name, value in entry.items()
        if name not in {"command", "version", "options", "inputs"}
        and isinstance(value, str | int | float | bool)
    }
    return ", ".join(
        words.printable(f"{name}={_plain(value)}")
        for name, value in {**entry["options"], **facts}.items()
        if value not in (None, [], "", False, name)
    )


def _plain(value: Any) -> str:
    if value is True:
        return "yes"
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)
