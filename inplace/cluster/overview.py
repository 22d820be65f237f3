"""Every workload of a namespace, or of all, that is opted in: kept by watches, with the rights of a user.

Kinds that the user may not list are left out, and that is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

from inplace.cluster.cache import is_ours
from inplace.cluster.key import Key
from inplace.cluster.live import Live
from inplace.cluster.watching import UNSEEN, Hears, Watched, Watching
from inplace.core import kinds
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.views.events import FullEvent, uids
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.reflector import OnChange
from inplace.kube.store import Store

_ABOUT: Final = "about"


def _hides(kind: kinds.Kind) -> str:
    """What is not shown where these objects are not."""
    above = "".join(f", nor {one.name}s, whose Pods belong to them" for one in kinds.ALL if one.child_kind == kind.name)
    return f"{kind.name}s are not shown{above}"


class Overview(Watching):
    """The workloads of a namespace; None for all."""

    unseen: ClassVar = {
        **UNSEEN,
        "events": "what happened is not shown",
        **{kind.plural: _hides(kind) for kind in kinds.ALL},
    }

    def __init__(self, client: Client, namespace: str | None) -> None:
        super().__init__(client, namespace)
        self._events: Store[FullEvent] = Store(
            key=lambda event: (event.metadata.namespace, event.metadata.name),
            version=lambda event: event.metadata.resource_version,
            indexers={_ABOUT: lambda event: (event.involved_object.uid,)},
        )

    def workloads(self) -> Iterator[Key]:
        """The workloads, by namespace and name. Those without whose ReplicaSets no Pod is known are left out."""
        found = [
            Key(kind.name, workload.metadata.namespace, workload.metadata.name)
            for kind in kinds.ALL
            if not self._is_hidden(kind)
            for workload in self.cache.workloads[kind.name].each()
            if is_ours(workload.metadata) and kinds.owner_of(workload.metadata, kind.name) is None
        ]
        yield from sorted(found, key=lambda key: (key.namespace, key.name, key.kind))

    def snapshot(self, key: Key) -> Snapshot:
        """One look; raises NoSuchWorkload if there is no such workload any more."""
        return Live(self.client, key, self.cache).snapshot()

    def events(self, snapshot: Snapshot) -> Iterator[FullEvent]:
        """What happened to a workload and what belongs to it, as long as the server keeps it."""
        for uid in uids(snapshot):
            yield from self._events.by(_ABOUT, uid)

    @property
    def shows_nothing(self) -> bool:
        """Whether the user may list no kind of workload."""
        return all(self._is_hidden(kind) for kind in kinds.ALL)

    def _is_hidden(self, kind: kinds.Kind) -> bool:
        between = kinds.BY_NAME[kind.child_kind].plural if kind.child_kind else kind.plural
        return not self.cache.unseen.keys().isdisjoint({kind.plural, between})

    def _workloads(self, note: OnChange[Any]) -> Iterable[Watched]:
        for kind in kinds.ALL:
            yield resources.find(kind.group, kind.plural), self.cache.workloads[kind.name], Workload, note
        yield resources.CONTROLLERREVISIONS, self.cache.revisions, Revision, note

    def _watched(self, hears: Hears) -> Iterable[Watched]:
        yield from super()._watched(hears)
        yield resources.EVENTS, self._events, FullEvent, hears.note
