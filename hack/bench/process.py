"""What a process costs, from /proc: the kernel's figures, not the process's own."""

from __future__ import annotations

import os
from pathlib import Path

from msgspec import Struct

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(Struct, frozen=True):
    """CPU in seconds since the start, and the largest and the present resident memory in MB."""

    cpu: float
    rss: float
    rss_now: float


def cost(pid: int) -> Cost:
    """What a running process has cost so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    largest, present = (int(lines[name].split()[0]) / 1024 for name in ("VmHWM", "VmRSS"))
    return Cost((int(fields[11]) + int(fields[12])) / _TICKS, largest, present)
