"""Shares of classes as options say them: `0.02`, or `Edema=0.02`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from medcli.errors import UsageError


def class_shares(option: str, texts: Sequence[str], classes: Sequence[str]) -> Iterator[tuple[str, float]]:
    """The class (empty where none is named) and its share, of each text in turn.

    Args:
        option: How the option is written, for messages.
        texts: What it was given.
        classes: Names that exist.

    Raises:
        UsageError: If a class does not exist, or a share is not a number above 0 and below 1.
    """
    for text in texts:
        name, mark, number = text.rpartition("=")
        if mark and name not in classes:
            raise UsageError(
                f"{option} {text!r}: there is no class {name!r}", hint=f"classes are {', '.join(classes)}"
            )
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not 0 < value < 1:
            raise UsageError(
                f"{option} {text!r} is not a share above 0 and below 1", hint="write 0.02 or Edema=0.02"
            )
        yield name, value
