"""A table as kubectl prints it."""

from __future__ import annotations

from collections.abc import Sequence


def rows(head: Sequence[str], cells: Sequence[Sequence[object]]) -> list[str]:
    """Columns as wide as their widest cell, three spaces between them; a line for the head and each row."""
    table = [list(head), *([str(cell) for cell in row] for row in cells)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
