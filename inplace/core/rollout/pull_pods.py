"""Pull Pods, which pull an image onto a node: builds them and reads their image and state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import images, names, selectors, workloads
from inplace.core.objects.known_keys import LEAVE_ALONE_ANNOTATIONS, LEAVE_ALONE_LABELS
from inplace.core.objects.model import Meta, Owner, Pod, SecurityContext, Tree, Waiting
from inplace.core.objects.waiting import FINAL_PULL, PULL
from inplace.core.objects.workloads import Pdb, Workload
from inplace.core.pod import failures
from inplace.core.rollout.snapshot import Snapshot

#: Its one container; admission may have added others.
CONTAINER: Final = "pull"
#: The prefix of the names of pull Pods.
PREFIX: Final = "inplace-pull-"


def served(meta: Meta) -> Owner | None:
    """The Pod that a pull Pod was created for; None for other Pods.

    The label alone makes none: anybody can write it, into a Pod template for instance. A pull Pod has a name of ours,
    and a Pod is its only owner.
    """
    owners = meta.owner_references
    ours = meta.name.startswith(PREFIX) and meta.label(names.HELPER) is not None
    return owners[0] if ours and len(owners) == 1 and owners[0].kind == "Pod" else None


def is_abandoned(pod: Pod) -> bool:
    """Whether it is a pull Pod of ours whose owner has been taken away."""
    meta = pod.metadata
    ours = meta.name.startswith(PREFIX) and meta.label(names.HELPER) == names.PRE_PULL
    return ours and pod.container(CONTAINER) is not None and bool(image_of(pod)) and not meta.owner_references


def image_of(helper: Pod) -> str:
    """The image that it was created for, even if admission rewrote it."""
    return helper.metadata.annotation(names.PULLED) or ""


def image_id(helper: Pod) -> str:
    """The imageID reported by its node's runtime; empty before the image is pulled."""
    status = helper.container_status(CONTAINER)
    return status.image_id if status is not None else ""


def is_pulling(helper: Pod, now: datetime) -> bool:
    """Whether it takes a slot: it is still pulling, there is no verdict on it, and it has not done so for too long."""
    made = helper.metadata.created_at
    recent = made is None or now < made + SLOT
    ended = helper.over or helper.metadata.deletion_timestamp is not None
    return recent and not ended and not is_pulled(helper) and not has_failed(helper, now)


def is_pulled(helper: Pod) -> bool:
    """Whether the image is there, known by an imageID or, on CRI-O, by the failure to create a container from it."""
    waiting = _waiting(helper)
    return bool(image_id(helper)) or (waiting is not None and waiting.reason in failures.CREATE)


def has_failed(helper: Pod, now: datetime) -> bool:
    """Whether the pull error that its kubelet reports is a verdict: final, or seen after its second try."""
    waiting, made = _waiting(helper), helper.metadata.created_at
    if waiting is None or waiting.reason not in PULL:
        return False
    return waiting.reason in FINAL_PULL or (made is not None and now >= made + SECOND_TRY)


class PullResult(StrEnum):
    """What became of a pull Pod: `rejected` before it could pull, `unneeded` before it had ended."""

    PULLED = "pulled"
    FAILED = "failed"
    REJECTED = "rejected"
    UNNEEDED = "unneeded"


def result(helper: Pod, now: datetime) -> PullResult:
    """What has become of it by now."""
    if is_pulled(helper):
        return PullResult.PULLED
    if has_failed(helper, now):
        return PullResult.FAILED
    return PullResult.REJECTED if helper.over else PullResult.UNNEEDED


def held_up_by(helper: Pod) -> str:
    """What admission added that keeps the image from being pulled: a gate or a container; empty if nothing did."""
    scheduled = helper.condition("PodScheduled")
    if not helper.spec.node_name and scheduled is not None and scheduled.status != "True":
        return f"the pull Pod is not scheduled: {scheduled.reason}: {scheduled.message}"
    sidecars = {one.name for one in helper.spec.init_containers if one.restart_policy == "Always"}
    for status in helper.status.init_container_statuses:
        ended, running = status.state.terminated, status.state.running
        if (ended is not None and ended.exit_code == 0) or (status.name in sidecars and status.ready):
            continue
        waiting = status.state.waiting
        told = f"exited with {ended.exit_code}" if ended is not None else "running" if running is not None else ""
        told = told or (waiting.reason if waiting is not None else "") or "not started"
        return f"init container {status.name}, which admission added, has not completed ({told})"
    return ""


def _waiting(helper: Pod) -> Waiting | None:
    status = helper.container_status(CONTAINER)
    return status.state.waiting if status is not None else None


def digests(workload: Workload, helpers: Iterable[Pod]) -> dict[tuple[str, str], str]:
    """By node and image: the digest that a container of it will have, as reported by that node's runtime.

    Only of Pods that are named and made as ours are: what another Pod has pulled is not what it says in its metadata.
    """
    found: dict[tuple[str, str], str] = {}
    for one in helpers:
        place, pull = ImageOnNode(one.spec.node_name, image_of(one)), one.container(CONTAINER)
        made = pull is not None and pull.image == place.image and one.name == name_of(workload, place)
        digest = images.digest_of(image_id(one)) if made else ""
        if digest:
            found[place.node, place.image] = digest
    return found


