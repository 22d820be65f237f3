"""A small world in memory for property tests: an API server's rules for our patches, a kubelet that is legal and nasty,
a StatefulSet controller, and the controller's real caches, planner and patches on top.

The kubelet keeps the truth about what really runs; the invariants are judged by it and never by our own records.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from inplace.cluster.cache import Cache
from inplace.cluster.gather import gather
from inplace.cluster.key import Key
from inplace.cluster.memory import Memory
from inplace.controller.apply import needs_live_read
from inplace.core.actions import patches
from inplace.core.actions.actions import Action, CreatePullPod, DeletePullPod, PatchImages, PatchWorkload, WriteStatus
from inplace.core.objects import names
from inplace.core.objects.model import Pod
from inplace.core.objects.nodes import Node
from inplace.core.objects.workloads import Revision, Workload
from inplace.core.plan.plan import Planner
from inplace.core.rollout.snapshot import Snapshot
from inplace.core.state import records
from inplace.core.state.records import PodPhase, Record

KEY = Key("StatefulSet", "default", "web")
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = ("v1", "v2", "v3")
#: v1-alias has the bytes of v1.
DIGESTS = {tag: f"sha256:{digit * 64}" for tag, digit in (("v1", "1"), ("v1-alias", "1"), ("v2", "2"), ("v3", "3"))}


class Stale(Exception):
    """A test of a patch did not hold."""


class FakeClock:
    """Time that only the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def computing(self) -> float:
        return 0.0

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


def apply_ops(document: dict[str, Any], ops: Any) -> dict[str, Any]:
    """RFC 6902 as the API server's library reads it: a missing path equals null in a test."""
    made = copy.deepcopy(document)
    for op in ops:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in op["path"].split("/")[1:]]
        parent: Any = made
        for part in path:
            parent = parent[int(part)] if isinstance(parent, list) else parent.get(part)
            if parent is None:
                raise Stale(op)
        if isinstance(parent, list):
            _in_list(parent, last, op)
        elif op["op"] == "test":
            if parent.get(last) != op["value"]:
                raise Stale(op)
        elif op["op"] == "remove":
            if last not in parent:
                raise Stale(op)
            del parent[last]
        else:
            parent[last] = op["value"]
    return made


def _in_list(parent: list[Any], last: str, op: Any) -> None:
    if op["op"] == "add" and last == "-":
        parent.append(op["value"])
        return
    if int(last) >= len(parent):
        raise Stale(op)
    if op["op"] == "test" and parent[int(last)] != op["value"]:
        raise Stale(op)
    if op["op"] in {"add", "replace"}:
        parent[int(last)] = op["value"]


@dataclass
class Container:
    """What really runs."""

    image: str
    id: str
    running: bool = True
    restarts: int = 0
    last_id: str = ""
    waiting: str = ""


@dataclass
class Worker:
    """One Pod's worker in the kubelet: it publishes a status, then acts; while it acts, the status stands still."""

    taken: dict[str, str]
    containers: dict[str, Container]
    observed: int = 1
    stage: str = "idle"


@dataclass
class Settings:
    """What a run starts from."""

    replicas: int = 3
    gate: bool = True
    sidecar: bool = False
    budget: int = 1
    grace: int = 0
    tracks_generation: bool = True
    #: Whether the sidecar is swapped before the app.
    ordered: bool = False
    rollback: bool = False
    pull: str = "Never"


