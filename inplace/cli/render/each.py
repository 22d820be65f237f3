"""What was found of each of several workloads, in the format that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from inplace.cli.connect import Ref
from inplace.cli.render.document import document, is_document, listed, show
from inplace.cli.say import say, say_blocks

T = TypeVar("T")


def show_each(
    found: Sequence[tuple[Ref, T]],
    output: str,
    kind: str,
    *,
    alone: bool,
    content: Callable[[T], object],
    lines: Callable[[Ref, T], Sequence[str]],
) -> None:
    """Print names, documents of this kind with their content, or lines, with an empty one between two workloads."""
    if is_document(output):
        show(listed([document(content(one), kind, ref.identity) for ref, one in found], kind, alone=alone), output)
    elif output == "name":
        for ref, _ in found:
            say(ref.qualified)
    else:
        say_blocks(lines(ref, one) for ref, one in found)