def name_of(workload: Workload, place: ImageOnNode) -> str:
    """The name of the pull Pod: deterministic, so that two leaders create only one. A `retry` gives it another."""
    retry = workloads.request(workload, names.RETRY)
    text = "|".join((workload.metadata.uid, place.node, place.image, *([retry] if retry else [])))
    return f"{PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:20]}"


_LABELS: Final = {names.HELPER: names.PRE_PULL, **LEAVE_ALONE_LABELS}

#: After this many seconds the kubelet ends a pull Pod; if it is still needed, another one is created.
LIFETIME_SECONDS: Final = 3600


#: A first pull error may pass; by now the kubelet has tried twice (its image back-off begins with 10 s).
SECOND_TRY: Final = timedelta(seconds=20)


#: How long a pull that does not end takes a slot: a node or a registry that hangs stops nobody else for longer.
SLOT: Final = timedelta(minutes=10)


#: No share of the node: it runs nothing.
_NOTHING: Final[Tree] = {"requests": {"cpu": "0", "memory": "0"}, "limits": {"cpu": "0", "memory": "0"}}


#: What a LimitRange measures of a container.
_MEASURED: Final = ("cpu", "memory", "ephemeral-storage")


#: A command that no image can have: the runtime mounts proc over what an image has there, and nothing can be made in
#: it. So nothing of the image is ever executed.
_COMMAND: Final = "/proc/inplace.dev/this-image-is-only-pulled"


class ImageOnNode(Struct, frozen=True):
    """An image on a node, and the pull policy with which it is to get there."""

    node: str
    image: str
    policy: str = "IfNotPresent"


def manifest(
    snapshot: Snapshot, served: Pod, place: ImageOnNode, name: str, target: Template, refused: str = ""
) -> Tree:
    """The pull Pod: the node, network, user and credentials of the Pod that it serves; no rights, nothing to run.

    It is admitted under PodSecurity `restricted` where the Pod that it serves is, and no selector finds it. That Pod is
    its controller: it may be evicted, as `kubectl drain` evicts nothing without one, and goes with it. What the API
    server `refused` without, it has this time.
    """
    spec = target.tree.get("spec") or {}
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": place.image,
        "imagePullPolicy": place.policy,
        "command": [_COMMAND],
        "resources": _resources(spec, place.image) if refused else _NOTHING,
    }
    own: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "activeDeadlineSeconds": LIFETIME_SECONDS,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
        **_place(place.node, gated="schedulingGates" in refused),
    }
    if (spec.get("os") or {}).get("name") != "windows":
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        own["securityContext"] = {"seccompProfile": {"type": "RuntimeDefault"}, **_user(served, spec, place.image)}
    kept = ("imagePullSecrets", "serviceAccountName", "runtimeClassName", "os", "hostNetwork")
    own |= {key: spec[key] for key in kept if spec.get(key)}
    meta: Tree = {
        "name": name,
        "labels": {**_LABELS},
        "annotations": {names.PULLED: place.image, **LEAVE_ALONE_ANNOTATIONS},
        "ownerReferences": [_owner(snapshot, served)],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": own}


def is_in_the_way(helper: Pod, budgets: Iterable[Pdb]) -> bool:
    """Whether its controller keeps a PodDisruptionBudget from being counted (`_owner`)."""
    return helper.metadata.controller() is not None and _is_selected(budgets)


def _owner(snapshot: Snapshot, served: Pod) -> Tree:
    """The served Pod, with which it goes; and for those who leave nothing without a controller alone, its controller.

    Not where a PodDisruptionBudget selects it: the disruption controller looks for the scale of every controller of
    the Pods that it counts, a Pod has none, and until the pull Pod is gone that budget allows no disruption at all
    (getExpectedScale, failSafe).
    """
    owner = {"apiVersion": "v1", "kind": "Pod", "name": served.name, "uid": served.uid}
    return owner if _is_selected(snapshot.budgets) else {**owner, "controller": True}


def _is_selected(budgets: Iterable[Pdb]) -> bool:
    """Whether a budget selects pull Pods, by the labels that we give them: those of others could change our mind."""
    return any(selectors.matches(budget.spec.selector, _LABELS) for budget in budgets)


def _place(node: str, *, gated: bool) -> Tree:
    """On this node; where admission puts scheduling gates on every Pod, by the scheduler, once they are lifted."""
    if not gated:
        return {"nodeName": node}
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def _resources(spec: Tree, image: str) -> Tree:
    """What the container that is to have the image asks for: a LimitRange or a quota has accepted that.

    No devices: there may be none left, and a pull needs none.
    """
    own = (_container_with(spec, image) or {}).get("resources") or {}
    asked = {part: {key: own[part][key] for key in _MEASURED if key in own[part]} for part in _NOTHING if own.get(part)}
    return {part: quantities for part, quantities in asked.items() if quantities}


def _user(served: Pod, spec: Tree, image: str) -> Tree:
    """As whom the served container runs: a user of ours may be refused, and root is seldom allowed."""
    name = str((_container_with(spec, image) or {}).get("name") or "")
    container = served.container(name)
    contexts = (served.spec.security_context, container.security_context if container is not None else None)
    found: Tree = {}
    for context in (context for context in contexts if isinstance(context, SecurityContext)):
        values = (context.run_as_user, context.run_as_group, context.run_as_non_root)
        keys = ("runAsUser", "runAsGroup", "runAsNonRoot")
        found |= {key: value for key, value in zip(keys, values, strict=True) if value is not None}
    return found


def _container_with(spec: Tree, image: str) -> Tree | None:
    every = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return next((one for one in every if one.get("image") == image), None)
