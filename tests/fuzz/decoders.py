"""What reads input: each with real inputs to begin with, and the errors that its callers expect."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hack.bench import hostile
from inplace.cli import manifest
from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller import about
from inplace.controller.handlers import EventHandlers
from inplace.core import kinds
from inplace.core.actions import patches
from inplace.core.objects import selectors
from inplace.core.objects.endpoints import EndpointSlice
from inplace.core.objects.model import Meta, Pod, PodEvent
from inplace.core.objects.nodes import Node
from inplace.core.objects.reading import UNREADABLE
from inplace.core.objects.workloads import Pdb, Revision, Workload
from inplace.core.plan import orphans, plan, sidecars
from inplace.core.pod.evidence import kubelet_version
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.settings.annotations import Native, Settings, parse
from inplace.core.state import records, statuses
from inplace.core.template import diff, trees
from inplace.core.views import pod as explanation
from inplace.core.views import workload as view
from inplace.core.views.figures import figures
from inplace.kube import answers, client, documents, lease, pages, resource, watch
from inplace.kube.connection import connect
from inplace.kube.errors import ConfigError, KubeError, Malformed, Status, from_status
from inplace.runtime.clock import SystemClock
from inplace.runtime.observe import NullObserver
from inplace.runtime.queue import WorkQueue
from tests.factories import NOW, swapping, workload

Tree = dict[str, Any]


class Decoder(Struct, frozen=True):
    """`read` gets bytes; what it raises beside `expected` is a defect."""

    read: Callable[[bytes], object]
    seeds: tuple[Any, ...]
    expected: tuple[type[Exception], ...] = ()
    #: The type that inputs are made by, beside those that are near a seed.
    type: Any = None
    #: How many inputs of a thousand it gets; the dearer an input, the fewer.
    share: int = 50


def _objects(found: hostile.Objects) -> dict[str, list[Tree]]:
    return {plural: [json.loads(one) for one in items] for plural, items in found.items()}


UPGRADE: Final = _objects(hostile.upgrade(*hostile.PLAIN, 2))
DEPLOYMENT: Final = _objects(hostile.deployment(hostile.child(n, hostile.PLAIN[n % 2]) for n in range(2)))
PODS: Final = {"kind": "List", "items": UPGRADE["pods"]}
RECORD: Final = records.encode(swapping())
STATUS: Final = statuses.encode(plan.plan(Snapshot(kinds.BY_NAME["StatefulSet"], workload(), (), {}), NOW).status)  # type: ignore[arg-type]
SETTINGS: Final = {
    "inplace.dev/max-unavailable": "25%", "inplace.dev/steps": "1:5m, 10%, 50%", "inplace.dev/restart-on": "a/*,b-*",
    "inplace.dev/container-order": "proxy > app", "inplace.dev/gates": "before-drain=a.b/C",
    "inplace.dev/order-by": "a.b/c",
}  # fmt: skip
PDB: Final = {"metadata": {"name": "pdb", "namespace": "tenant", "uid": "p", "resourceVersion": "1"},
              "spec": {"selector": {"matchLabels": {"app": "web"}}},
              "status": {"disruptionsAllowed": 1, "disruptedPods": {"web-0": "2026-01-01T00:00:00Z"}}}  # fmt: skip
SLICE: Final = {"metadata": {"name": "s", "namespace": "tenant", "resourceVersion": "1"},
                "endpoints": [{"conditions": {"ready": True, "serving": True},
                               "targetRef": {"kind": "Pod", "uid": "web-0"}}]}  # fmt: skip
#: A template with a request to restart chosen containers.
ASKED: Final = {
    **hostile.PLAIN[0],
    "metadata": {"annotations": {"inplace.dev/restart": "2026-01-31T12:00:00Z app > proxy"}},
}
SELECTOR: Final = ["app=web", "env in (a,b)", "!mesh", "a==b", "tier notin (x, y)", "x/y!=z"]
LEASE: Final = {"metadata": {"resourceVersion": "1", "uid": "u"},
                "spec": {"holderIdentity": "a", "leaseDurationSeconds": 15, "leaseTransitions": 1,
                         "acquireTime": "2026-01-01T00:00:00.000000Z",
                         "renewTime": "2026-01-01T00:00:00.000000Z"}}  # fmt: skip
KUBECONFIG: Final = {
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{"name": "k", "cluster": {"server": "https://127.0.0.1:6443", "insecure-skip-tls-verify": True}}],
    "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "n"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
}  # fmt: skip


# --- objects of the server --------------------------------------------------------------------------------------------


def _pod(raw: bytes) -> object:
    pod = answers.decode(raw, Pod)
    return pod.grace, pod.ready, pod.over, records.read(pod), orphans.concerns(pod) and orphans.plan(pod, NOW)


def _workload(raw: bytes) -> object:
    found = answers.decode(raw, Workload)
    return [_of_kind(kind, found) for kind in kinds.ALL], statuses.current(found), statuses.foreign(found.metadata)


def _of_kind(kind: kinds.Kind, found: Workload) -> object:
    return parse(found.metadata, kind.native(found)), kind.held(found), kind.desired(found)


def _revision(raw: bytes) -> object:
    found = answers.decode(raw, Revision)
    return kinds.Template.read("r", found.data, trees.of_revision), trees.fingerprint(found.data)


def _node(raw: bytes) -> object:
    node = answers.decode(raw, Node)
    return node.ready, node.lacks_only_network, node.is_leaving, node.status.image_names(), kubelet_version(node)


def _watch(raw: bytes) -> object:
    decoder = msgspec.json.Decoder(Pod)
    return watch.decode_line(raw, decoder, resource.PODS, NullObserver())


def _error(raw: bytes) -> object:
    return str(from_status(422, client._status(raw)))


def _answer(raw: bytes) -> object:
    pod = answers.read(raw, resource.PODS, "web-0", Pod)
    answers.deleted(raw, resource.PODS, "web-0")
    return pod


def _about(raw: bytes) -> object:
    found = about.decode(_text(raw))
    return found and NOW - found.heard_at.astimezone(UTC)


def _lease(raw: bytes) -> object:
    return answers.decode(raw, lease._Lease)


# --- what tenants write -----------------------------------------------------------------------------------------------


def _text(raw: bytes) -> str:
    """An annotation: what the API server has decoded from JSON."""
    return raw.decode(errors="replace")


def _record(raw: bytes) -> object:
    found = records.decode(_text(raw))
    return records.encode(found) if isinstance(found, records.Record) else found.why


def _status(raw: bytes) -> object:
    meta = Meta(annotations={"inplace.dev/status": _text(raw)})
    found = statuses.read(meta)
    return statuses.foreign(meta), statuses.encode(found) if found is not None else None


def _settings(raw: bytes) -> object:
    try:
        found = msgspec.json.decode(raw, type=dict[str, str])
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        found = {"inplace.dev/steps": _text(raw)}
    return parse(Meta(annotations=found, labels=found), Native())


def _selector(raw: bytes) -> object:
    """As a person types it, requirement by requirement."""
    try:
        text = ",".join(msgspec.json.decode(raw, type=list[str]))
    except (msgspec.MsgspecError, RecursionError, UnicodeError, ValueError):
        text = _text(raw)
    return selectors.parse(text)


def _template(raw: bytes) -> object:
    if trees.excess(raw):
        return trees.fingerprint(raw)
    one, other = trees.decode(raw), hostile.PLAIN[0]
    return diff.diff(one, other), diff.diff(other, one), trees.fingerprint(raw)


def _plan(raw: bytes) -> object:
    """The objects of a namespace, in the caches and planned for, as the controller does and the commands do."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, list[msgspec.Raw]])
    except UNREADABLE:
        return None
    clock, cache = SystemClock(), Cache()
    memory = Memory(clock, cache)
    handlers = EventHandlers(cache, memory, WorkQueue[Key](clock), lambda _: None)
    stores: dict[str, tuple[Any, Any, Any]] = {
        "pods": (cache.pods, Pod, handlers.pod),
        "nodes": (cache.nodes, Node, handlers.node),
        "controllerrevisions": (cache.revisions, Revision, handlers.revision),
        "poddisruptionbudgets": (cache.budgets, Pdb, handlers.budget),
        "endpointslices": (cache.slices, EndpointSlice, handlers.slice),
        **{k.plural: (cache.workloads[k.name], Workload, handlers.workload(k.name)) for k in kinds.ALL},
    }
    for plural, (store, type_, changed) in stores.items():
        for one in found.get(plural, []):
            try:
                item = msgspec.json.decode(one, type=type_)
            except UNREADABLE:
                continue  # counted, and skipped
            changed(store.put(item, len(bytes(one))), item, True)
    keys = [
        Key(name, one.metadata.namespace, one.metadata.name)
        for name, s in cache.workloads.items()
        for one in s.values()
    ]
    return [_planned(cache, each, key, NOW) for key in keys for each in (memory, None)]


