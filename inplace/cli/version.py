"""`inplace version`."""

from __future__ import annotations

import platform

import inplace
from inplace.cli.commands import command
from inplace.cli.render.document import document, output_option, show
from inplace.cli.say import say


@command("version")
@output_option()
def version(output: str) -> None:
    """With -o json or yaml, also the version of Python.

    Exit codes: 0 printed.
    """
    found = {"version": inplace.__version__, "python": platform.python_version()}
    if output == "text":
        say(f"inplace {inplace.__version__}")
    else:
        show(document(found, "Version"), output)
