"""Pull Pods, which pull an image onto a node: builds them and reads their image and state."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct

from inplace.core.kinds import Template
from inplace.core.objects import images, names
from inplace.core.objects.model import Pod, Tree, Workload
from inplace.core.rollout.snapshot import Snapshot

#: Its one container; admission may have added others.
CONTAINER: Final = "pull"
#: The prefix of the names of pull Pods.
PREFIX: Final = "inplace-pull-"


def workloads_served(pod: Pod) -> tuple[str, ...]:
    """The uids of the workloads that a pull Pod was created for; empty for other Pods.

    The label alone makes none: anybody can write it, into a Pod template for instance. A pull Pod has a name of ours,
    and no controller.
    """
    meta = pod.metadata
    ours = meta.name.startswith(PREFIX) and meta.label(names.HELPER) is not None and meta.controller() is None
    return tuple(owner.uid for owner in meta.owner_references) if ours else ()


def is_abandoned(pod: Pod) -> bool:
    """Whether it is a pull Pod of ours whose owner has been taken away."""
    meta = pod.metadata
    ours = meta.name.startswith(PREFIX) and meta.label(names.HELPER) == names.PRE_PULL
    return ours and bool(image_of(pod)) and not meta.owner_references


def image_of(helper: Pod) -> str:
    """The image that it was created for, even if admission rewrote it."""
    return helper.metadata.annotation(names.PULLED) or ""


def image_id(helper: Pod) -> str:
    """The imageID reported by its node's runtime; empty before the image is pulled."""
    status = helper.container_status(CONTAINER)
    return status.image_id if status is not None else ""


def is_pulling(helper: Pod) -> bool:
    """Whether it is still pulling."""
    return not image_id(helper) and not helper.over


def digests(helpers: Iterable[Pod]) -> dict[tuple[str, str], str]:
    """By node and image: the digest that a container of it will have, as reported by that node's runtime."""
    found = (((one.spec.node_name, image_of(one)), images.digest_of(image_id(one))) for one in helpers)
    return {key: digest for key, digest in found if digest}


def name_of(workload: Workload, place: ImageOnNode) -> str:
    """The name of the pull Pod: deterministic, so that two leaders create only one."""
    text = "|".join((workload.metadata.uid, place.node, place.image))
    return f"{PREFIX}{hashlib.sha256(text.encode()).hexdigest()[:20]}"


#: After this many seconds the kubelet ends a pull Pod; if it is still needed, another one is created.
LIFETIME_SECONDS: Final = 3600


#: A command that no image has: nothing of the image is ever executed.
_COMMAND: Final = "/inplace.dev/this-image-is-only-pulled"


#: Not root, and unlikely to be a user of the image.
_NOBODY: Final = 65532


class ImageOnNode(Struct, frozen=True):
    """An image on a node, and the pull policy with which it is to get there."""

    node: str
    image: str
    policy: str = "IfNotPresent"


def manifest(snapshot: Snapshot, place: ImageOnNode, name: str, target: Template) -> Tree:
    """The pull Pod: the node, owner and credentials of the Pod; no rights, no resources, nothing to run.

    It is admitted under PodSecurity `restricted`. Its owner is not its controller, and no selector finds it.
    """
    workload, spec = snapshot.workload, target.tree.get("spec") or {}
    owner = {
        "apiVersion": f"{snapshot.kind.group}/v1",
        "kind": snapshot.kind.name,
        "name": workload.metadata.name,
        "uid": workload.metadata.uid,
    }
    nothing = {"cpu": "0", "memory": "0"}
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": place.image,
        "imagePullPolicy": place.policy,
        "command": [_COMMAND],
        "resources": {"requests": nothing, "limits": nothing},
    }
    own: dict[str, Any] = {
        "nodeName": place.node,
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 1,
        "activeDeadlineSeconds": LIFETIME_SECONDS,
        "tolerations": [{"operator": "Exists"}],
        "containers": [container],
    }
    if (spec.get("os") or {}).get("name") != "windows":
        container["securityContext"] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        nobody = {"runAsNonRoot": True, "runAsUser": _NOBODY, "seccompProfile": {"type": "RuntimeDefault"}}
        own["securityContext"] = nobody
    kept = ("imagePullSecrets", "serviceAccountName", "runtimeClassName", "os")
    own |= {key: spec[key] for key in kept if spec.get(key)}
    meta: Tree = {
        "name": name,
        "labels": {names.HELPER: names.PRE_PULL},
        "annotations": {names.PULLED: place.image},
        "ownerReferences": [owner],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": own}
