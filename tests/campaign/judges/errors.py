"""The controller runs on, and logs no error: an exception in a plan is one, whatever was written by others."""

from __future__ import annotations

from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.trace import Trace


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """What was logged, and how it ended."""
    if ours.broken:
        yield Verdict("errors", "ended", ours.broken)
    for text in ours.alarms:
        last = text.strip().splitlines()[-1]
        yield Verdict("errors", f"{text.partition(':')[0]} {last.partition(':')[0]}", text[-1500:])