@dataclass
class Simulation:
    """Everything. Each public method is one event that may happen in any order."""

    start: Settings
    rng: random.Random
    clock: FakeClock = field(default_factory=FakeClock)
    version: int = 1
    serial: int = 0
    swaps: set[tuple[str, int, int]] = field(default_factory=set)
    unready_since: dict[str, float] = field(default_factory=dict)
    writes: int = 0
    #: Pull Pods on the server, those that the cache has, and the images that they brought.
    helpers: dict[str, dict[str, Any]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    pulled: set[str] = field(default_factory=set)
    #: Revisions at which every Pod once was, ready, by the truth.
    healthy: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.templates: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self.workers: dict[str, Worker] = {}
        self._told: dict[tuple[str, str], object] = {}
        self.workload = self._make_workload()
        self.sync_controller()
        self.workload["status"]["currentRevision"] = self.workload["status"]["updateRevision"]
        for ordinal in range(self.start.replicas):
            self._make_pod(f"web-{ordinal}")
        self.sync_controller()
        self.start_controller()

    # --- the cluster ------------------------------------------------------------------------------------------------

    def _make_workload(self) -> dict[str, Any]:
        annotations = {
            names.PREFIX + "max-unavailable": str(self.start.budget),
            names.PREFIX + "grace-period-seconds": str(self.start.grace),
            names.PREFIX + "progress-deadline-seconds": "120",
            names.ORIGINAL_STRATEGY: '{"type":"RollingUpdate"}',
            names.PREFIX + "on-failure": "Rollback" if self.start.rollback else "Pause",
            names.PREFIX + "pre-pull": self.start.pull,
        }
        if self.start.ordered and self.start.sidecar:
            annotations[names.PREFIX + "container-order"] = "sidecar > app"
        labels = {names.MODE: "InPlaceOnly", names.FROZEN: "true"}
        strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": names.FROZEN_PARTITION}}
        return {
            "kind": "StatefulSet",
            "metadata": {
                "name": "web", "namespace": "default", "uid": "web-uid", "generation": 1, "resourceVersion": "1",
                "labels": labels, "annotations": annotations,
            },
            "spec": {"replicas": self.start.replicas, "updateStrategy": strategy, "template": self._template("v1")},
            "status": {"observedGeneration": 0},
        }  # fmt: skip

    def _template(self, tag: str, label: str = "a") -> dict[str, Any]:
        containers = [{"name": "app", "image": f"app:{tag}"}]
        if self.start.sidecar:
            containers.append({"name": "sidecar", "image": "sidecar:v1"})
        spec: dict[str, Any] = {"containers": containers, "terminationGracePeriodSeconds": 5}
        if self.start.gate:
            spec["readinessGates"] = [{"conditionType": names.GATE}]
        return {"metadata": {"labels": {"app": "web", "tier": label}}, "spec": spec}

    def set_template(self, tag: str, label: str = "a", sidecar: str | None = None) -> None:
        """A user changes the template."""
        template = self._template(tag, label)
        if sidecar is not None and self.start.sidecar:
            template["spec"]["containers"][1]["image"] = f"sidecar:{sidecar}"
        if template != self.workload["spec"]["template"]:
            self.workload["spec"]["template"] = template
            self.workload["metadata"]["generation"] += 1
            self._touch(self.workload)

    def set_annotation(self, name: str, value: str | None) -> None:
        """A user changes a setting."""
        annotations = self.workload["metadata"]["annotations"]
        annotations.pop(names.PREFIX + name, None)
        if value is not None:
            annotations[names.PREFIX + name] = value
        self._touch(self.workload)

    def sync_controller(self) -> None:
        """The StatefulSet controller looks."""
        template = self.workload["spec"]["template"]
        name = next((name for name, known in self.templates.items() if known == template), None)
        if name is None:
            name = f"web-r{len(self.templates)}"
            self.templates[name] = copy.deepcopy(template)
        status = self.workload["status"]
        labels = [pod["metadata"]["labels"][names.REVISION_LABEL] for pod in self.pods.values()]
        ready = sum(self.is_ready(one) for one in self.pods)
        status |= {
            "observedGeneration": self.workload["metadata"]["generation"],
            "updateRevision": name,
            "updatedReplicas": labels.count(name),
            "readyReplicas": ready,
        }
        if labels.count(name) == ready == self.start.replicas:
            status["currentRevision"] = name
        self._touch(self.workload)
        for ordinal in range(self.start.replicas):
            if f"web-{ordinal}" not in self.pods and "currentRevision" in status:
                self._make_pod(f"web-{ordinal}")

    def _make_pod(self, name: str) -> None:
        revision = self.workload["status"]["currentRevision"]
        template = self.templates[revision]
        self.serial += 1
        labels = {**template["metadata"]["labels"], names.REVISION_LABEL: revision}
        owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "web-uid", "controller": True}
        self.pods[name] = {
            "metadata": {
                "name": name, "namespace": "default", "uid": f"uid-{self.serial}", "resourceVersion": "1",
                "generation": 1 if self.start.tracks_generation else 0, "labels": labels, "ownerReferences": [owner],
            },
            "spec": {**copy.deepcopy(template["spec"]), "nodeName": "node"},
            "status": {"phase": "Running", "conditions": []},
        }  # fmt: skip
        images = {c["name"]: c["image"] for c in template["spec"]["containers"]}
        self.workers[name] = Worker(images, {c: Container(image, self._id()) for c, image in images.items()})
        if self.start.gate:
            self.pods[name]["status"]["conditions"].append({"type": names.GATE, "status": "True"})
        self._publish(name)

    def delete_pod(self, name: str) -> None:
        """Somebody deletes a Pod; its controller makes another at its next look."""
        self.pods.pop(name, None)
        self.workers.pop(name, None)
        self.unready_since.pop(name, None)

    def pass_time(self, seconds: float) -> None:
        """Nothing happens for a while."""
        self.clock.seconds += seconds

    # --- the kubelet ------------------------------------------------------------------------------------------------

    def kubelet(self, name: str) -> None:
        """One step of one worker."""
        self._pull()
        worker = self.workers.get(name)
        if worker is None:
            return
        wanted = {c["name"]: c["image"] for c in self.pods[name]["spec"]["containers"]}
        if worker.stage == "idle":
            worker.observed = self.pods[name]["metadata"]["generation"]
            self._publish(name)
            if wanted != worker.taken or any(not one.running for one in worker.containers.values()):
                worker.taken, worker.stage = wanted, "kill"
        elif worker.stage == "kill":
            for key, one in worker.containers.items():
                one.running = one.running and one.image == worker.taken[key]
            worker.stage = "start"
        else:
            for key, one in worker.containers.items():
                self._start(one, worker.taken[key])
            worker.stage = "idle"
            self._publish(name)

    def _pull(self) -> None:
        """Every pull Pod has its image by now, or an error."""
        for one in self.helpers.values():
            image = one["spec"]["containers"][0]["image"]
            repository, _, tag = image.partition(":")
            state: dict[str, Any] = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
            if tag in DIGESTS:
                self.pulled.add(image)
                state = {"terminated": {"reason": "StartError", "exitCode": 128}}
            digest = f"{repository}@{DIGESTS[tag]}" if tag in DIGESTS else ""
            status = {"name": "pull", "image": image, "imageID": digest, "state": state}
            wanted = {"phase": "Failed" if digest else "Pending", "containerStatuses": [status]}
            if one.get("status") != wanted:
                one["status"] = wanted
                self._touch(one)

    def _start(self, one: Container, image: str) -> None:
        if one.running:
            return
        if image.endswith(":missing"):
            one.waiting = "ErrImagePull" if one.waiting == "ImagePullBackOff" else "ImagePullBackOff"
            return
        one.last_id, one.id, one.image, one.running, one.waiting = one.id, self._id(), image, True, ""
        one.restarts += 1

    def crash(self, name: str) -> None:
        """A container ends by itself; an idle worker has it running again before it looks at the Pod's spec anew."""
        worker = self.workers.get(name)
        if worker is None or worker.stage != "idle":
            return
        one = worker.containers["app"]
        if one.running:
            one.running = False
            self._start(one, worker.taken["app"])
            self._publish(name)

    def _publish(self, name: str) -> None:
        """What the kubelet writes; conditions of others are left alone."""
        pod, worker = self.pods[name], self.workers[name]
        status = pod["status"]
        status["containerStatuses"] = [self._status(key, one) for key, one in worker.containers.items()]
        if self.start.tracks_generation:
            status["observedGeneration"] = worker.observed
        containers_ready = all(one.running for one in worker.containers.values())
        gate = next((c["status"] for c in status["conditions"] if c["type"] == names.GATE), None)
        ready = containers_ready and (not self.start.gate or gate == "True")
        self._condition(status, "ContainersReady", containers_ready)
        self._condition(status, "Ready", ready)
        if ready:
            self.unready_since.pop(name, None)
        else:
            self.unready_since.setdefault(name, self.clock.seconds)
        self._touch(pod)

    def _status(self, key: str, one: Container) -> dict[str, Any]:
        state: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
        if not one.running:
            state = {"waiting": {"reason": one.waiting or "CrashLoopBackOff"}}
        last = {"terminated": {"containerID": one.last_id, "exitCode": 1}} if one.last_id else {}
        repository, _, tag = one.image.partition(":")
        return {
            "name": key, "image": one.image, "imageID": f"{repository}@{DIGESTS.get(tag, tag)}", "containerID": one.id,
            "restartCount": one.restarts, "ready": one.running, "state": state, "lastState": last,
        }  # fmt: skip

    def _condition(self, status: dict[str, Any], type_: str, holds: bool) -> None:
        value = {"type": type_, "status": "True" if holds else "False"}
        for index, found in enumerate(status["conditions"]):
            if found["type"] == type_:
                if found["status"] != value["status"]:
                    status["conditions"][index] = {**value, "lastTransitionTime": self.stamp()}
                return
        status["conditions"].append({**value, "lastTransitionTime": self.stamp()})

    # --- the controller ---------------------------------------------------------------------------------------------

    def start_controller(self) -> None:
        """A controller that knows nothing but what a list gives it."""
        self.cache = Cache()
        self.memory = Memory(self.clock, self.cache)
        self.planner = Planner()
        self._told = {}
        self._tell_node()
        self.deliver_workload()
        for name in self.pods:
            self.deliver(name)

    def _tell_node(self) -> None:
        """The node; where images are pulled ahead it does not have v2 and v3 from the beginning."""
        if not self._is_news("node", "", len(self.pulled)):
            return
        version = "v1.36.3" if self.start.tracks_generation else "v1.33.0"
        images = [
            {"names": [f"{repo}@{digest}", *(f"{repo}:{tag}" for tag, one in DIGESTS.items() if one == digest)]}
            for repo in ("app", "sidecar")
            for digest in set(DIGESTS.values())
        ]
        ready, info = {"type": "Ready", "status": "True"}, {"kubeletVersion": version}
        status = {"conditions": [ready], "nodeInfo": info, "images": images}
        here = [one for one in images if self.start.pull == "Never" or self._is_here(one["names"])]
        self.cache.nodes.put(_decode({"metadata": {"name": "node"}, "status": {**status, "images": here}}, Node))

    def _is_news(self, kind: str, name: str, state: object) -> bool:
        """Whether the controller that lives now has not been told this state yet: watches do not repeat themselves."""
        known = self._told.get((kind, name))
        self._told[kind, name] = state
        return known != state

    def _is_here(self, tags: list[str]) -> bool:
        return bool(self.pulled.intersection(tags)) or any(one.endswith(":v1") for one in tags)

    def kill(self) -> None:
        """The controller dies and comes back with nothing but what a list gives it."""
        self.start_controller()

    def deliver(self, name: str) -> None:
        """The watch brings the state of a Pod, or that it is gone."""
        self._deliver_helpers()
        pod = self.pods.get(name)
        if pod is None:
            self._forget_pod(name)
        else:
            self._tell_pod(name, pod)

    def _tell_pod(self, name: str, pod: dict[str, Any]) -> None:
        if self._is_news("pod", name, (pod["metadata"]["uid"], pod["metadata"]["resourceVersion"])):
            new = _decode(pod, Pod)
            self.memory.saw_pod(self.cache.pods.put(new), new)

    def _forget_pod(self, name: str) -> None:
        self._told.pop(("pod", name), None)
        self.memory.saw_pod(self.cache.pods.remove(("default", name)), None)

    def _deliver_helpers(self) -> None:
        self._tell_node()
        for known in [key for key in self.delivered if key not in self.helpers]:
            self.delivered.discard(known)
            self._forget_pod(known)
        for key, one in self.helpers.items():
            self.delivered.add(key)
            self._tell_pod(key, one)

    def deliver_workload(self) -> None:
        """The watch brings the workload and its revisions."""
        for number, (name, template) in enumerate(self.templates.items()):
            if self._is_news("revision", name, number):
                self._tell_revision(name, number, template)
        if self._is_news("workload", "web", self.workload["metadata"]["resourceVersion"]):
            self.cache.workloads["StatefulSet"].put(_decode(self.workload, Workload))

    def _tell_revision(self, name: str, number: int, template: dict[str, Any]) -> None:
        owner = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web", "uid": "web-uid", "controller": True}]
        meta = {"name": name, "namespace": "default", "uid": name, "resourceVersion": "1", "ownerReferences": owner}
        data = {"metadata": meta, "revision": number, "data": {"spec": {"template": template}}}
        self.cache.revisions.put(_decode(data, Revision))

    def plan(self) -> tuple[Snapshot, tuple[Action, ...]]:
        """What the controller would do now, on what it has been told."""
        snapshot = gather(self.cache, self.memory, KEY, self.clock.now())
        if not isinstance(snapshot, Snapshot):
            return None, ()  # type: ignore[return-value]
        return snapshot, self.planner.plan(snapshot, self.clock.now()).actions

    def carry_out(self, snapshot: Snapshot, action: Action, *, answered: bool = True) -> None:
        """Send a write as the Applier does; `answered` False: it was done, and the answer was lost."""
        if isinstance(action, CreatePullPod | DeletePullPod):
            self._help(action)
            return
        if needs_live_read(action):
            live = self.pods.get(action.pod.name)
            if live is None or live["metadata"]["uid"] != action.pod.uid:
                return
            again = self.planner.recheck(snapshot, _decode(live, Pod), self.clock.now())
            if not isinstance(again, PatchImages):
                return
            action = again
        try:
            self._write(snapshot, action)
        except Stale:
            return
        meta = action.workload.metadata if isinstance(action, PatchWorkload | WriteStatus) else action.pod.metadata
        target = self.workload if isinstance(action, PatchWorkload | WriteStatus) else self.pods[meta.name]
        if answered:
            self.memory.wrote(meta.uid, target["metadata"]["resourceVersion"])

    def _help(self, action: CreatePullPod | DeletePullPod) -> None:
        """Make or delete a pull Pod."""
        if isinstance(action, DeletePullPod):
            self.helpers.pop(action.pod.name, None)
            return
        assert self.start.pull != "Never"
        meta = {"namespace": "default", "uid": f"uid-{action.name}", "creationTimestamp": self.stamp()}
        self.helpers[action.name] = {**action.body, "metadata": {**action.body["metadata"], **meta}}
        self._touch(self.helpers[action.name])
        self.memory.requested_pull(action)

    def _write(self, snapshot: Snapshot, action: Action) -> None:
        request = patches.build(action, self.clock.now())
        if request.kind:
            self.workload = apply_ops(self.workload, request.ops)
            self._touch(self.workload)
            return
        before = self.pods.get(request.name)
        if before is None:
            raise Stale
        after = apply_ops(before, request.ops)
        if request.subresource != "status":
            after["status"] = before["status"]
        if after["spec"] != before["spec"] and self.start.tracks_generation:
            after["metadata"]["generation"] += 1
        self._judge(snapshot, action, before, after)
        self.pods[request.name] = after
        self._touch(after)
        self.writes += 1

    # --- the invariants ---------------------------------------------------------------------------------------------

    def _judge(self, snapshot: Snapshot, action: Action, before: dict[str, Any], after: dict[str, Any]) -> None:
        name = before["metadata"]["name"]
        was, record = record_of(before), record_of(after)
        begins = record is not None and record.in_flight and not (was is not None and was.in_flight)
        patched = after["spec"] != before["spec"]
        assert before["metadata"]["uid"] == action.pod.uid, "I6"
        if begins and (patched or not self._gate_open(after)):
            self._judge_budget(snapshot, name)
            assert not self._paused(snapshot), "I7: a disruption begins while paused"
        if patched:
            assert record is not None
            asked = snapshot.workload.status.update_revision
            assert record.target == asked or record.target in self.healthy, "I8: back to what was never healthy"
            self._judge_swap(name, record, before, after)
        if after["metadata"]["labels"].get(names.REVISION_LABEL) != before["metadata"]["labels"].get(
            names.REVISION_LABEL
        ):
            self._judge_label(name, after["metadata"]["labels"][names.REVISION_LABEL], after)
        if not self._gate_open(after):
            assert record is not None, "I4: a closed gate without an owner"
            assert record.in_flight, "I4: a closed gate that nobody opens"

    def _judge_budget(self, snapshot: Snapshot, name: str) -> None:
        """I1, with Pods and readiness as the controller could know them, and records as they really are."""
        seen = {pod.name: pod.ready for pod in snapshot.pods}
        missing = {one for one in self._names() if not seen.get(one, False)}
        flying = {one for one, pod in self.pods.items() if (r := record_of(pod)) is not None and r.in_flight}
        before = missing | flying
        budget = int(snapshot.workload.metadata.annotation(names.PREFIX + "max-unavailable") or 1)
        assert len(before | {name}) <= max(budget, len(before)), f"I1: {before} and now {name}, budget {budget}"

    def _judge_swap(self, name: str, record: Record, before: dict[str, Any], after: dict[str, Any]) -> None:
        for key, baseline in record.containers.items():
            status = next(s for s in before["status"]["containerStatuses"] if s["name"] == key)
            changed = _images(before)[key] != _images(after)[key]
            lost = self.start.pull == "Required" and _images(after)[key].endswith(":missing")
            assert not (changed and lost), "a container is killed for an image that is not there"
            assert not changed or baseline.id == status["containerID"], "I2: the baseline is not what was there"
        once = (before["metadata"]["uid"], record.attempt, hash((record.target, record.batch)))
        assert once not in self.swaps, "I3: a second image patch in one attempt and batch"
        self.swaps.add(once)
        if self.start.gate:
            assert not self.is_ready(name), "I2: patched while Ready"
            waited = self.clock.seconds - self.unready_since[name]
            assert waited >= self.start.grace - 1e-6, f"I2: the grace was {waited} s"

    def _judge_label(self, name: str, revision: str, after: dict[str, Any]) -> None:
        """I5 by the truth: whatever the revision asks for is what runs, or what would run if it were not crashing."""
        for container in self.templates[revision]["spec"]["containers"]:
            real = self.workers[name].containers[container["name"]]
            assert real.image == container["image"], f"I5: {name} is labelled {revision}, but {real.image} runs"
        assert {c["name"]: c["image"] for c in self.templates[revision]["spec"]["containers"]} == _images(after), "I5"

    def _paused(self, snapshot: Snapshot) -> bool:
        return snapshot.workload.metadata.annotation(names.PREFIX + "paused") == "true"

    def _gate_open(self, pod: dict[str, Any]) -> bool:
        return all(c["status"] == "True" for c in pod["status"]["conditions"] if c["type"] == names.GATE)

    # --- helpers ----------------------------------------------------------------------------------------------------

    def is_ready(self, name: str) -> bool:
        """The condition Ready on the server."""
        conditions = self.pods[name]["status"]["conditions"]
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    def note_health(self) -> None:
        """Remember the revision that all Pods are at, where they are and serve."""
        labels = {pod["metadata"]["labels"][names.REVISION_LABEL] for pod in self.pods.values()}
        if len(labels) == 1 and all(self._serves(name, next(iter(labels))) for name in self._names()):
            self.healthy |= labels

    def _serves(self, name: str, revision: str) -> bool:
        """Whether a Pod is at a revision, by the truth, and Ready."""
        wanted = {c["name"]: c["image"] for c in self.templates[revision]["spec"]["containers"]}
        return (
            name in self.pods
            and self.pods[name]["metadata"]["labels"][names.REVISION_LABEL] == revision
            and {key: one.image for key, one in self.workers[name].containers.items()} == wanted
            and self.is_ready(name)
        )

    def upgraded(self) -> bool:
        """Whether everything is as the template says, by the truth."""
        revision = self.workload["status"]["updateRevision"]
        return all(
            self._serves(name, revision)
            and ((record := record_of(self.pods[name])) is None or record.phase is PodPhase.DONE)
            for name in self._names()
        )

    def stamp(self) -> str:
        """Now, as the kubelet writes it: whole seconds."""
        return self.clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")

    def _names(self) -> list[str]:
        return [f"web-{ordinal}" for ordinal in range(self.start.replicas)]

    def _touch(self, one: dict[str, Any]) -> None:
        self.version += 1
        one["metadata"]["resourceVersion"] = str(self.version)

    def _id(self) -> str:
        self.serial += 1
        return f"containerd://{self.serial}"


def record_of(pod: dict[str, Any]) -> Record | None:
    """The record on a Pod."""
    text = pod["metadata"].get("annotations", {}).get(names.STATE)
    found = records.decode(text) if text else None
    return found if isinstance(found, Record) else None


def _images(pod: dict[str, Any]) -> dict[str, str]:
    return {c["name"]: c["image"] for c in pod["spec"]["containers"]}


def _decode(tree: dict[str, Any], type_: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(tree), type=type_)


__all__ = ["GOOD", "PodPhase", "Settings", "Simulation", "record_of"]