def _planned(cache: Cache, memory: Memory | None, key: Key, now: datetime) -> object:
    absent = frozenset(revision for revision in ("web-old", "web-new", ""))
    snapshot = gather(cache, memory, key, now, absent=absent)
    if not isinstance(snapshot, Snapshot):
        return None
    planned = plan.plan(snapshot, now)
    seen = view.build(snapshot, planned)
    for one in (ORDER, replace(ORDER, rollback=True)):
        decided = sidecars.decide(sidecars.look(snapshot, snapshot.pods, one, now), None, 10)
        assert all(patches.build(action, now) for action in decided.actions)
    told = [
        explanation.explain(str(key), snapshot.workload.metadata.uid, pod, one, [PodEvent()])
        for pod in snapshot.pods
        for one in seen.pods
        if one.name == pod.name
    ]
    return figures(snapshot, planned), told, [msgspec.json.encode(patches.build(one, now)) for one in planned.actions]


# --- files ------------------------------------------------------------------------------------------------------------


def _manifest(raw: bytes) -> object:
    text = raw.decode("utf-8", errors="replace")
    return [manifest._manifests(document) for document in documents.read("file", text)]


def _kubeconfig(raw: bytes) -> object:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(raw)
        return asyncio.run(connect(user_agent="fuzz", kubeconfig=file.name, in_cluster=False, clock=SystemClock()))


