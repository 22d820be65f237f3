"""No write of the owner is refused because of us, but for what the critique says of life without the policies."""

from __future__ import annotations

from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.kubectl import CONFLICT
from tests.campaign.trace import Trace

#: Seconds in which the policies are in force, or an opt-out is over.
SOON = 60.0


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every conflict with us."""
    for at, words in ours.refused.values():
        intents = ours.intents_in(at - SOON, at)
        protected = all(one.policies or not one.opted_in for one in intents) and all(one.quiet for one in intents)
        if CONFLICT in words and protected:
            yield Verdict("writes", "conflict with us", f"{at:.1f} s: {words}")
