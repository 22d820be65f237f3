"""Maps watch events to the keys of the workloads that they concern; nothing is decided here."""

from __future__ import annotations

from collections.abc import Callable

from inplace.cluster.cache import Cache
from inplace.cluster.kept import shed
from inplace.cluster.key import ORPHAN, Key
from inplace.cluster.memory import Memory
from inplace.core.objects import names
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.plan import orphans
from inplace.kube import resource as resources
from inplace.runtime.queue import WorkQueue


class EventHandlers:
    """The reflectors' callbacks. Synchronous and cheap: they run inside the watch."""

    def __init__(self, cache: Cache, memory: Memory, queue: WorkQueue[Key], forget: Callable[[str], None]) -> None:
        """`forget` is called with the uid of every deleted workload."""
        self._cache = cache
        self._memory = memory
        self._queue = queue
        self._forget = forget

    def workload(self, kind: str) -> Callable[[Workload | None, Workload | None, bool], None]:
        """The callback for workloads of one kind; the items of a list do not name their kind."""

        def changed(old: Workload | None, new: Workload | None, initial: bool) -> None:
            workload = new or old
            if workload is not None:
                own = Key(kind, workload.metadata.namespace, workload.metadata.name)
                self._queue.add(self._cache.key_of(workload.metadata, kind) or own, low=initial)
            if new is not None and new.partial and old is not None and not old.partial:
                shed(self._cache, kind, new)
            if new is None and old is not None:
                self._forget(old.metadata.uid)

        return changed

    def pod(self, old: Pod | None, new: Pod | None, initial: bool) -> None:
        """A Pod was added, updated or deleted. New Pods that wait for their gate overtake the initial list."""
        self._memory.saw_pod(old, new)
        waits = new is not None and new.has_gate(names.GATE) and new.condition(names.GATE) is None
        for pod in (new, old):
            if pod is not None:
                self._enqueue_owner(pod.metadata, low=initial and not waits)
        if new is not None and orphans.concerns(new):
            self._queue.add(Key(ORPHAN, new.metadata.namespace, new.name), low=initial)

    def revision(self, old: Revision | None, new: Revision | None, initial: bool) -> None:
        """A ControllerRevision was added, updated or deleted."""
        revision = new or old
        if revision is not None:
            self._enqueue_owner(revision.metadata, resources.CONTROLLERREVISIONS.kind, low=initial)

    def slice(self, old: EndpointSlice | None, new: EndpointSlice | None, initial: bool) -> None:
        """An EndpointSlice was added, updated or deleted: a drained Pod may be out of service now."""
        for meta in self._memory.saw_slice(old, new):
            self._enqueue_owner(meta, low=initial)

    def budget(self, old: Pdb | None, new: Pdb | None, initial: bool) -> None:
        """A PodDisruptionBudget was added, updated or deleted: requeue the workloads that reserve from it.

        One that selects other Pods than before may select pull Pods, which must not be in its way.
        """
        budget = new or old
        if new is not None and (old is None or old.spec != new.spec):
            for pod in self._cache.every_pull_pod():
                if pod.metadata.namespace == new.metadata.namespace:
                    self._enqueue_owner(pod.metadata, low=initial)
        if new is None and old is not None:
            self._memory.forget(old.metadata.uid)
        for key in self._memory.reserving:
            if budget is not None and key.namespace == budget.metadata.namespace:
                self._queue.add(key, low=initial)

    def node(self, old: Node | None, new: Node | None, initial: bool) -> None:
        """A node's readiness, taints or version changed: its Pods may have become eligible. Heartbeats are ignored."""
        node = new or old
        if node is None or (old is not None and new is not None and _same(old, new)):
            return
        for pod in self._cache.pods.by("node", node.metadata.name):
            self._enqueue_owner(pod.metadata, low=initial)

    def _enqueue_owner(self, meta: Meta, kind: str = "Pod", *, low: bool) -> None:
        key = self._cache.key_of(meta, kind)
        if key is not None:
            self._queue.add(key, low=low)


def _same(old: Node, new: Node) -> bool:
    alike = old.status.node_info == new.status.node_info and old.spec == new.spec
    return alike and (old.ready, old.lacks_only_network) == (new.ready, new.lacks_only_network)
