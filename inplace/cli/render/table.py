"""A table as kubectl prints it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from inplace.core.views.workload import WorkloadView


def rows(head: Sequence[str], cells: Sequence[Sequence[object]]) -> list[str]:
    """Columns as wide as their widest cell, three spaces between them; a line for the head and each row."""
    table = [list(head), *([str(cell) for cell in row] for row in cells)]
    widths = [max(len(row[place]) for row in table) for place in range(len(head))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


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
