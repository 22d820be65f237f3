"""A Pod's status as the kubelet writes it
(generateAPIPodStatus, status/generate.go, docs/design/kubernetes.md §2.4 to §2.7).

Pure. Only conditions that a kubelet owns are in it, so that a strategic merge leaves those of others alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from kubesim.kubelet import resizing
from kubesim.kubelet.container import Container, Ended, Tree
from kubesim.objects import stamp

RESIZE: Final = ("PodResizePending", "PodResizeInProgress")
OWNED: Final = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


# --- containers -----------------------------------------------------------------------------------------------------


def of_container(container: Container, now: float, *, resizes: bool = False) -> Tree:
    """A ContainerStatus; `resizes`: of a kubelet that can resize."""
    status: Tree = {
        "name": container.name,
        "image": container.shown or container.reference,
        "imageID": container.image_id,
        "restartCount": container.restarts,
        "ready": (container.done and container.last is not None and not container.last.exit_code)
        or container.is_ready(now),
        "started": container.has_started(now),
        "state": _state(container),
        "lastState": {"terminated": _ended(container.last)}
        if container.last is not None and not _shows_end(container)
        else {},
    }
    if container.id:
        status["containerID"] = container.id
    return status | (resizing.of_status(container) if resizes else {})


def _state(container: Container) -> Tree:
    if container.running and container.started is not None:
        return {"running": {"startedAt": stamp(container.started)}}
    if _shows_end(container) and container.last is not None:
        return {"terminated": _ended(container.last)}
    reason, message = container.waiting
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def _shows_end(container: Container) -> bool:
    """Whether its state is how it ended: nothing is known yet of why it does not run again."""
    return container.last is not None and not container.running and (container.done or not container.waiting[0])


def _ended(ended: Ended) -> Tree:
    return {
        "containerID": ended.container_id,
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": stamp(ended.started),
        "finishedAt": stamp(ended.finished),
    }


# --- the Pod --------------------------------------------------------------------------------------------------------


def is_sidecar(spec: Tree) -> bool:
    """Whether an init container is a native sidecar."""
    return spec.get("restartPolicy") == "Always"


def conditions(pod: Tree, status: Tree, *, networked: bool) -> dict[str, Tree]:
    """The conditions that a kubelet owns, without times, from the container statuses beside them."""
    inits = pod["spec"].get("initContainers") or ()
    sidecars = {init["name"] for init in inits if is_sidecar(init)}
    found, before = status["containerStatuses"], status.get("initContainerStatuses") or []
    watched = [*found, *(one for one in before if one["name"] in sidecars)]
    unready = [one["name"] for one in watched if not one["ready"]]
    incomplete = [one["name"] for one in before if not _is_initialised(one, sidecars)]
    inside = _holds(not unready, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    complete = f"containers with incomplete status: [{' '.join(incomplete)}]"
    return {
        "PodReadyToStartContainers": {"status": "True" if networked else "False"},
        "Initialized": _holds(not incomplete, "ContainersNotInitialized", complete),
        "Ready": _ready(pod, inside),
        "ContainersReady": inside,
        "PodScheduled": {"status": "True"},
    }


def _is_initialised(obj: Tree, sidecars: set[str]) -> bool:
    return bool(obj["started"]) if obj["name"] in sidecars else "terminated" in obj["state"]


def _ready(pod: Tree, inside: Tree) -> Tree:
    """GeneratePodReadyCondition: the containers and every readiness gate; of two of a type the first counts."""
    if inside["status"] != "True":
        return inside
    conditions = (pod.get("status") or {}).get("conditions") or ()
    found = {condition["type"]: condition["status"] for condition in reversed(conditions)}
    wanted = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    missing = [
        f'corresponding condition of pod readiness gate "{one}" does not exist.' for one in wanted if one not in found
    ]
    false = [
        f'the status of pod readiness gate "{one}" is not "True", but {found[one]}'
        for one in wanted
        if found.get(one, "True") != "True"
    ]
    return _holds(not missing and not false, "ReadinessGatesNotReady", ", ".join([*missing, *false]))


def _holds(holds: bool, reason: str, message: str) -> Tree:
    return {"status": "True"} if holds else {"status": "False", "reason": reason, "message": message}


def stamped(wanted: Mapping[str, Tree], before: Sequence[Tree], now: datetime, generation: int | None) -> list[Tree]:
    """Conditions with their times: a transition is a change of `status`, nothing else."""
    known = {one["type"]: one for one in before}
    made = []
    for type_ in OWNED:
        old, new = known.get(type_), wanted[type_]
        kept = old is not None and old["status"] == new["status"] and old.get("lastTransitionTime")
        at = old["lastTransitionTime"] if kept and old is not None else stamp(now)
        # A strategic merge keeps what is not named, so what has gone is named null.
        one: Tree = {
            "type": type_,
            "reason": None,
            "message": None,
            **new,
            "lastTransitionTime": at,
            "lastProbeTime": None,
        }
        if generation is not None:
            one["observedGeneration"] = generation
        made.append(one)
    return [*made, *(_resize(type_, known.get(type_), wanted.get(type_), now) for type_ in _told(known, wanted))]


def _told(known: Mapping[str, Tree], wanted: Mapping[str, Tree]) -> list[str]:
    """Conditions of a resize that hold, or have ended: a strategic merge removes an entry that is named so."""
    return [type_ for type_ in RESIZE if type_ in wanted or (type_ in known and "$patch" not in known[type_])]


def _resize(type_: str, old: Tree | None, new: Tree | None, now: datetime) -> Tree:
    if new is None:
        return {"type": type_, "$patch": "delete"}
    at = old["lastTransitionTime"] if old is not None and "lastTransitionTime" in old else stamp(now)
    return {"type": type_, "reason": None, "message": None, **new, "lastTransitionTime": at, "lastProbeTime": None}


def phase(pod: Tree, status: Tree) -> str:
    """getPhase, for Pods that restart always or never."""
    sidecars = {container["name"] for container in pod["spec"].get("initContainers") or () if is_sidecar(container)}
    if any(not _is_initialised(one, sidecars) for one in status.get("initContainerStatuses") or ()):
        return "Pending"
    if pod["spec"].get("restartPolicy") == "Never":
        codes = [one["state"].get("terminated", {}).get("exitCode") for one in status["containerStatuses"]]
        if None not in codes:
            return "Failed" if any(codes) else "Succeeded"
    return "Running" if all("containerID" in one for one in status["containerStatuses"]) else "Pending"


def ended_phase(containers: Mapping[str, Container]) -> str:
    """The phase of a Pod whose containers have all been stopped for good."""
    codes = [container.last.exit_code for container in containers.values() if container.last is not None]
    return "Failed" if any(codes) else "Succeeded"
