"""The Pods of a selection and everything around them, kept by watches with the rights of a user.

Pods are grouped by the workload at the end of their owners: each group is looked at as a whole (`Snapshot`), with the
Pods of the workload that are not selected, because they count in its budget.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from inplace.cluster.gather import inferred, remembered
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.cluster.watching import Watched, Watching
from inplace.core import kinds
from inplace.core.objects import selectors
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import LabelSelector, Workload
from inplace.core.rollout.snapshot import Snapshot
from inplace.kube import resource as resources
from inplace.kube.client import Client
from inplace.kube.reflector import OnChange


class Group(Struct, frozen=True):
    """The selected Pods of one workload."""

    key: Key
    snapshot: Snapshot
    pods: tuple[Pod, ...]


class Fleet(Watching):
    """A selection; `namespace`: None for all."""

    def __init__(self, client: Client, namespace: str | None, selector: LabelSelector) -> None:
        super().__init__(client, namespace)
        self._selector = selector

    def _workloads(self, note: OnChange[Any]) -> Iterable[Watched]:
        for kind in kinds.ALL:
            yield resources.find(kind.group, kind.plural), self.cache.workloads[kind.name], Workload, note

    def selected(self) -> list[Pod]:
        """The Pods that are selected, without those that have ended."""
        found = self.cache.pods.each()
        return [pod for pod in found if not pod.over and selectors.matches(self._selector, pod.metadata.labels)]

    def groups(self, container: str, memory: Memory | None) -> tuple[list[Group], list[Pod]]:
        """The selected Pods that have a container of this name, by workload; and those of no workload that we know.

        `memory`: what the process has seen of them; None for who only looks: then it is inferred.
        """
        by_key, strangers = dict[Key, list[Pod]](), list[Pod]()
        for pod in self.selected():
            if pod.container(container) is None:
                continue
            key = self.cache.key_of(pod.metadata)
            if key is None or self.cache.workload(key) is None:
                strangers.append(pod)
            else:
                by_key.setdefault(key, []).append(pod)
        return [self._group(key, by_key[key], memory) for key in sorted(by_key)], strangers

    def _group(self, key: Key, pods: list[Pod], memory: Memory | None) -> Group:
        kind, workload = kinds.BY_NAME[key.kind], self.cache.workload(key)
        assert workload is not None
        owned = self.cache.owned(workload, kind)
        every = self.cache.pods_of(workload, owned)
        nodes = {name: self.cache.node(name) for name in {pod.spec.node_name for pod in every}}
        seen = Snapshot(
            kind=kind,
            workload=workload,
            pods=every,
            revisions={},
            owned=owned,
            nodes={name: node for name, node in nodes.items() if node is not None},
            budgets=self.cache.budgets.by("namespace", key.namespace),
            unseen=frozenset(self.cache.unseen),
        )
        known = inferred(seen, self.cache, self.clock.now()) if memory is None else remembered(seen, memory)
        return Group(key, known, tuple(pods))
