"""The small interface that scenarios are written against, and all that they share whatever world they run in.

A world offers a namespace, a client with every right, images, and a controller that can be started and killed. It is
an async context manager opened inside the test, so that virtual time is possible where every party shares one loop.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from inplace.cluster.memory import Caps
from inplace.core.objects import aliases, names
from inplace.core.objects.model import Pod
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.state import conditions, records, statuses
from inplace.core.state.records import PodPhase, Record
from inplace.core.state.statuses import Phase, Status
from inplace.core.template import trees
from inplace.kube import resource as resources
from inplace.kube.client import Client, PatchType
from inplace.kube.reflector import Reflector
from inplace.kube.resource import Resource
from inplace.kube.store import Store
from inplace.runtime.clock import Clock
from tests.scenarios.history import History, Seen
from tests.scenarios.kinds import DAEMONSET, STATEFULSET, WorkloadKind, revision
from tests.scenarios.manifests import Manifest, workload

#: The label of the controller that runs in a cluster (manifests/base).
NAME = "app.kubernetes.io/name"
T = TypeVar("T")
OURS = {
    names.MODE,
    names.FROZEN,
    names.PHASE,
    names.STATUS,
    names.ORIGINAL_STRATEGY,
    names.TEMPLATES,
    names.SETTINGS,
    names.STATE,
    *names.REQUESTS,
}
REVISION_MARK = "deployment.kubernetes.io/revision"
#: Seconds between two looks, and how many of them a world may go without one where nothing has changed.
LOOK_SECONDS = 0.1
MOST_RESTS = 10
WORKLOADS = (resources.STATEFULSETS, resources.DAEMONSETS, resources.DEPLOYMENTS, resources.REPLICASETS)


class Registry(ABC):
    """A registry that comes and goes."""

    #: HOST:PORT
    host: str

    def app(self, tag: str) -> str:
        """An image of the application there."""
        return f"{self.host}/app:{tag}"

    @abstractmethod
    def reachable(self, yes: bool) -> None:
        """Whether it answers from now on."""

    @abstractmethod
    def move(self, tag: str, to: str) -> None:
        """From now on a tag of the application means what another one does."""


class World(ABC):
    """One namespace of one cluster with one controller."""

    #: embedded, hollow or real
    name: str
    client: Client
    namespace: str
    #: The kind of the workloads.
    flavour: WorkloadKind = STATEFULSET
    clock: Clock
    history: History
    #: Of the controllers that are started from now on.
    caps: Caps = Caps()
    #: Whether they watch all namespaces; else this one.
    everywhere: bool = False
    #: Seconds that are long in this world; every wait of a scenario is a multiple of it.
    patience: float = 60.0

    def __init__(self) -> None:
        #: Names of Pods by place, for each workload, and of those that have gone.
        self._slots: dict[str, list[str]] = {}
        self._past: set[str] = set()
        self.history = History()

    @abstractmethod
    def image(self, repository: str, tag: str) -> str:
        """A reference that this world's nodes can pull; tag `missing` cannot be."""

    @abstractmethod
    def digest(self, repository: str, tag: str) -> str:
        """`sha256:…` of an image."""

    @abstractmethod
    async def start_controller(self) -> None:
        """Start the controller of this namespace and wait until it is ready."""

    @abstractmethod
    async def kill_controller(self) -> None:
        """End the controller as `kill -9` does: nothing that it sends arrives any more."""

    @abstractmethod
    async def start_another_controller(self) -> None:
        """Start a second one beside it, as nobody should."""

    @abstractmethod
    def policies(self, *groups: str) -> AbstractAsyncContextManager[None]:
        """Install groups of admission policies for this namespace while the block runs; skips where there are none."""

    def require_mutating_policies(self) -> None:
        """Skip the scenario where the server has none."""
        return

    @abstractmethod
    def registry(self, *, fresh: bool = False) -> AbstractAsyncContextManager[Registry]:
        """A registry with the same images that can be reached when the scenario says so; at first it cannot.

        `fresh`: with images that no node has had by another name (v1 and v2 of the application).
        """

    @abstractmethod
    async def restart_server(self) -> None:
        """Stop the API server for a few seconds, and start it again."""

    def app(self, tag: str) -> str:
        """An image of the application."""
        return self.image("app", tag)

    # --- objects ----------------------------------------------------------------------------------------------------

    async def create(self, manifest: Manifest) -> Workload:
        """Create a workload and wait until its Pods are Ready and it is settled.

        The replicas of a DaemonSet are the nodes that take it.
        """
        return await self._created(manifest, applied=False)

    async def _created(self, manifest: Manifest, *, applied: bool) -> Workload:
        name, size = manifest["metadata"]["name"], int(manifest["spec"]["replicas"])
        if self.flavour is DAEMONSET:
            size = await self._open_nodes(name, size)
            manifest = self._placed(manifest)
        body = {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}}
        if applied:
            made = await self._apply(body)
        else:
            made = await self.client.create(self.flavour.resource, self.namespace, body, type=Workload)
        await self.until(lambda: self._ready(name, size), f"{size} Pods of {name} Ready")
        self._slots[name] = sorted((pod.name for pod in await self.pods(name)), key=self._place)
        if made.metadata.labels:
            await self.wait_phase(name, Phase.UP_TO_DATE)
        return await self.workload(name)

    def _place(self, name: str) -> Any:
        """Where a Pod stands at first: the last is upgraded first, whatever its kind's order is."""
        if self.flavour is STATEFULSET:
            return int(name.rpartition("-")[2])
        return tuple(-ord(one) for one in name)

    def nth(self, number: int, workload: str = "web") -> str:
        """The name of the Pod at a place; one that was replaced gave its place to its replacement."""
        if self.flavour is STATEFULSET:
            return f"{workload}-{number}"
        slots = self._slots[workload]
        for one in self.history.only(workload).seen:
            if one.gone and one.pod.name in slots:
                slots[slots.index(one.pod.name)] = ""
            elif not one.gone and one.pod.name not in slots and one.pod.name not in self._past:
                free = slots.index("") if "" in slots else len(slots)
                slots[free : free + 1] = [one.pod.name]
            if one.gone:
                self._past.add(one.pod.name)
        return slots[number]

    async def _open_nodes(self, name: str, count: int, first: Sequence[str] = ()) -> int:
        """Let a DaemonSet of this name onto that many nodes; returns how many there are, at most that many."""
        key = self._node_key(name)
        found = await self.client.list(resources.NODES, type=dict)
        every = sorted(one["metadata"]["name"] for one in found.items)
        nodes = [*first, *(node for node in every if node not in first)]
        for number, node in enumerate(nodes):
            body = {"metadata": {"labels": {key: "yes" if number < count else None}}}
            await self.client.patch(resources.NODES, node, None, body, patch_type=PatchType.MERGE, type=dict)
        return min(count, len(nodes))

    def _node_key(self, name: str) -> str:
        return f"scenarios.test/{self.namespace}-{name}"

    def _placed(self, manifest: Manifest) -> Manifest:
        own = manifest["spec"]["template"]
        pod = {**own["spec"], "nodeSelector": {self._node_key(manifest["metadata"]["name"]): "yes"}}
        spec = {key: value for key, value in manifest["spec"].items() if key != "replicas"}
        return {**manifest, "spec": {**spec, "template": {**own, "spec": pod}}}

    def manifest(self, name: str, tag: str = "v1", **options: Any) -> Manifest:
        """A workload of the application."""
        return workload(self.flavour, name, self.app(tag), **options)

    async def create_with_injected_sidecar(self, replicas: int) -> None:
        """The usual StatefulSet, whose Pods have a container that its template does not.

        What an injecting webhook makes is made here by hand, on any API server: the Pods exist before the StatefulSet,
        which adopts them; they get their revision label when its name is known.
        """
        own = self.manifest("web")["spec"]["template"]
        extra = {"name": "injected", "image": self.image("sidecar", "v1"), "imagePullPolicy": "IfNotPresent"}
        spec = {**own["spec"], "containers": [*own["spec"]["containers"], extra]}
        for ordinal in range(replicas):
            name = f"web-{ordinal}"
            labels = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
            meta = {"name": name, "labels": {**own["metadata"]["labels"], **labels}}
            named = {**spec, "hostname": name, "subdomain": "web"}
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": named}
            await self.client.create(resources.PODS, self.namespace, body, type=dict)
        # OnDelete, so that Pods without the label are not taken for old ones and replaced.
        await self.create_web(replicas=replicas, mode=None, strategy={"type": "OnDelete"})
        revision = {names.REVISION_LABEL: (await self.workload()).status.update_revision}
        for pod in await self.pods():
            body = {"metadata": {"labels": revision}}
            where = (resources.PODS, pod.name, self.namespace)
            await self.client.patch(*where, body, patch_type=PatchType.MERGE, type=Pod)

        async def seen() -> bool:
            return (await self.workload()).status.updated_replicas == replicas

        await self.until(seen, "its controller to have seen the labels")
        mode = {"labels": {names.MODE: "InPlaceOnly"}}
        await self.patch({"metadata": mode, "spec": {"updateStrategy": {"type": "RollingUpdate"}}})
        await self.wait_phase("web", Phase.UP_TO_DATE)

    async def create_web(self, tag: str = "v1", **options: Any) -> Workload:
        """The usual workload, named web."""
        return await self.create(self.manifest("web", tag, **options))

    async def replace_web(self, tag: str = "v1", **options: Any) -> Workload:
        """Replace it by a manifest that knows nothing of what we write, as `kubectl replace` does."""
        body = self._placed(self.manifest("web", tag, **options)) if self.flavour is DAEMONSET else None
        body = body or self.manifest("web", tag, **options)
        body = {**body, "metadata": {**body["metadata"], "namespace": self.namespace}}
        return await self.client.replace(self.flavour.resource, "web", self.namespace, body, type=Workload)

    async def create_applied(self, tag: str = "v1", **options: Any) -> Workload:
        """The usual workload, as `apply_web` makes it."""
        return await self._created(self._rendered(tag, **options), applied=True)

    async def apply_web(self, tag: str = "v1", **options: Any) -> Workload:
        """Apply its manifest server-side, without force, as Helm 4 does; `rendered`: more of its spec, None: less."""
        body = self._rendered(tag, **options)
        return await self._apply(self._placed(body) if self.flavour is DAEMONSET else body)

    def _rendered(self, tag: str, rendered: Manifest, **options: Any) -> Manifest:
        body = self.manifest("web", tag, **options)
        spec = {**body["spec"], **rendered}
        return {**body, "spec": {key: value for key, value in spec.items() if value is not None}}

    async def _apply(self, body: Manifest) -> Workload:
        where = (self.flavour.resource, body["metadata"]["name"], self.namespace)
        how: dict[str, Any] = {"patch_type": PatchType.APPLY, "field_manager": "helm", "type": Workload}
        return await self.client.patch(*where, body, **how)

    async def workload(self, name: str = "web") -> Workload:
        """The workload, live."""
        return await self.client.get(self.flavour.resource, name, self.namespace, type=Workload)

    async def pods(self, name: str = "web") -> list[Pod]:
        """Its Pods, live, by name."""
        found = await self.client.list(resources.PODS, self.namespace, type=Pod, label_selector=f"app={name}")
        alive = [pod for pod in found.items if pod.metadata.deletion_timestamp is None]
        if self.flavour is STATEFULSET or name not in self._slots:
            return sorted(alive, key=lambda pod: pod.name)
        self.nth(0, name)
        order = {pod: place for place, pod in enumerate(self._slots[name])}
        return sorted(alive, key=lambda pod: order.get(pod.name, len(order)))

    async def pod(self, name: str) -> Pod:
        """One Pod, live."""
        return await self.client.get(resources.PODS, name, self.namespace, type=Pod)

    async def patch(self, body: Manifest, name: str = "web") -> Workload:
        """Change the workload as `kubectl patch` does."""
        return await self.client.patch(
            self.flavour.resource,
            name,
            self.namespace,
            body,
            patch_type=PatchType.STRATEGIC,
            type=Workload,
            field_manager="user",
        )

    async def set_image(self, image: str, container: str = "app", name: str = "web") -> Workload:
        """Change one image in the template, as `kubectl set image` does."""
        return await self.patch(
            {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image}]}}}}, name
        )

    async def annotate(self, name: str = "web", **values: str | None) -> Workload:
        """Set our annotations, with underscores for dashes; None removes."""
        keys = {names.PREFIX + key.replace("_", "-"): value for key, value in values.items()}
        return await self.patch({"metadata": {"annotations": keys}}, name)

    async def scale(self, replicas: int, name: str = "web") -> Workload:
        """Change the replicas through /scale, as an autoscaler and `kubectl scale` do.

        Of a DaemonSet, change the nodes that take it: the last of its Pods lose theirs.
        """
        if self.flavour is DAEMONSET:
            kept = [pod.spec.node_name for pod in (await self.pods(name))[:replicas]]
            await self._open_nodes(name, replicas, first=kept)
            return await self.workload(name)
        where, body = (self.flavour.resource, name, self.namespace), {"spec": {"replicas": replicas}}
        await self.client.patch(*where, body, patch_type=PatchType.MERGE, subresource="scale", type=dict)
        return await self.workload(name)

    async def undo(self, revision: int, name: str = "web") -> None:
        """Put a Deployment back as `kubectl rollout undo --to-revision` does: template and annotations, wholesale.

        From the ReplicaSet of that revision (polymorphichelpers.DeploymentRollbacker).
        """
        found = await self.client.list(resources.REPLICASETS, self.namespace, type=dict)
        old = next(one for one in found.items if one["metadata"]["annotations"][REVISION_MARK] == str(revision))
        raw = await self.raw(name)
        assert not raw["spec"].get("paused"), "kubectl refuses to roll back a paused Deployment"
        skipped = {key for key in old["metadata"]["annotations"] if key.startswith("deployment.kubernetes.io/")}
        own = {key: text for key, text in raw["metadata"]["annotations"].items() if key in skipped}
        copied = {key: text for key, text in old["metadata"]["annotations"].items() if key not in skipped}
        body = [
            {"op": "replace", "path": "/spec/template", "value": trees.bare(old["spec"]["template"])},
            {"op": "replace", "path": "/metadata/annotations", "value": {**own, **copied}},
        ]
        where = (self.flavour.resource, name, self.namespace)
        await self.client.patch(*where, body, patch_type=PatchType.JSON, type=Workload, field_manager="user")

    async def helpers(self) -> list[Pod]:
        """The pull Pods of our controller, live."""
        found = await self.client.list(resources.PODS, self.namespace, type=Pod, label_selector=names.HELPER)
        return list(found.items)

    async def delete_pod(self, name: str) -> None:
        """Delete a Pod, as anybody may."""
        await self.client.delete(resources.PODS, name, self.namespace)

    # --- waiting ----------------------------------------------------------------------------------------------------

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str, seconds: float | None = None) -> None:
        """Poll until something holds; fails with `what` and the state of the world."""
        deadline = self.clock.monotonic() + (seconds or self.patience)
        while True:
            state = self.state()
            if await holds():
                return
            if self.clock.monotonic() > deadline:
                raise AssertionError(f"waited in vain for {what}\n{await self.describe()}")
            await self.rest(state)

    def state(self) -> object:
        """Equal to what it was as long as nothing has changed; None where a world cannot tell without asking."""
        return None

    async def rest(self, state: object) -> None:
        """Wait between two looks, longer where nothing has changed since this state."""
        await self.clock.sleep(LOOK_SECONDS)
        for _ in range(MOST_RESTS - 1):
            if state is None or self.state() != state:
                return
            await self.clock.sleep(LOOK_SECONDS)

    async def status(self, name: str = "web") -> Status | None:
        """Our status, if it speaks of the present generation."""
        return statuses.current(await self.workload(name))

    async def wait_phase(self, name: str, phase: Phase, seconds: float | None = None) -> Status:
        """Wait for a phase at the present generation, and return the status that first had it."""
        seen: list[Status] = []

        async def reached() -> bool:
            now = await self.status(name)
            if now is not None and now.phase is phase:
                seen.append(now)
            return bool(seen)

        await self.until(reached, f"phase {phase} of {name}", seconds)
        return seen[0]

    async def wait_upgraded(self, name: str = "web", seconds: float | None = None) -> None:
        """Wait until everything is upgraded and the workload's own controller agrees that it is."""
        await self.wait_phase(name, Phase.UP_TO_DATE, seconds)

        async def agreed() -> bool:
            found = await self.workload(name)
            wanted = trees.images(trees.decode(found.spec.template))
            alike = [_has(_images(pod), wanted) for pod in await self.pods(name)]
            return self.flavour.agreed(found) and all(alike) and not conditions.stand(found)

        await self.until(agreed, f"the {self.flavour.name} controller to be content with {name}")

    async def raw(self, name: str = "web") -> Manifest:
        """The workload as a whole tree, live."""
        return await self.client.get(self.flavour.resource, name, self.namespace, type=dict)

    async def is_clean(self) -> bool:
        """Whether no object of the namespace carries a label, an annotation or a condition that we write.

        Settings are their owner's; the Deployment controller copies them to ReplicaSets and never removes them there.
        """
        every = [*WORKLOADS, resources.PODS]
        found = [one for kind in every for one in (await self.client.list(kind, self.namespace, type=dict)).items]
        keys = {key for one in found for field in ("labels", "annotations") for key in one["metadata"].get(field) or ()}
        told = {each["type"] for one in found for each in (one.get("status") or {}).get("conditions") or ()}
        return not OURS & keys and not conditions.OURS & told

    async def revision(self, name: str = "web") -> str:
        """The revision of the present template, as Pods show it."""
        found = await self.workload(name)
        kept = await self.client.list(resources.CONTROLLERREVISIONS, self.namespace, type=dict)
        uid = found.metadata.uid
        own = [one for one in kept.items if any(o["uid"] == uid for o in one["metadata"].get("ownerReferences", ()))]
        return revision(found, own)

    def revision_of(self, pod: Pod) -> str:
        """The revision that a Pod shows: its label, or where its kind has none, the record of its last upgrade."""
        if self.flavour.labelled:
            return pod.metadata.label(names.REVISION_LABEL) or ""
        record = records.read(pod)
        return record.target if isinstance(record, Record) and record.phase is PodPhase.DONE else ""

    async def wait_pod(self, name: str, holds: Callable[[Pod], bool], what: str, seconds: float | None = None) -> Pod:
        """Wait for a state of one Pod, and return the Pod that first had it."""
        seen: list[Pod] = []

        async def reached() -> bool:
            itself = f"metadata.name={name}"
            found = await self.client.list(resources.PODS, self.namespace, type=Pod, field_selector=itself)
            seen.extend(pod for pod in found.items if holds(pod))
            return bool(seen)

        await self.until(reached, f"{name}: {what}", seconds)
        return seen[0]

    async def stays(self, holds: Callable[[], Awaitable[bool]], what: str, seconds: float) -> None:
        """Fail if something stops holding within a time."""
        deadline = self.clock.monotonic() + seconds
        while self.clock.monotonic() < deadline:
            state = self.state()
            assert await holds(), f"{what} no longer holds\n{await self.describe()}"
            await self.rest(state)

    async def describe(self) -> str:
        """The namespace in a few lines, for a failed wait."""
        sets = await self.client.list(self.flavour.resource, self.namespace, type=Workload)
        pods = await self.client.list(resources.PODS, self.namespace, type=Pod)
        lines = [f"{w.metadata.name} {w.metadata.labels} {w.metadata.annotations} {w.status}" for w in sets.items]
        for pod in pods.items:
            lines.append(f"{pod.name} ready={pod.ready} {pod.metadata.labels} {pod.metadata.annotation(names.STATE)}")
            lines.append(f"    generation {pod.metadata.generation}, observed {pod.status.observed_generation}")
            lines += [f"    {c}" for c in pod.status.conditions]
            lines += [f"    {s}" for s in pod.status.container_statuses]
        return "\n".join(lines)

    async def _ready(self, name: str, replicas: int) -> bool:
        pods = await self.pods(name)
        return len(pods) == replicas and all(pod.ready for pod in pods)

    # --- history ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def recorded(self) -> AsyncIterator[None]:
        """Watch all Pods of the namespace into the history while the block runs; pull Pods are none of it, nor is a
        controller that runs there.
        """
        self.history, loop = History(), asyncio.get_running_loop()
        turn = 0

        def turned() -> None:
            nonlocal turn
            turn += 1

        def note(old: Pod | None, new: Pod | None, initial: bool) -> None:
            one = new or old
            if one is not None and all(one.metadata.label(key) is None for key in (names.HELPER, NAME)):
                self.history.seen.append(Seen(self.clock.monotonic(), one, gone=new is None, turn=turn))
                loop.call_soon(turned)

        async with self.watching(resources.PODS, Pod, note):
            yield

    @asynccontextmanager
    async def watching(
        self, resource: Resource, type_: type[T], note: Callable[[T | None, T | None, bool], None]
    ) -> AsyncIterator[Store[T]]:
        """Watch all objects of a kind in the namespace while the block runs; `note` hears of every change."""
        store: Store[T] = Store(key=lambda one: meta_of(one)[:2], version=lambda one: meta_of(one)[2])
        reflector = Reflector(self.client, resource, store, type_, namespace=self.namespace, on_change=note)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reflector.run())
            await reflector.wait_synced()
            try:
                yield store
            finally:
                task.cancel()


