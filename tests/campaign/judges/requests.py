"""No hot loop: a bound on the requests of every minute, in all and of one sort at one object, whatever happens; and
what the server refuses for what it is rests."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator

from tests.campaign.judges.verdict import Verdict
from tests.campaign.trace import Trace

MINUTE = 60.0
#: Requests of a minute: of all sorts, and of one sort at one object.
MOST = 400
MOST_ALIKE = 90
#: Writes of one sort at one object, refused for what they are (a webhook denies with 400), in two minutes. A 422 may be
#: a precondition that failed, which says nothing of the write.
REFUSED = (400, 413)
MOST_REFUSED = 6
#: Where two writes of ours are of one sort: what we say of a StatefulSet, and its currentRevision under OnDelete.
TWOFOLD = "statefulsets", "status"


def judge(ours: Trace, _: Trace) -> Iterator[Verdict]:
    """Every minute."""
    windows: dict[tuple[str, ...], deque[float]] = defaultdict(deque)
    for entry in ours.entries:
        if not entry.ours:
            continue
        one = entry.request
        sort = (one.verb, one.plural, one.subresource, one.name)
        bounds = [((), MINUTE, MOST), (sort, MINUTE, MOST_ALIKE)]
        if entry.code in REFUSED and one.name and not one.dry_run:
            writes = 2 if (one.plural, one.subresource) == TWOFOLD else 1
            bounds.append((("refused", *sort), 2 * MINUTE, writes * MOST_REFUSED))
        for key, seconds, most in bounds:
            window = windows[key]
            window.append(entry.at)
            while window[0] < entry.at - seconds:
                window.popleft()
            if len(window) > most:
                kind = f"{one.verb} {one.plural}{'/' + one.subresource if one.subresource else ''}"
                fault = {0: "all", len(sort): kind}.get(len(key), f"refused {kind}")
                what = " ".join(key) or "all sorts"
                yield Verdict("requests", fault, f"{len(window)} in {seconds:.0f} s at {entry.at:.0f} s: {what}")
                return
