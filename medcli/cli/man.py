"""The words of `medcli man`."""

from __future__ import annotations

from typing import Annotated

import typer

from medcli.cli.streams import result_is_terminal, write_result

EXAMPLES = [("the manual page of a command", "medcli man split"), ("the program's", "medcli man")]


def man(
    command: Annotated[str, typer.Argument(metavar="[COMMAND]", help="Name of a command")] = "",
) -> None:
    """Show a manual page.

    On a terminal with man(1) it is formatted and paged; elsewhere its source (mdoc) is printed.
    """
    from medcli.cli.manpage import page_in_viewer, render_page

    text = render_page(command)
    if not (result_is_terminal() and page_in_viewer(text)):
        write_result(text.encode())
