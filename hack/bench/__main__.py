"""`make bench`: what the controller costs, each figure beside what it is to be compared with.

    throughput   hollow nodes of a real API server: Pods per second beside the floor, CPU and memory of the controller
    sync         10,000 Pods on the embedded server: first sync, memory, idling
    memory       the largest memory of the controller: large objects and long histories that are not opted in, many Pods
    events       one watch event, beside plain JSON
    block        how long hostile and large inputs keep the event loop, beside the 250 ms that none may
    start        how long a person waits for --help and status, and the CPU of a plan of 10,000 Pods
    screen       a picture of the live view of 1,000 Pods, beside the 20 ms of CPU that it may cost
    overhead     our own part of an upgrade on the real kubelet (needs root)
    hour         memory over an hour of upgrades on hollow nodes, in real time; only if asked for, or with --long

Results are printed as tables, the ratio first, and written as JSON with --json FILE.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hack.bench import block, events, hour, memory, overhead, screen, start, sync, throughput

LONG_IDLE = 600.0


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m hack.bench", description=__doc__)
    parser.add_argument("what", nargs="*", help=f"{', '.join(BENCHES)}; default all")
    parser.add_argument("--long", action="store_true", help="idle for ten minutes instead of one")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.what) - BENCHES.keys())
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}: choose of {', '.join(BENCHES)}")
    found: dict[str, Any] = {}
    for name in arguments.what or [name for name in BENCHES if name != "hour" or arguments.long]:
        found[name] = msgspec.to_builtins(BENCHES[name](arguments.long))
        print(f"\n{name}")
        _table(found[name])
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    return 0


def _throughput(_: bool) -> Any:
    shapes = (throughput.Shape(1, 500), throughput.Shape(20, 25))
    return [asyncio.run(throughput.measure(shape)) for shape in shapes]


def _sync(long: bool) -> Any:
    return [asyncio.run(sync.measure(idle=LONG_IDLE if long else 60.0))]


BENCHES: dict[str, Callable[[bool], Any]] = {
    "throughput": _throughput,
    "sync": _sync,
    "memory": lambda _: memory.measure_all(),
    "events": lambda _: [events.measure()],
    "block": lambda _: block.measure(),
    "start": lambda _: asyncio.run(start.measure()),
    "screen": lambda _: screen.measure(),
    "overhead": lambda _: asyncio.run(overhead.measure_all()),
    "hour": lambda _: asyncio.run(hour.measure()),
}


def _table(rows: list[dict[str, Any]]) -> None:
    """Columns as wide as their widest cell."""
    heads = list(rows[0])
    cells = [heads, *([str(row[head]) for head in heads] for row in rows)]
    widths = [max(len(line[n]) for line in cells) for n in range(len(heads))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
