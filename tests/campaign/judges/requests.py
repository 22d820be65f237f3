"""No hot loop: a bound on the requests of every minute, in all and of one sort at one object, whatever happens."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.trace import Trace

MINUTE = 60.0
#: Requests of a minute: of all sorts, and of one sort at one object.
MOST = 400
MOST_ALIKE = 90


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every minute."""
    windows: dict[tuple[str, ...], deque[float]] = defaultdict(deque)
    for entry in ours.entries:
        if not entry.ours:
            continue
        one = entry.request
        sort = (one.verb, one.plural, one.subresource, one.name)
        for key, most in (((), MOST), (sort, MOST_ALIKE)):
            window = windows[key]
            window.append(entry.at)
            while window[0] < entry.at - MINUTE:
                window.popleft()
            if len(window) > most:
                what = " ".join(sort) if key else "all sorts"
                fault = f"{one.verb} {one.plural}{'/' + one.subresource if one.subresource else ''}" if key else "all"
                yield Verdict("requests", fault, f"{len(window)} requests within a minute at {entry.at:.0f} s: {what}")
                return
