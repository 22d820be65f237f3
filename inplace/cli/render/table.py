"""A table as kubectl prints it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from inplace.cli.say import say
from inplace.core.views.workload import WorkloadView
from inplace.runtime.printable import one_line


def rows(head: Sequence[str], cells: Sequence[Sequence[object]]) -> list[str]:
    """Columns as wide as their widest cell, three spaces between them; a line for the head and each row."""
    table = [list(head), *([one_line(str(cell)) for cell in row] for row in cells)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


class Printer:
    """A table that goes on: its columns stay where the first rows have put them, as far as later ones fit."""

    def __init__(self, head: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
        self._head = head
        self._widths = [max(len(row[place]) for row in (head, *cells)) for place in range(len(head))]

    def head(self) -> None:
        """Print the names of the columns."""
        self.row(self._head)

    def row(self, cells: Sequence[str]) -> None:
        """Print a row, which may have fewer cells."""
        say("   ".join(cell.ljust(width) for cell, width in zip(cells, self._widths, strict=False)).rstrip())


def pods(seen: WorkloadView) -> list[str]:
    """The Pods of a workload, a line each."""
    head = ("POD", "NODE", "STAGE", "READY", "REVISION", "UNTIL", "IMAGES", "REASON")
    cells = [
        (
            pod.name,
            pod.node or "<none>",
            pod.stage,
            "yes" if pod.ready else "no",
            pod.revision,
            _time(pod.until or pod.deadline),
            ",".join(one.image + (f" -> {one.wanted_image}" if one.wanted_image else "") for one in pod.containers),
            f"{pod.reason.code}: {' '.join(str(pod.reason).split())}" if pod.reason is not None else "<none>",
        )
        for pod in seen.pods
    ]
    return rows(head, cells)


def _time(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%H:%M:%SZ") if at is not None else "<none>"