def meta_of(one: Any) -> tuple[str, str, str]:
    """Namespace, name and version of an object, a whole tree or a part of one."""
    if isinstance(one, dict):
        meta = one["metadata"]
        return meta["namespace"], meta["name"], meta["resourceVersion"]
    return one.metadata.namespace, one.metadata.name, one.metadata.resource_version


def _has(images: dict[str, str], wanted: dict[str, str]) -> bool:
    """Whether a Pod has the images of its template, by any name of theirs."""
    found = ((images.get(name, ""), image) for name, image in wanted.items())
    return all(live == image or aliases.is_alias(live, image, unchanged=True) for live, image in found)


def _images(pod: Pod) -> dict[str, str]:
    return {one.name: one.image for one in (*pod.spec.containers, *pod.spec.init_containers)}


def identity(pod: Pod) -> tuple[str, str, Any]:
    """What an upgrade in place must leave alone: UID, node, IP and volumes are read from the raw object."""
    return (pod.uid, pod.spec.node_name, pod.metadata.creation_timestamp)


async def raw_pods(world: World, name: str = "web") -> dict[str, dict[str, Any]]:
    """The Pods as whole JSON trees, for what the model leaves out."""
    found = await world.client.list(resources.PODS, world.namespace, type=dict, label_selector=f"app={name}")
    return {pod["metadata"]["name"]: pod for pod in found.items}


def with_kind(workload: Workload) -> Workload:
    """Lists do not repeat the kind in their items."""
    return replace(workload, kind="StatefulSet")


__all__ = ["Manifest", "Revision", "World", "identity", "msgspec", "raw_pods", "with_kind"]
