"""Which workload: what the queue holds and a plan is made for."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """A workload by its kind, namespace and name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """As kubectl names it."""
        return f"{self.kind.lower()}/{self.name}"