def _whole(*objects: dict[str, list[Tree]]) -> Iterable[Tree]:
    """Namespaces with records, statuses and settings on what is there."""
    for found in objects:
        one = json.loads(json.dumps(found))
        one["pods"][0]["metadata"]["annotations"] = {"inplace.dev/state": RECORD}
        for plural in ("statefulsets", "deployments"):
            for each in one.get(plural, []):
                each["metadata"].setdefault("annotations", {}).update({"inplace.dev/status": STATUS, **SETTINGS})
        yield {**one, "poddisruptionbudgets": [PDB], "endpointslices": [SLICE]}
        yield {**json.loads(json.dumps(found)), "poddisruptionbudgets": [PDB]}


SERVER: Final = (KubeError,)
#: Of containers that the records and Pods here have.
ORDER: Final = sidecars.Order("app", "app:v3", Settings())
DECODERS: Final[dict[str, Decoder]] = {
    "pod": Decoder(_pod, tuple(UPGRADE["pods"]), SERVER, Pod, 100),
    "workload": Decoder(_workload, (*UPGRADE["statefulsets"], *DEPLOYMENT["deployments"]), SERVER, Workload, 100),
    "revision": Decoder(_revision, tuple(UPGRADE["controllerrevisions"]), SERVER, Revision),
    "node": Decoder(_node, tuple(UPGRADE["nodes"]), SERVER, Node),
    "slice": Decoder(lambda raw: answers.decode(raw, EndpointSlice).targets(), (SLICE,), SERVER, EndpointSlice),
    "budget": Decoder(lambda raw: answers.decode(raw, Pdb).status.entries, (PDB,), SERVER, Pdb),
    "lease": Decoder(_lease, (LEASE,), SERVER, lease._Lease),
    "about": Decoder(_about, (json.loads(about.encode(NOW, "in force for this account")),), (), about.About),
    "answer": Decoder(_answer, ({"kind": "Pod", "metadata": {"name": "web-0"}},), SERVER),
    "page": Decoder(
        lambda raw: asyncio.run(pages.read(raw, "Pod")),
        ({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": UPGRADE["pods"]},),
        SERVER,
        pages.Page,
        20,
    ),
    "watch line": Decoder(_watch, tuple({"type": "ADDED", "object": one} for one in UPGRADE["pods"]), SERVER),
    "error": Decoder(_error, ({"code": 422, "details": {"causes": [{"message": "no"}]}},), (), Status),
    "record": Decoder(_record, (json.loads(RECORD),), (), records.Record, 100),
    "status": Decoder(_status, (json.loads(STATUS),), (), statuses.Status, 100),
    "settings": Decoder(_settings, (SETTINGS,), (), None, 100),
    "selector": Decoder(_selector, (SELECTOR,), ()),
    "template": Decoder(_template, (*hostile.PLAIN, ASKED), (), None, 80),
    "plan": Decoder(_plan, tuple(_whole(UPGRADE, DEPLOYMENT)), (), None, 60),
    "manifest": Decoder(_manifest, (*UPGRADE["statefulsets"], PODS), (Malformed,), None, 20),
    "kubeconfig": Decoder(_kubeconfig, (KUBECONFIG,), (ConfigError,), None, 1),
}  # fmt: skip
