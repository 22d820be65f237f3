"""One module per workload kind: its freeze, its revisions, what finished means there. No other module names a kind."""

from __future__ import annotations

from typing import Final

from inplace.core.kinds.base import Kind, Template
from inplace.core.kinds.statefulset import StatefulSet

ALL: Final[tuple[Kind, ...]] = (StatefulSet(),)
BY_NAME: Final[dict[str, Kind]] = {kind.name: kind for kind in ALL}

__all__ = ["ALL", "BY_NAME", "Kind", "Template", "find"]


def find(word: str) -> Kind | None:
    """The kind that a person means by `word`: its name, plural or a short name, in any case."""
    wanted = word.lower()
    return next((k for k in ALL if wanted in (k.name.lower(), k.plural, *k.short_names)), None)
