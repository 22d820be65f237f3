"""What a judge says: its name, the fault in a word that is the same for every story with it, and what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct

from tests.campaign.trace import Trace


class Verdict(Struct, frozen=True):
    """One fault in one story. `seen` is for people; the rest is the fault's kind."""

    judge: str
    fault: str
    seen: str

    @property
    def kind(self) -> str:
        """`judge/fault`."""
        return f"{self.judge}/{self.fault}"


#: The run with us, and the same without.
Judge = Callable[[Trace, Trace], Iterator[Verdict]]
