"""Which workload: what the queue holds and a plan is made for."""

from __future__ import annotations

from typing import Final, NamedTuple

#: The kind of the key of a Pod that nobody owns any more.
ORPHAN: Final = "Pod"


class Key(NamedTuple):
    """A workload by its kind, namespace and name; or a Pod that nobody owns any more, of the kind ORPHAN."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As kubectl names it."""
        return f"{self.kind.lower()}/{self.name}"
