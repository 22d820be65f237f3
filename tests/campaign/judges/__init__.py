"""The judges: each reads the two runs of a story, and says what must not be."""

from __future__ import annotations

from tests.campaign.judges import (
    disruption,
    errors,
    gates,
    oracle,
    pods,
    recreate,
    replaced,
    requests,
    residue,
    waits,
    writes,
)
from tests.campaign.judges.verdict import Judge, Verdict
from tests.campaign.trace import Trace

JUDGES: tuple[Judge, ...] = (
    errors.judge,
    requests.judge,
    disruption.judge,
    gates.judge,
    replaced.judge,
    pods.judge,
    recreate.judge,
    waits.judge,
    writes.judge,
    residue.judge,
    oracle.judge,
)


def verdicts(ours: Trace, native: Trace) -> list[Verdict]:
    """Everything that is wrong, each kind once."""
    found = {one.kind: one for judge in JUDGES for one in reversed(list(judge(ours, native)))}
    return list(found.values())


__all__ = ["Verdict", "verdicts"]
