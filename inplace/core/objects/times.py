"""Times that others write: a status may name any, and what is reckoned from it must stay in the calendar."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

#: An instant, which is compared with others: one without a time zone is none, and its object is not decoded.
Time = Annotated[datetime, msgspec.Meta(tz=True)]
#: A time counts within these.
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(8999, 1, 1, tzinfo=UTC)


def bounded(at: datetime) -> datetime:
    """A time that others have written, no earlier and no later than anything that happens."""
    return min(max(at, EARLIEST), LATEST)


def told(at: datetime) -> str:
    """A time as a reason says it: with its date, for a reason is read for as long as it is true."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def rounded_up(at: datetime) -> datetime:
    """A kubelet's time, which has whole seconds of the node's clock, as late as it may have been."""
    return bounded(at) + timedelta(seconds=1)
