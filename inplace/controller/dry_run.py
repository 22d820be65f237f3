"""`inplace run --dry-run`: print each distinct write and why it would be made, and make none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from inplace.cluster.key import Key
from inplace.core.actions import patches
from inplace.core.actions.actions import Action
from inplace.core.actions.describe import describe_action, describe_request
from inplace.core.actions.patches import Creation, Patch, Removal, Request
from inplace.core.rollout.snapshot import Snapshot
from inplace.runtime.clock import Clock


class DryRun:
    """Stands in for the Applier. A repeated write is printed once."""

    def __init__(self, echo: Callable[[str], None], clock: Clock) -> None:
        self._echo = echo
        self._clock = clock
        self._printed: set[str] = set()

    def submit(self, key: Key, _snapshot: Snapshot, action: Action) -> None:
        """Print what this action would write."""
        request = patches.build(action, self._clock.now())
        headline = f"{key.kind.lower()}/{key.name} -n {key.namespace}: would {describe_action(action).sentence}"
        if headline not in self._printed:
            self._printed.add(headline)
            self._echo(headline)
            self._echo(f"  {_path(request)} {describe_request(request)}")


def _path(request: Request) -> str:
    subresource = f"/{request.subresource}" if isinstance(request, Patch) and request.subresource else ""
    return f"{_VERBS[type(request)]} {(request.kind or 'pod').lower()}/{request.name}{subresource}"


_VERBS: Final = {Patch: "PATCH", Creation: "POST", Removal: "DELETE"}
